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
import structlog

from alerting.channels import Frozen
from alerting.examples import example_spike
from alerting.intake import freeze
from alerting.ledger import Ledger
from alerting.mail import render_html, render_text
from alerting.matching import Match
from alerting.message import Alert, compose
from alerting.roster import Placed, Roster, Subscriber, Subscription, Target
from alerting.service import Service
from alerting.settings import AlertingSettings
from alerting.subscriptions import load, run_tests
from alerting.wiring import create_channels
from deskwatch.cli import load_settings
from deskwatch.clock import SystemClock
from deskwatch.configfile import nearest
from deskwatch.errors import DeliveryError
from deskwatch.records import DeliveryState
from deskwatch.settings import Settings, load_section
from deskwatch.telemetry import Health, TelemetryServer, build_registry, configure_logging

_log = structlog.get_logger()

_FORMATS = ("text", "html", "slack", "eml")


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
@click.option(
    "--format",
    "kind",
    type=click.Choice(_FORMATS),
    default="text",
    show_default=True,
    help="What the alert is rendered as.",
)
@click.option("--theme", default="taiwan", show_default=True, help="The theme of the invented episode.")
@click.pass_context
def preview(ctx: click.Context, kind: str, theme: str) -> None:
    """Print an alert about an invented episode, as text, HTML, Slack's JSON or a whole mail."""
    alerting, found, now = _load_alerting(ctx), _invented_match(theme), datetime.now(UTC)
    spike = example_spike(theme, now)
    words: Alert = compose(spike, found)
    if kind in ("text", "html"):
        render: Callable[[Alert, AlertingSettings], str] = render_text if kind == "text" else render_html
        click.echo(render(words, alerting), nl=False)
        return
    target = Target(name="mail", email="desk@example.org") if kind == "eml" else Target(name="slack", slack="#desk")
    found = Match(subscriber=found.subscriber, target=target, because=found.because)
    click.echo(freeze(spike, found, settings=alerting, created_at=now).body)


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
            spike, Match(subscriber=one, target=target, because=because), settings=alerting, created_at=now, test=True
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
    from alerting.kafka import KafkaMirror, KafkaSource  # the other commands do without Kafka

    channels = create_channels(alerting, roster, os.environ)
    registry, health, stop = build_registry("alert", version("deskwatch")), Health(), asyncio.Event()
    health.expect("spikes")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with (
        Ledger(Path(settings.state_dir)) as ledger,
        TelemetryServer(registry, health, host=settings.metrics_host, port=settings.metrics_port) as server,
    ):
        _log.info("telemetry.serving", service="alert", port=server.port)
        mirror = await asyncio.to_thread(KafkaMirror, settings)
        source = await asyncio.to_thread(KafkaSource, settings, mirror)

        def beat() -> None:
            health.beat()
            health.set("spikes", source.is_assigned())

        service = Service(
            ledger,
            roster,
            source,
            mirror,
            channels,
            settings=alerting,
            registry=registry,
            clock=SystemClock(),
            beat=beat,
            announce=Announcer(click.echo) if alerting.announce else lambda _: None,
        )
        try:
            await service.run(stop)
        finally:
            await source.close()
            await mirror.close()
    _log.info("alert.stopped")


class Announcer:
    """Prints what was sent: an episode's block once, then one line for each target."""

    def __init__(self, echo: Callable[[str], None]) -> None:
        self._echo = echo
        self._shown: set[str] = set()

    def __call__(self, frozen: Frozen) -> None:
        """Print one delivery."""
        if frozen.spike_id not in self._shown:
            self._shown.add(frozen.spike_id)
            self._echo(frozen.summary)
        self._echo(f" → {frozen.name} ({frozen.address})")


def _load_alerting(ctx: click.Context) -> AlertingSettings:
    return load_section(AlertingSettings, "alerting", os.environ, ctx.find_root().obj)


def _invented_match(theme: str) -> Match:
    subscription = Subscription(name="example", subscriber="example-desk", themes=(theme,))
    target = Target(name="mail", email="desk@example.org")
    subscriber = Subscriber(name="example-desk", targets=(target,), timezone="Europe/Paris")
    return Match(
        subscriber=subscriber,
        target=target,
        because=(Placed(subscription=subscription, place="subscriptions/example.yaml:1"),),
    )
