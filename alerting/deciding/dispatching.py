"""From a revision of an episode to the messages that follow from it, all written into the ledger at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
import structlog

from alerting.content.offering import Offerer
from alerting.content.wording import title_of
from alerting.deciding.freezing import Chart, Context, delivery_key, freeze, hold
from alerting.deciding.planning import Plan, Wish, is_graver, plan
from alerting.delivery import Frozen, Reason
from alerting.ledger.ledger import Ledger
from alerting.metrics import Metrics
from alerting.rendering.sealing import Seal
from alerting.rules.hours import read_length
from alerting.rules.matching import RANK, Match, match
from alerting.rules.restraining import Hold, Situation, hold_of, until_digest
from alerting.rules.roster import Roster
from alerting.rules.silencing import Silences
from alerting.settings import AlertingSettings
from deskwatch.clock import Clock
from deskwatch.records import DeliveryKind, DeliveryState, Severity, Spike, SpikeKind

UNMATCHED: Final = "unmatched"
SAME_EVENT_S: Final = 6 * 3600.0  # within it two themes' episodes with the same reports are one event
EDITABLE: Final = frozenset({"slack"})

_HOUR_S: Final = 3600.0
_ESCALATED: Final = frozenset({DeliveryKind.OPENING, DeliveryKind.UPDATE})
_UNSENT: Final = frozenset({DeliveryState.HELD, DeliveryState.FOLDED})
_NOT_TRIED: Final = frozenset({DeliveryState.HELD, DeliveryState.PENDING, DeliveryState.RETRY})

_log = structlog.get_logger()


class Dispatch:
    """Decides for each target what a revision means, and writes it down; `roster` may be replaced at any time."""

    def __init__(
        self,
        ledger: Ledger,
        roster: Roster,
        *,
        settings: AlertingSettings,
        metrics: Metrics,
        clock: Clock,
        silences: Silences | None = None,
        chart: Chart | None = None,
        offerer: Offerer | None = None,
        seal: Seal | None = None,
    ) -> None:
        self.roster = roster
        self.silences = silences or Silences()
        self.settings = settings
        self.ledger = ledger
        self.chart = chart
        self._offerer = offerer or Offerer()
        self._seal = seal
        self._metrics = metrics
        self._clock = clock

    def revise(self, spike: Spike, recorded_at: float) -> int:
        """Write down what a revision means for every target, and return how many messages are new.

        A revision that is known already means nothing more.
        """
        threads: dict[str, list[Frozen]] = {}
        for row in self.ledger.of_spike(spike.spike_id):
            threads.setdefault(row.name, []).append(row)
        if not self.ledger.note_spike(spike, recorded_at):
            return 0
        wanted = {found.name for found in match(spike, self.roster)}
        near = {found.name for found in match(spike, self.roster, any_severity=True)}
        if not wanted and not threads and spike.revision == 0:  # or each episode would count several times
            self._metrics.spikes_dropped.labels(UNMATCHED).inc()
            _log.info("spike.dropped", spike_id=spike.spike_id, theme=spike.theme, reason=UNMATCHED)
        now, made = self._clock.now(), 0
        for found in match(spike, self.roster, theme_only=True, standby=True):
            thread = threads.get(found.name, [])
            if self.silences.is_unsubscribed(found.subscriber.name, found.target.name, spike.theme, now):
                self._leave_out(spike, found, thread, self.context(now, recorded_at))
                continue
            told = self.told(thread)
            wish = self._wish(spike, found, found.name in wanted, recorded_at, now, is_near=found.name in near)
            for one in plan(spike, thread, told, wish):
                made += self._make(one, spike, found, thread, self.context(now, recorded_at, told=told))
                if one.kind in _ESCALATED and one.hold is None:
                    self._escalate(spike, found, self.context(now, recorded_at))
        return made

    def fall_back(self, given_up: Frozen) -> int:
        """Tell another target what one cannot be told, if it has a fallback; return 1 if there is something to send."""
        spike = self.ledger.spike(given_up.spike_id)
        if spike is None or given_up.kind is DeliveryKind.EDIT or (found := self.match_of(spike, given_up)) is None:
            return 0
        other = found.subscriber.target(found.target.fallback or "")
        if other is None:
            return 0
        instead = msgspec.structs.replace(found, target=other)
        if self.ledger.has(delivery_key(spike, instead)):  # it is told anyway
            return 0
        now = self._clock.now()
        since = datetime.fromtimestamp(given_up.created_at, UTC)
        context = self.context(now, given_up.recorded_at, held_since=since, held_for=Reason.FALLBACK)
        return self.write(freeze(spike, instead, context), now.timestamp())

    def match_of(self, spike: Spike, row: Frozen) -> Match | None:
        """Return why a target hears of an episode, whatever its severity; None if it does not any more."""
        if self.silences.is_unsubscribed(row.subscriber, row.target, spike.theme, self._clock.now()):
            return None
        found = match(spike, self.roster, theme_only=True, standby=True)
        return next((one for one in found if one.name == row.name), None)

    def hold_of(
        self, severity: Severity, spike: Spike, found: Match, now: datetime, *, is_too_late: bool = False
    ) -> Hold | None:
        """Return why a message to a target has to wait."""
        subscriber, target = found.subscriber, found.target
        opened = (
            self.ledger.opened_since(subscriber.name, target.name, now.timestamp() - _HOUR_S)
            if target.max_per_hour is not None
            else ()
        )
        situation = Situation(
            now=now,
            opened=[one.created_at for one in opened],
            silenced_until=self.silences.until(subscriber.name, spike.theme, spike.spike_id, now),
            is_too_late=is_too_late,
        )
        return hold_of(severity, subscriber, target, situation)

    def told(self, thread: Sequence[Frozen]) -> Spike | None:
        """Return what the last message of a thread told of, edits aside."""
        sent = [one for one in thread if one.state not in _UNSENT and one.kind is not DeliveryKind.EDIT]
        return self.ledger.spike(sent[-1].spike_id, sent[-1].revision) if sent else None

    def also(self, thread_key: str) -> tuple[str, ...]:
        """Return the titles of the further themes whose episodes are the event of a thread."""
        themes = [one.theme for one in self.ledger.thread(thread_key) if one.reason is Reason.SAME_EVENT]
        return tuple(title_of(theme, self.roster.titles.get(theme, "")) for theme in dict.fromkeys(themes))

    def _wish(
        self, spike: Spike, found: Match, is_wanted: bool, recorded_at: float, now: datetime, *, is_near: bool
    ) -> Wish:
        digest_at = until_digest(found.subscriber, found.target, now) if is_near else None
        age_s, limit_s = now.timestamp() - (recorded_at or now.timestamp()), self.settings.max_age_s
        return Wish(
            wanted=is_wanted,
            below=Hold(Reason.BELOW, digest_at) if digest_at and not is_wanted else None,
            hold=self.hold_of(spike.severity, spike, found, now, is_too_late=0 < limit_s < age_s),
            edits=found.target.channel in EDITABLE,
        )

    def _escalate(self, spike: Spike, found: Match, context: Context) -> None:
        """Have others told later, unless somebody takes note until then."""
        for step in found.subscriber.escalate:
            target = found.subscriber.target(step.to)
            if target is None or target == found.target or RANK[spike.severity] < RANK[step.severity]:
                continue
            instead = msgspec.structs.replace(found, target=target)
            if self.ledger.has(delivery_key(spike, instead)):
                continue
            held = Hold(Reason.ESCALATION, context.now + read_length(step.after))
            self.write(hold(spike, instead, DeliveryKind.OPENING, held, context), context.now.timestamp())

    def _make(self, one: Plan, spike: Spike, found: Match, thread: Sequence[Frozen], context: Context) -> int:
        """Write one planned message down; return whether it is a new one."""
        opening = next((row for row in thread if row.kind is DeliveryKind.OPENING), None)
        key = "" if one.kind is DeliveryKind.OPENING or opening is None else opening.thread or opening.key
        if one.kind is DeliveryKind.OPENING and one.hold is None:
            if (main := self._same_event(spike, found, context.now)) is not None:
                return self._join(spike, found, main, context)
            context = msgspec.structs.replace(context, **waited(opening))
        if key:
            self._supersede(one.kind, thread, context.now.timestamp())
            context = msgspec.structs.replace(context, also=self.also(key))
        made = (
            hold(spike, found, one.kind, one.hold, context, thread=key)
            if one.hold
            else freeze(spike, found, context, kind=one.kind, thread=key)
        )
        return self.write(made, context.now.timestamp())

    def write(self, made: Frozen, now: float) -> int:
        """Write a message down, in the place of the one that was held under its key; return 1 if it can be sent."""
        if self.ledger.has(made.key):
            self.ledger.replace(made, now)
        else:
            self.ledger.add([made])
        if made.state in _UNSENT:
            self._metrics.held.labels(made.reason).inc()
            return 0
        self._metrics.created.labels(made.channel).inc()
        return 1

    def _supersede(self, kind: DeliveryKind, thread: Sequence[Frozen], now: float) -> None:
        """Fold what a newer message of a thread makes needless: edits that were not made, follow-ups that wait."""
        edits = kind is DeliveryKind.EDIT
        needless = [
            one
            for one in thread
            if one.kind is not DeliveryKind.OPENING
            and (
                one.state in _NOT_TRIED
                if edits and one.kind is DeliveryKind.EDIT
                else not edits and one.state is DeliveryState.HELD
            )
        ]
        self.ledger.fold(needless, Reason.SUPERSEDED, now)

    def _same_event(self, spike: Spike, found: Match, now: datetime) -> Frozen | None:
        """Return the opening at this target that told of the same reports under another theme, if it was as grave."""
        since = now.timestamp() - SAME_EVENT_S
        for opening in self.ledger.opened_since(found.subscriber.name, found.target.name, since):
            if opening.spike_id == spike.spike_id or opening.state is DeliveryState.DEAD:
                continue
            told = self.told(self.ledger.thread(opening.key))
            if told is not None and is_same_event(spike, told) and not is_graver(spike.severity, told):
                return opening
        return None

    def _join(self, spike: Spike, found: Match, main: Frozen, context: Context) -> int:
        """Let an episode be told by another theme's message; where that can be edited, it says so."""
        joined = hold(spike, found, DeliveryKind.OPENING, Hold(Reason.SAME_EVENT, context.now), context)
        self.write(
            msgspec.structs.replace(joined, state=DeliveryState.FOLDED, thread=main.key, not_before=0.0),
            context.now.timestamp(),
        )
        other = self.ledger.spike(main.spike_id)
        if other is None or found.target.channel not in EDITABLE:
            return 0
        key = f"{delivery_key(other, found, DeliveryKind.EDIT)}|{spike.spike_id}"
        return self.edit(key, other, found, main.key, context)

    def edit(self, key: str, spike: Spike, found: Match, opening_key: str, context: Context) -> int:
        """Edit an opening for another reason than a revision, under a key of its own; return 1."""
        thread = self.ledger.thread(opening_key)
        self._supersede(DeliveryKind.EDIT, thread, context.now.timestamp())
        context = msgspec.structs.replace(context, told=self.told(thread), also=self.also(opening_key))
        made = freeze(spike, found, context, kind=DeliveryKind.EDIT, thread=opening_key)
        return self.write(msgspec.structs.replace(made, key=key), context.now.timestamp())

    def _leave_out(self, spike: Spike, found: Match, thread: Sequence[Frozen], context: Context) -> None:
        """Write down, once, that a target does not get an episode because it unsubscribed from its theme."""
        now = context.now.timestamp()
        if thread:
            self.ledger.fold([one for one in thread if one.state is DeliveryState.HELD], Reason.UNSUBSCRIBED, now)
            return
        blank = hold(spike, found, DeliveryKind.OPENING, Hold(Reason.UNSUBSCRIBED, context.now), context)
        self.write(msgspec.structs.replace(blank, state=DeliveryState.FOLDED, not_before=0.0), now)

    def context(self, now: datetime, recorded_at: float, **more: object) -> Context:
        """Return what messages made now have in common, and whatever else is given."""
        context = Context(
            settings=self.settings,
            now=now,
            titles=self.roster.titles,
            recorded_at=recorded_at,
            chart=self.chart,
            noted=lambda spike, who: self.silences.about(who.name, spike.theme, spike.spike_id, now),
            offerer=self._offerer,
            seal=self._seal,
        )
        return msgspec.structs.replace(context, **more)


def is_same_event(one: Spike, other: Spike) -> bool:
    """Return whether two themes stand out because of the same reports: half of the shorter list of headlines."""
    if one.theme == other.theme or {one.kind, other.kind} != {SpikeKind.SPIKE}:
        return False
    first, second = ({headline.article_id for headline in spike.headlines} for spike in (one, other))
    return bool(first and second) and 2 * len(first & second) >= min(len(first), len(second))


def waited(opening: Frozen | None) -> dict[str, object]:
    """Return what an opening says of having been held."""
    if opening is None or opening.state is not DeliveryState.HELD or opening.reason is Reason.BELOW:
        return {}
    return {"held_since": datetime.fromtimestamp(opening.created_at, UTC), "held_for": opening.reason}
