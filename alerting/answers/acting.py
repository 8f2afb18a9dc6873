"""The commands `deskwatch explain` and `deskwatch actions`: what became of an episode, and what to do about it."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import msgspec
from kafka.errors import KafkaError

from alerting.ledger.explaining import explain as explain_case
from alerting.ledger.explaining import find
from alerting.ledger.file import FILE
from alerting.ledger.lookup import Known, from_ledger, from_topics
from alerting.rules.hours import LONGEST, read_length
from alerting.rules.roster import Roster
from alerting.rules.silencing import Silences, end_of
from alerting.rules.subscriptions import load
from deskwatch import clients, codec, topics
from deskwatch.cli import load_settings
from deskwatch.commands import talking_to_broker
from deskwatch.configfile import nearest
from deskwatch.errors import CodecError, PublishError
from deskwatch.records import Action, Delivery, DeliveryKind, Verb
from deskwatch.settings import Settings

ACKNOWLEDGED_WITHIN_S = 15.0


@click.command()
@click.argument("identity", metavar="ID")
@click.option("--subscriber", help="Only this one, and why it got nothing if it did not.")
@click.pass_context
def explain(ctx: click.Context, identity: str, subscriber: str | None) -> None:
    """Say why an alert was sent, or was not.

    ID is that of an episode (its beginning will do) or the key of a message, as alerts show it. Reads the ledger of
    this machine if there is one, else the topics.

    \b
    Exit codes: 0 explained, 1 no such episode, or its id's beginning is that of several.
    """
    settings = load_settings(ctx)
    roster = load(Path(settings.config_dir))
    spikes, deliveries = _known(settings)
    case = find(spikes, deliveries, identity)
    if case is None:
        hint = nearest(identity, {spike.spike_id for spike in spikes})
        raise click.ClickException(
            f"no episode, or more than one, begins with '{identity}'" + (f" (did you mean '{hint}'?)" if hint else "")
        )
    if subscriber is not None:
        _check_subscriber(subscriber, roster, deliveries)
    for line in explain_case(case, roster, subscriber):
        click.echo(line)


@click.group()
def actions() -> None:
    """Silence a theme or an episode for a while, acknowledge an episode, see what holds, and end it."""


@actions.command()
@click.argument("subscriber")
@click.argument("about", metavar="THEME|EPISODE")
@click.option("--for", "length", default="4h", show_default=True, help="How long: 30m, 4h, 7d; at most 30 days.")
@click.option("--by", default="", help="Who wants it.")
@click.option("--note", default="", help="Why.")
@click.option("--dry-run", is_flag=True, help="Only say what it would have kept back in the last 30 days.")
@click.pass_context
def silence(ctx: click.Context, subscriber: str, about: str, length: str, by: str, note: str, dry_run: bool) -> None:
    """Hold back all messages to SUBSCRIBER ("*": everybody) about a theme or an episode until it ends.

    What is held is told afterwards, if it is still true, or named in a digest. Critical episodes are held too.
    """
    settings = load_settings(ctx)
    roster = load(Path(settings.config_dir))
    spikes, deliveries = _known(settings)
    if subscriber != "*":
        _check_subscriber(subscriber, roster, deliveries)
    themes = {theme for placed in roster.subscriptions for theme in placed.subscription.themes}
    episodes = {spike.spike_id for spike in spikes}
    if about not in themes | episodes:
        hint = nearest(about, themes | episodes)
        suggestion = f" (did you mean '{hint}'?)" if hint else ""
        raise click.BadParameter(f"no theme or episode '{about}'{suggestion}", param_hint="THEME|EPISODE")
    now = datetime.now(UTC)
    until = now + _length(length)
    click.echo(cost(deliveries, subscriber, about, now), err=True)
    if dry_run:
        return
    _publish(
        settings,
        Action(
            action_id=uuid.uuid4().hex,
            verb=Verb.SILENCE,
            subscriber=subscriber,
            at=now,
            theme=about if about in themes else "",
            spike_id="" if about in themes else about,
            until=until,
            by=by,
            note=note,
        ),
    )
    click.echo(f"{about} is silent for {subscriber} until {until:%Y-%m-%d %H:%M} UTC")


@actions.command()
@click.argument("subscriber")
@click.argument("episode")
@click.option("--by", default="", help="Who took note.")
@click.pass_context
def acknowledge(ctx: click.Context, subscriber: str, episode: str, by: str) -> None:
    """Say that somebody of SUBSCRIBER has taken note of EPISODE: it is not escalated any more."""
    settings = load_settings(ctx)
    spikes, deliveries = _known(settings)
    _check_subscriber(subscriber, load(Path(settings.config_dir)), deliveries)
    if (case := find(spikes, deliveries, episode)) is None:
        raise click.BadParameter(f"no episode, or more than one, begins with '{episode}'", param_hint="EPISODE")
    spike_id = case.spikes[-1].spike_id
    _publish(
        settings,
        Action(
            action_id=uuid.uuid4().hex,
            verb=Verb.ACKNOWLEDGE,
            subscriber=subscriber,
            at=datetime.now(UTC),
            spike_id=spike_id,
            by=by,
        ),
    )
    click.echo(f"{spike_id} is acknowledged for {subscriber}")


@actions.command()
@click.argument("subscriber")
@click.argument("about", metavar="THEME|EPISODE")
@click.option("--target", default="", help="Of an unsubscription: the target that unsubscribed, as `list` shows it.")
@click.option("--by", default="", help="Who wants it.")
@click.pass_context
def end(ctx: click.Context, subscriber: str, about: str, target: str, by: str) -> None:
    """End what keeps messages to SUBSCRIBER back about a theme or an episode: a silence, or an unsubscription."""
    settings, now = load_settings(ctx), datetime.now(UTC)
    who = f"{subscriber}/{target}" if target else subscriber
    found = [
        action
        for action in _silences(settings).current(now)
        if (action.subscriber, action.theme or action.spike_id, action.target) == (subscriber, about, target)
    ]
    if not found:
        raise click.ClickException(f"nothing keeps messages to {who} about {about} back: see `deskwatch actions list`")
    for action in found:
        ended = msgspec.structs.replace(action, action_id=uuid.uuid4().hex, at=now, until=now, by=by, note="")
        _publish(settings, ended)
    click.echo(f"{who} hears of {about} again")


@actions.command("list")
@click.pass_context
def list_silences(ctx: click.Context) -> None:
    """Print the silences and unsubscriptions that hold: until when, for whom, of what, by whom and why."""
    silences, now = _silences(load_settings(ctx)), datetime.now(UTC)
    for action in sorted(silences.current(now), key=lambda one: (one.verb is Verb.UNSUBSCRIBE, end_of(one))):
        about, who = action.theme or action.spike_id, "/".join(filter(None, (action.subscriber, action.target)))
        words = " ".join(filter(None, (f"by {action.by}" if action.by else "", action.note)))
        until = "unsubscribed" if action.verb is Verb.UNSUBSCRIBE else f"{end_of(action):%Y-%m-%d %H:%M} UTC"
        line = f"{until}  {who}  {about}  {words}".rstrip()
        click.echo("".join(char if char.isprintable() else "\ufffd" for char in line))


def cost(deliveries: Iterable[Delivery], subscriber: str, about: str, now: datetime) -> str:
    """Return how much a silence would have kept back in the last 30 days."""
    openings = [
        one
        for one in {one.delivery_key: one for one in deliveries}.values()
        if one.kind is DeliveryKind.OPENING
        and about in (one.theme, one.spike_id)
        and subscriber in ("*", one.subscriber)
        and one.at > now - LONGEST
    ]
    episodes = {one.spike_id for one in openings}
    return f"In the last 30 days it would have kept back {len(openings)} messages about {len(episodes)} episodes."


def _silences(settings: Settings) -> Silences:
    """Return what all actions on the topic come to; what is none is said, and left out."""
    silences = Silences()
    with talking_to_broker(settings):
        for message in clients.read_messages(settings, topics.ACTIONS.name):
            try:
                record = codec.decode(message.value, message.headers)
            except CodecError as error:
                click.echo(f"action at offset {message.offset}: {error}", err=True)
                continue
            if isinstance(record, Action):
                silences.take(record)
    return silences


def _length(text: str) -> timedelta:
    try:
        return read_length(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--for") from error


def _known(settings: Settings) -> Known:
    directory = Path(settings.state_dir)
    if (directory / FILE).exists():
        try:
            return from_ledger(directory)
        except sqlite3.Error as error:
            raise click.ClickException(f"{directory / FILE}: {error}") from error
    with talking_to_broker(settings):
        return from_topics(settings)


def _check_subscriber(name: str, roster: Roster, deliveries: Iterable[Delivery]) -> None:
    names = {*roster.subscribers, *(one.subscriber for one in deliveries)}
    if name not in names:
        hint = nearest(name, names)
        suggestion = f" (did you mean '{hint}'?)" if hint else ""
        raise click.BadParameter(f"no subscriber '{name}'{suggestion}", param_hint="SUBSCRIBER")


def _publish(settings: Settings, action: Action) -> None:
    topic = settings.topic(topics.ACTIONS.name)
    with talking_to_broker(settings), closing(clients.create_producer(settings)) as producer:
        sent = producer.send(
            topic, key=action.action_id.encode(), value=codec.encode(action), headers=codec.headers_of(action)
        )
        try:
            sent.get(timeout=ACKNOWLEDGED_WITHIN_S)
        except KafkaError as error:
            raise PublishError(topic, f"{type(error).__name__}: {error}") from error
