"""Which channel sends what, as the settings say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alerting.channels import Channel
from alerting.folder import FolderChannel
from alerting.roster import Roster
from alerting.settings import AlertingSettings, read_secret
from alerting.slackapi import SlackChannel
from alerting.smtp import SmtpChannel
from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError


def create_channels(settings: AlertingSettings, roster: Roster, environ: Mapping[str, str]) -> dict[str, Channel]:
    """Return a channel for every kind of target: the folder if there is one, else the MTA and Slack.

    Raises:
        ConfigError: a secret that is needed cannot be had.
    """
    if settings.outbox_dir:
        folder = FolderChannel(Path(settings.outbox_dir))
        return {"mail": folder, "slack": folder}
    password = read_secret(
        environ, env=settings.smtp_password_env, file=settings.smtp_password_file, what="password for SMTP"
    )
    token = read_secret(environ, env=settings.slack_token_env, file=settings.slack_token_file, what="token for Slack")
    slack = [f"{subscriber.name}/{target.name}" for subscriber, target in roster.targets() if target.channel == "slack"]
    if slack and not token:
        message = f"slack_token_env or slack_token_file is missing, but {slack[0]} is a Slack channel"
        raise ConfigError([Problem("alerting settings", 1, 1, message)])
    return {
        "mail": SmtpChannel(settings, password),
        "slack": SlackChannel(base_url=settings.slack_base_url, token=token, timeout_s=settings.slack_timeout_s),
    }
