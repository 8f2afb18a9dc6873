"""Which channel sends what, as the settings say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from alerting.channels.appriseapi import AppriseChannel, load_apprise
from alerting.channels.folder import FolderChannel
from alerting.channels.hooking import HookChannel
from alerting.channels.ntfyapi import NtfyChannel
from alerting.channels.pagerdutyapi import PagerDutyChannel
from alerting.channels.posting import Poster
from alerting.channels.slackapi import SlackChannel
from alerting.channels.smtp import SmtpChannel
from alerting.delivery import Channel
from alerting.rules.references import follow, follow_to_url
from alerting.rules.roster import CHANNELS, Roster, Target
from alerting.settings import AlertingSettings, read_secret
from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError


def create_channels(settings: AlertingSettings, roster: Roster, environ: Mapping[str, str]) -> dict[str, Channel]:
    """Return a channel for every kind of target: the folder if there is one, else what really sends.

    Raises:
        ConfigError: secrets that are needed cannot be had, or Apprise is needed and not installed.
    """
    if settings.outbox_dir:
        return dict.fromkeys(CHANNELS, FolderChannel(Path(settings.outbox_dir)))
    password = read_secret(
        environ, env=settings.smtp_password_env, file=settings.smtp_password_file, what="password for SMTP"
    )
    token = read_secret(environ, env=settings.slack_token_env, file=settings.slack_token_file, what="token for Slack")
    ntfy = read_secret(environ, env=settings.ntfy_token_env, file=settings.ntfy_token_file, what="token for ntfy")
    slack = [f"{subscriber.name}/{target.name}" for subscriber, target in roster.targets() if target.channel == "slack"]
    if slack and not token:
        message = f"slack_token_env or slack_token_file is missing, but {slack[0]} is a Slack channel"
        raise ConfigError([Problem("alerting settings", 1, 1, message)])
    if missing := [problem for _, target in roster.targets() for problem in _missing(target, environ)]:
        raise ConfigError(sorted(set(missing)))
    poster = Poster(timeout_s=settings.http_timeout_s)
    hooks = HookChannel(poster, environ)
    return {
        "mail": SmtpChannel(settings, password),
        "slack": SlackChannel(base_url=settings.slack_base_url, token=token, timeout_s=settings.slack_timeout_s),
        "teams": hooks,
        "webhook": hooks,
        "ntfy": NtfyChannel(poster, base_url=settings.ntfy_base_url, token=ntfy),
        "pagerduty": PagerDutyChannel(poster, environ, base_url=settings.pagerduty_base_url),
        "apprise": AppriseChannel(environ, timeout_s=settings.http_timeout_s),
    }


def _missing(target: Target, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Yield what a target needs and cannot be had now; later, its messages would wait for it."""
    where, _, signed_with = target.address.partition(" ")
    try:
        match target.channel:
            case "teams" | "webhook":
                follow_to_url(where, environ, "address of the webhook")
                if signed_with:
                    follow(signed_with, environ, "secret of the webhook")
            case "pagerduty":
                follow(where, environ, "routing key of PagerDuty")
            case "apprise":
                load_apprise()
                follow(where, environ, "Apprise URL")
    except ConfigError as error:
        yield from error.problems
