"""All that officers send back, wired as the settings say: links, Slack's buttons, mails that come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import structlog
from prometheus_client import CollectorRegistry

from alerting.answers.answering import Answering, AnsweringServer
from alerting.answers.bouncing import Bounces, bar
from alerting.answers.filing import Clerk, ClickDesk
from alerting.answers.socketmode import SocketMode
from alerting.content.offering import Offerer
from alerting.content.tokens import Signer
from alerting.delivery import Channel
from alerting.ledger.ledger import Ledger
from alerting.metrics import AnsweringMetrics
from alerting.rendering.sealing import Seal, create_seal
from alerting.rules.roster import Roster
from alerting.rules.silencing import Silences
from alerting.settings import AlertingSettings, read_secret
from alerting.topics.ports import Companion
from deskwatch.clock import Clock
from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError
from deskwatch.settings import Settings

_log = structlog.get_logger()


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings point at."""

    signer: Signer | None
    app_token: str
    seal: Seal | None


class Backchannel(msgspec.Struct, frozen=True, kw_only=True):
    """What the service gets of it."""

    silences: Silences
    offerer: Offerer
    seal: Seal | None
    companions: tuple[Companion, ...]
    channels: Mapping[str, Channel]


def read_secrets(settings: AlertingSettings, environ: Mapping[str, str]) -> Secrets:
    """Return the secrets of the way back.

    Raises:
        ConfigError: one that is named cannot be had, or is too short.
    """
    env, file = settings.action_secret_env, settings.action_secret_file
    secret = read_secret(environ, env=env, file=file, what="secret that signs links")
    token = read_secret(
        environ,
        env=settings.slack_app_token_env,
        file=settings.slack_app_token_file,
        what="app token for Slack's buttons",
    )
    try:
        signer = Signer(secret.encode()) if secret else None
    except ValueError as error:
        raise ConfigError([Problem(f"${env}" if env else file, 1, 1, str(error))]) from error
    if bool(settings.public_url) != bool(signer):
        message = "public_url and the secret that signs links (action_secret_env or action_secret_file) need each other"
        raise ConfigError([Problem("alerting settings", 1, 1, message)])
    return Secrets(signer=signer, app_token=token, seal=create_seal(settings))


@asynccontextmanager
async def open_backchannel(
    settings: Settings,
    alerting: AlertingSettings,
    secrets: Secrets,
    channels: Mapping[str, Channel],
    ledger: Ledger,
    roster: Callable[[], Roster],
    *,
    registry: CollectorRegistry,
    clock: Clock,
) -> AsyncIterator[Backchannel]:
    """Serve the pages behind links while it is open, and yield the rest for the service to run."""
    # What needs no broker does not import its client.
    from alerting.answers.actionsink import KafkaActionSink

    metrics, silences = AnsweringMetrics(registry), Silences()
    companions: list[Companion] = []
    async with AsyncExitStack() as stack:
        if secrets.signer or secrets.app_token:
            sink = await asyncio.to_thread(KafkaActionSink, settings)
            stack.push_async_callback(sink.close)
            clerk = Clerk(sink.publish, silences)
            if secrets.app_token:
                companions.append(_listen(alerting, secrets.app_token, clerk, ledger, metrics, clock).run)
            if secrets.signer:
                answering = Answering(
                    secrets.signer, clerk, ledger, roster, silences, settings=alerting, metrics=metrics, clock=clock
                )
                server = await stack.enter_async_context(AnsweringServer(answering, alerting, metrics))
                _log.info("links.serving", port=server.port, public_url=alerting.public_url)
        if alerting.bounce_dir:
            bounces = Bounces(Path(alerting.bounce_dir), ledger, metrics, clock)
            await bounces.look()
            companions.append(bounces.run)
            channels = bar(channels, bounces)
        yield Backchannel(
            silences=silences,
            offerer=Offerer(signer=secrets.signer, public_url=alerting.public_url, buttons=bool(secrets.app_token)),
            seal=secrets.seal,
            companions=tuple(companions),
            channels=channels,
        )


def _listen(
    alerting: AlertingSettings,
    token: str,
    clerk: Clerk,
    ledger: Ledger,
    metrics: AnsweringMetrics,
    clock: Clock,
) -> SocketMode:
    return SocketMode(
        base_url=alerting.slack_base_url,
        token=token,
        timeout_s=alerting.slack_timeout_s,
        file=ClickDesk(clerk, ledger, metrics, clock).file,
        metrics=metrics,
    )
