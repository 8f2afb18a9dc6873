"""The commands `deskwatch alert` and `deskwatch subscriptions`."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click
import msgspec
import structlog

from alerting.channels.wiring import create_channels
from alerting.deciding.freezing import Context, freeze
from alerting.delivery import Frozen
from alerting.ledger.ledger import Ledger
from alerting.rendering.examples import example_spike
from alerting.rendering.previewing import preview
from alerting.rules.matching import Match
from alerting.rules.roster import Roster
from alerting.rules.routing import routes as find_routes
from alerting.rules.subscriptions import load, run_tests
from alerting.service import Service
from alerting.settings import AlertingSettings
from deskwatch.cli import load_settings
from deskwatch.clock import SystemClock
from deskwatch.configfile import nearest
from deskwatch.errors import DeliveryError
from deskwatch.records import DeliveryKind, DeliveryState, Severity
from deskwatch.settings import Settings, load_section
from deskwatch.telemetry import Health, TelemetryServer, build_registry, configure_logging

_log = structlog.get_logger()


@click.command()
@click.pass_context
def alert(ctx: click.Context) -> None:
    """Tell subscribers of spikes: read `spikes`, send mails and Slack messages, each once.

    SIGTERM or Ctrl-C ends it after what is under way; what is left goes out at the next start.
    """
    settings, alerting = load_settings(ctx), _load_alerting(ctx)
    roster = load(Path(settings.config_dir))
    configure_logging(settings.log_level, as_json=settings.log_json)
    asyncio.run(_serve(settings, alerting, roster))


@click.group()
def subscriptions() -> None:
    """Try the rules, look at an alert, send a test."""


@subscriptions.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.pass_context
def test(ctx: click.Context, directory: Path | None) -> None:
    """Run the tests inside the subscription files of DIRECTORY (the configuration)."""
    number, problems = run_tests(directory or Path(load_settings(ctx).config_dir))
    for problem in problems:
        click.echo(str(problem), err=True)
    if problems:
        ctx.exit(1)
    click.echo(f"{number} tests, all as expected")


@subscriptions.command()
@click.option("--theme", required=True, help="The episode's theme.")
@click.option(
    "--severity",
    type=click.Choice([severity.value for severity in Severity]),
    default="high",
    show_default=True,
    help="Its severity.",
)
@click.option("--language", help="The language of its reports, such as en.")
@click.option("--at", help="When, such as 2026-11-23T23:10+08:00 [default: now].")
@click.pass_context
def routes(ctx: click.Context, theme: str, severity: str, language: str | None, at: str | None) -> None:
    """Say who would be told of an episode: each target, at once or held until when, and by which line of a file."""
    roster = load(Path(load_settings(ctx).config_dir))
    known = {name for placed in roster.subscriptions for name in placed.subscription.themes} | set(roster.titles)
    if theme not in known:
        hint = nearest(theme, known)
        raise click.BadParameter(
            f"no theme '{theme}'" + (f" (did you mean '{hint}'?)" if hint else ""), param_hint="--theme"
        )
    moment = _moment(at)
    spike = msgspec.structs.replace(
        example_spike(theme, moment), severity=Severity(severity), languages=(language,) if language else ()
    )
    found = list(find_routes(spike, roster, moment))
    widths = [max(len(route[i]) for route in found) for i in (0, 1)]
    for route in found:
        click.echo(f"{route.name:<{widths[0]}}  {route.verdict:<{widths[1]}}  {route.because}")


subscriptions.add_command(preview)


@subscriptions.command("send-test")
@click.argument("subscriber")
@click.option("--theme", help="The theme of the invented episode (the subscriber's first).")
@click.pass_context
def send_test(ctx: click.Context, subscriber: str, theme: str | None) -> None:
    """Send an alert that is marked TEST to every target of SUBSCRIBER."""
    settings, alerting = load_settings(ctx), _load_alerting(ctx)
    roster = load(Path(settings.config_dir))
    if subscriber not in roster.subscribers:
        hint = nearest(subscriber, roster.subscribers)
        suggestion = f" (did you mean '{hint}'?)" if hint else ""
        raise click.BadParameter(f"no subscriber '{subscriber}'{suggestion}", param_hint="SUBSCRIBER")
    because = tuple(placed for placed in roster.subscriptions if placed.subscription.subscriber == subscriber)
    if not because:
        raise click.BadParameter(f"'{subscriber}' has no subscription", param_hint="SUBSCRIBER")
    now = datetime.now(UTC)
    spike = example_spike(theme or because[0].subscription.themes[0], now)
    tests = [
        freeze(
            spike,
            Match(subscriber=one, target=target, because=because),
            Context(settings=alerting, now=now, test=True),
        )
        for one, target in roster.targets()
        if one.name == subscriber
    ]
    failed = asyncio.run(_send_tests(tests, alerting, roster))
    for error in failed:
        click.echo(f"error: {error}", err=True)
    if failed:
        ctx.exit(1)


async def _send_tests(tests: list[Frozen], alerting: AlertingSettings, roster: Roster) -> list[DeliveryError]:
    """Send each test once, and return those that did not (certainly) get through."""
    channels = create_channels(alerting, roster, os.environ)
    failed = []
    try:
        for frozen in tests:
            outcome = await channels[frozen.channel].send(frozen)
            if outcome.state is DeliveryState.SENT:
                click.echo(f"sent to {frozen.name} ({frozen.address}) as {outcome.provider_ref}")
                continue
            ambiguous = outcome.state is DeliveryState.UNKNOWN
            recoverable = outcome.state is not DeliveryState.DEAD
            detail = f"{outcome.reason}: {outcome.detail}"
            failed.append(DeliveryError(frozen.name, detail, recoverable=recoverable, ambiguous=ambiguous))
    finally:
        for channel in channels.values():
            await channel.close()
    return failed


async def _serve(settings: Settings, alerting: AlertingSettings, roster: Roster) -> None:
    # The other commands do without Kafka.
    from alerting.answers.backchannel import open_backchannel, read_secrets
    from alerting.rendering.history import History
    from alerting.topics.mirroring import KafkaMirror
    from alerting.topics.spikes import KafkaSource, instance_id
    from alerting.topics.tailing import BucketTail, KafkaActions

    channels, secrets = create_channels(alerting, roster, os.environ), read_secrets(alerting, os.environ)
    registry, health, stop = build_registry("alert", version("deskwatch")), Health(), asyncio.Event()
    health.expect("spikes")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with (
        Ledger(Path(settings.state_dir), instance_id(settings)) as ledger,
        TelemetryServer(registry, health, host=settings.metrics_host, port=settings.metrics_port) as server,
    ):
        _log.info("telemetry.serving", service="alert", port=server.port)
        mirror = await asyncio.to_thread(KafkaMirror, settings)
        source = await asyncio.to_thread(KafkaSource, settings, mirror)
        actions = await asyncio.to_thread(KafkaActions, settings)
        history = History()
        buckets = BucketTail(settings, history)

        def beat() -> None:
            health.beat()
            health.set("spikes", source.is_assigned())

        try:
            async with open_backchannel(
                settings,
                alerting,
                secrets,
                channels,
                ledger,
                lambda: service.dispatch.roster,
                registry=registry,
                clock=SystemClock(),
            ) as back:
                service = Service(
                    ledger,
                    roster,
                    source,
                    mirror,
                    back.channels,
                    settings=alerting,
                    registry=registry,
                    clock=SystemClock(),
                    beat=beat,
                    announce=Announcer(click.echo) if alerting.announce else lambda _: None,
                    actions=actions,
                    history=history,
                    config_dir=Path(settings.config_dir),
                    silences=back.silences,
                    offerer=back.offerer,
                    seal=back.seal,
                    companions=back.companions,
                )
                await service.run(stop)
        finally:
            await source.close()
            await actions.close()
            await asyncio.to_thread(buckets.close)
            await mirror.close()
    _log.info("alert.stopped")


class Announcer:
    """Prints what was sent: each message's block once, then one line for each target that got it."""

    def __init__(self, echo: Callable[[str], None]) -> None:
        self._echo = echo
        self._shown: set[tuple[str, int, str]] = set()

    def __call__(self, frozen: Frozen) -> None:
        """Print one delivery."""
        if frozen.kind is DeliveryKind.EDIT:
            self._echo(f" ✎ {frozen.name} ({frozen.address}), edited")
            return
        message = (frozen.spike_id or frozen.key, frozen.revision, frozen.kind)
        if message not in self._shown:
            self._shown.add(message)
            self._echo(frozen.summary)
        self._echo(f" → {frozen.name} ({frozen.address})")


def _load_alerting(ctx: click.Context) -> AlertingSettings:
    return load_section(AlertingSettings, "alerting", os.environ, ctx.find_root().obj)


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"'{text}' is no time such as 2026-11-23T23:10+08:00", param_hint="--at") from error
    if moment.tzinfo is None:
        raise click.BadParameter(f"'{text}' does not say in which zone: add Z or +08:00", param_hint="--at")
    return moment.astimezone(UTC)
