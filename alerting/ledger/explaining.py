"""Why an alert was sent, or was not: one episode, its revisions, and what each target had of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from alerting.content.wording import clean
from alerting.rules.matching import refusal
from alerting.rules.roster import Placed, Roster
from deskwatch.records import Delivery, DeliveryState, Spike, SpikeState

_STATES = {
    DeliveryState.HELD: "is held",
    DeliveryState.PENDING: "is about to be sent",
    DeliveryState.SENDING: "is being sent",
    DeliveryState.SENT: "was sent",
    DeliveryState.RETRY: "will be tried again",
    DeliveryState.UNKNOWN: "may have arrived; it will be looked up",
    DeliveryState.DEAD: "was given up",
    DeliveryState.FOLDED: "was told by another message",
}


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one episode: its revisions and the last state of each message, both in order."""

    spikes: tuple[Spike, ...]
    deliveries: tuple[Delivery, ...]


def explain(case: Case, roster: Roster, subscriber: str | None = None) -> Iterator[str]:
    """Yield the lines of the explanation, for one subscriber or for all."""
    last = case.spikes[-1]
    yield f"{last.spike_id} · {last.theme} · {last.kind} · {last.state}"
    yield ""
    yield "What was found"
    yield from (f"  {line}" for line in _findings(case.spikes))
    yield ""
    yield "What it rests on"
    yield from (f"  {line}" for line in _inputs(last))
    names = [subscriber] if subscriber else sorted({*roster.subscribers, *(one.subscriber for one in case.deliveries)})
    for name in names:
        yield ""
        yield f"{name}"
        yield from (f"  {line}" for line in _of_subscriber(case, roster, name))


def _findings(spikes: Sequence[Spike]) -> Iterator[str]:
    for spike in spikes:
        numbers = f"{spike.observed} observed, {spike.expected:.3g} expected, score {spike.score:.3g}"
        what = f"{spike.turn}, {spike.state}, {spike.severity}"
        yield f"{_at(spike.revised_at)}  revision {spike.revision}: {what}; {numbers}"


def _inputs(spike: Spike) -> Iterator[str]:
    usual = f"normal {spike.expected_low:g} to {spike.expected_high:g} in {spike.window_s} s"
    yield f"window from {_at(spike.onset_at)}, noticed {_at(spike.detected_at)}; {usual}; a score of 1 opens"
    if spike.false_rate:
        yield f"it would have opened at {spike.false_rate:.3g} false alerts a theme and month"
    origins = spike.origins or spike.stories
    yield f"{spike.articles} articles, {spike.stories} stories, {origins} origins, {spike.owners} owners"
    learnt = f" from {clean(spike.learnt_from, 120)}" if spike.learnt_from else ""
    yield f"normal was learnt in {spike.learnt_days:g} days{learnt}; configuration {spike.config_hash or 'not named'}"
    late = f", {len(spike.feeds_late)} did not answer" if spike.feeds_late else ""
    yield f"{spike.feeds_total} feeds{late}; {spike.health:.0%} of the usual evidence answers"
    for headline in spike.headlines:
        terms = f" [{', '.join(clean(term, 40) for term in headline.terms[:6])}]" if headline.terms else ""
        yield f"- {clean(headline.title, 100)} ({clean(headline.source, 40)}, {headline.copies} copies){terms}"


def _of_subscriber(case: Case, roster: Roster, name: str) -> Iterator[str]:
    rules = [placed for placed in roster.subscriptions if placed.subscription.subscriber == name]
    if name not in roster.subscribers:
        yield "is in no subscription file now"
    elif not rules:
        yield "has no subscription"
    for placed in rules:
        yield _verdict(placed, case.spikes)
    found = [one for one in case.deliveries if one.subscriber == name]
    for one in found:
        yield _delivery(one)
    if not found:
        yield "nothing was made for this subscriber"


def _verdict(placed: Placed, spikes: Sequence[Spike]) -> str:
    """Return whether a subscription asked for the episode at any of its revisions, and if not, what kept it."""
    open_ones = [spike for spike in spikes if spike.state in (SpikeState.ONSET, SpikeState.GROWING)] or [spikes[0]]
    reasons = [refusal(placed.subscription, spike) for spike in open_ones]
    verdict = "matches" if "" in reasons else f"does not match: {reasons[-1]}"
    return f"{placed.place} “{placed.subscription.name}” {verdict}"


def _delivery(one: Delivery) -> str:
    why = f" ({one.reason})" if one.reason else ""
    name = f", as {clean(one.provider_ref, 120)}" if one.provider_ref else ""
    into = f", into {one.thread}" if one.state is DeliveryState.FOLDED and one.thread else ""
    until = ""
    if one.state in (DeliveryState.HELD, DeliveryState.RETRY, DeliveryState.UNKNOWN) and one.not_before:
        until = f", until {_at(datetime.fromtimestamp(one.not_before, one.at.tzinfo))}"
    tries = f", {one.attempts} attempts" if one.attempts > 1 else ""
    what = f"{one.target}: {one.kind} of revision {one.spike_revision}"
    return f"{_at(one.at)}  {what} {_STATES[one.state]}{why}{until}{name}{into}{tries}"


def find(spikes: Iterable[Spike], deliveries: Iterable[Delivery], identity: str) -> Case | None:
    """Return the case of an episode, by its id, the beginning of it, or the key of a message; None if there is none.

    Args:
        spikes: In the order of the topic.
        deliveries: Likewise; of each message the last record counts.
    """
    wanted = identity.partition("|")[0]
    found = [spike for spike in spikes if spike.spike_id.startswith(wanted)]
    ids = {spike.spike_id for spike in found}
    spike_id = wanted if wanted in ids else next(iter(ids)) if len(ids) == 1 else None
    if spike_id is None:
        return None
    last = {one.delivery_key: one for one in deliveries if one.spike_id == spike_id}
    revisions = {spike.revision: spike for spike in found if spike.spike_id == spike_id}
    return Case(
        spikes=tuple(spike for _, spike in sorted(revisions.items())),
        deliveries=tuple(sorted(last.values(), key=lambda one: (one.at, one.delivery_key))),
    )


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
