"""What the alerting service needs to know beside the shared settings; secrets only by the name of where they are."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from email.utils import parseaddr
from pathlib import Path
from typing import Literal

import msgspec

from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError

Tls = Literal["starttls", "implicit", "none"]


class AlertingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section `alerting` of the settings file, or DESKWATCH_ALERTING_* in the environment."""

    public_name: str = "Deskwatch"  # how the service calls itself in mails
    sender: str = "Deskwatch <deskwatch@localhost>"
    contact: str = ""  # a person's address: Reply-To, and where "unsubscribe" goes

    smtp_host: str = "127.0.0.1"
    smtp_port: int = 25
    smtp_tls: Tls = "starttls"  # `none` only towards this machine
    smtp_username: str = ""
    smtp_password_env: str = ""
    smtp_password_file: str = ""
    smtp_timeout_s: float = 60.0  # a server may think for long after the final dot (RFC 5321, 4.5.3.2.6)
    reconcile_log: str = ""  # the main log of the MTA, where an ambiguous mail is looked up before it goes again

    slack_token_env: str = ""
    slack_token_file: str = ""
    slack_base_url: str = "https://slack.com/api/"
    slack_timeout_s: float = 10.0
    slack_gap_s: float = 1.0  # Slack allows one message a second to a channel

    outbox_dir: str = ""  # if set, alerts become files there instead of being sent
    announce: bool = False  # print every alert that was sent on stdout

    settle_s: float = 30.0  # an ambiguous send is looked up after so long: it may still arrive until then
    retry_base_s: float = 2.0
    retry_max_s: float = 300.0
    give_up_after_s: float = 86_400.0
    max_age_s: float = 0.0  # spikes recorded longer ago are not alerted; 0: whatever the age

    def __post_init__(self) -> None:
        """Refuse what could not work, or would send secrets in the clear."""
        if "@" not in parseaddr(self.sender)[1]:
            raise ValueError(f"sender '{self.sender}' has no address")
        if self.contact and "@" not in parseaddr(self.contact)[1]:
            raise ValueError(f"contact '{self.contact}' is no address")
        if self.smtp_tls == "none" and not _is_loopback(self.smtp_host):
            raise ValueError(f"smtp_tls 'none' is for this machine only, not for {self.smtp_host}")
        for what in ("smtp_password", "slack_token"):
            if getattr(self, f"{what}_env") and getattr(self, f"{what}_file"):
                raise ValueError(f"{what}_env and {what}_file exclude each other")

    @property
    def domain(self) -> str:
        """Return the domain of the sender, which also names our messages."""
        return parseaddr(self.sender)[1].rpartition("@")[2]


def read_secret(environ: Mapping[str, str], *, env: str, file: str, what: str) -> str:
    """Return a secret from the variable or the file that holds it; an empty string if neither is named.

    Raises:
        ConfigError: the variable is not set, or the file cannot be read.
    """
    if env:
        if not environ.get(env):
            raise ConfigError([Problem(f"${env}", 1, 1, f"is not set, but holds the {what}")])
        return environ[env]
    if file:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            detail = error.strerror if isinstance(error, OSError) else "is not UTF-8"
            raise ConfigError([Problem(os.fspath(file), 1, 1, f"{detail}, but holds the {what}")]) from error
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
