"""What the alerting service needs to know beside the shared settings; secrets only by the name of where they are."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from email.utils import parseaddr
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

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
    slack_app_token_env: str = ""  # a token of the app with connections:write: messages get buttons
    slack_app_token_file: str = ""
    slack_base_url: str = "https://slack.com/api/"
    slack_timeout_s: float = 10.0
    slack_gap_s: float = 1.0  # Slack allows one message a second to a channel

    public_url: str = ""  # where people's browsers reach `deskwatch alert`, such as https://desk.example.org/alerts
    action_secret_env: str = ""  # signs the links in messages; without it there are none
    action_secret_file: str = ""
    answer_host: str = "127.0.0.1"  # where the pages behind the links are served, for a proxy to reach
    answer_port: int = 8461

    dkim_selector: str = ""  # if set, mails are signed here and not by the MTA
    dkim_domain: str = ""  # that of the sender, if it is not set
    dkim_key_file: str = ""  # the private key, PEM
    bounce_dir: str = ""  # a maildir or directory into which the MTA delivers what comes back to the sender

    ntfy_base_url: str = "https://ntfy.sh"
    ntfy_token_env: str = ""
    ntfy_token_file: str = ""
    pagerduty_base_url: str = "https://events.pagerduty.com"
    http_timeout_s: float = 10.0  # of Teams, ntfy, webhooks, PagerDuty and Apprise

    feed_dir: str = ""  # if set, alerts.atom and alerts.json there hold the newest episodes
    feed_url: str = ""  # where that directory is served, for the feeds to say

    outbox_dir: str = ""  # if set, alerts become files there instead of being sent
    announce: bool = False  # print every alert that was sent on stdout
    simulated: bool = False  # the news are of another time than ours: say nothing of alerts that come late

    settle_s: float = 30.0  # an ambiguous send is looked up after so long: it may still arrive until then
    retry_base_s: float = 2.0
    retry_max_s: float = 300.0
    give_up_after_s: float = 86_400.0
    lease_s: float = 10.0  # a send begins at most so long after its intent; who takes over waits as long
    max_age_s: float = 7200.0  # of an episode that could not be told until now: it goes into the digest; 0: any age
    keep_days: float = 30.0  # bytes and addresses of messages, after the end of their episode

    def __post_init__(self) -> None:
        """Refuse what could not work, or would send secrets in the clear."""
        if "@" not in parseaddr(self.sender)[1]:
            raise ValueError(f"sender '{self.sender}' has no address")
        if self.contact and "@" not in parseaddr(self.contact)[1]:
            raise ValueError(f"contact '{self.contact}' is no address")
        if self.smtp_tls == "none" and not _is_loopback(self.smtp_host):
            raise ValueError(f"smtp_tls 'none' is for this machine only, not for {self.smtp_host}")
        if self.public_url and not _is_public(self.public_url):
            raise ValueError(
                f"public_url '{self.public_url}' is no https address without query (http: this machine only)"
            )
        if bool(self.dkim_selector) != bool(self.dkim_key_file):
            raise ValueError("dkim_selector and dkim_key_file need each other")
        for what in ("smtp_password", "slack_token", "slack_app_token", "action_secret", "ntfy_token"):
            if getattr(self, f"{what}_env") and getattr(self, f"{what}_file"):
                raise ValueError(f"{what}_env and {what}_file exclude each other")

        for what in ("ntfy_base_url", "pagerduty_base_url", "feed_url"):
            if (url := getattr(self, what)) and not url.startswith(("http://", "https://")):
                raise ValueError(f"{what} '{url}' is no address that begins with https:// or http://")
        has_token = self.ntfy_token_env or self.ntfy_token_file
        for what in ("pagerduty_base_url", *(["ntfy_base_url"] if has_token else [])):
            if not _is_public(getattr(self, what)):
                raise ValueError(f"{what} is no https address without user and query (http: this machine only)")

    @property
    def longest_send_s(self) -> float:
        """Return how long a send to any provider may take."""
        return max(self.smtp_timeout_s, self.slack_timeout_s, self.http_timeout_s)

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


def _is_public(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    is_plain = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    is_bare = not (parts.query or parts.fragment or "@" in parts.netloc)
    return is_plain and bool(host) and is_bare and re.fullmatch(r"[\w:/.~%\[\]-]+", url, re.ASCII) is not None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
