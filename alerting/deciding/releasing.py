"""What was held and whose time has come: told as far as it is still true, and otherwise named in a digest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from alerting.content.digesting import compose_digest
from alerting.content.message import Missed
from alerting.deciding.dispatching import Dispatch, waited
from alerting.deciding.freezing import digest_key, freeze, freeze_digest
from alerting.deciding.planning import follow_up
from alerting.delivery import Frozen, Reason
from alerting.rules.matching import Match
from alerting.rules.restraining import Hold
from deskwatch.records import DeliveryKind, DeliveryState, Spike

# What no message of its own tells any more.
_ONLY_IN_DIGEST: Final = frozenset({Reason.TOO_LATE, Reason.BELOW, Reason.RATE_CAP})


class Release:
    """Lets held messages go: `run` does it for those that are due."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch
        self._ledger = dispatch.ledger

    def run(self, now: datetime) -> int:
        """Decide about everything that is due, and return how many messages there are to send."""
        due: dict[str, list[Frozen]] = {}
        for one in self._ledger.held(now.timestamp()):
            due.setdefault(one.name, []).append(one)
        made = 0
        for rows in due.values():
            with self._ledger.transaction():
                made += self._release(rows, now)
        return made

    def _release(self, rows: Sequence[Frozen], now: datetime) -> int:
        """Decide about what is due to one target."""
        made, missed = 0, []
        for row in rows:
            spike = self._ledger.spike(row.spike_id)
            found = spike and self._dispatch.match_of(spike, row)
            if not spike or not found:
                self._ledger.fold([row], Reason.UNSUBSCRIBED, now.timestamp())
            elif row.reason is Reason.ESCALATION and self._is_settled(row, spike):
                self._ledger.fold([row], Reason.ACKNOWLEDGED, now.timestamp())
            elif row.kind is not DeliveryKind.OPENING:
                made += self._follow(row, spike, found, now)
            elif row.reason not in _ONLY_IN_DIGEST and not spike.state.is_over:
                made += self._open(row, spike, found, now)
            else:
                missed.append((row, spike, found))
        return made + self._digest(missed, now)

    def _is_settled(self, row: Frozen, spike: Spike) -> bool:
        """Return whether an episode need not be escalated: somebody has taken note, or it is over."""
        return spike.state.is_over or self._dispatch.silences.is_acknowledged(row.subscriber, row.spike_id)

    def _open(self, row: Frozen, spike: Spike, found: Match, now: datetime) -> int:
        if held := self._dispatch.hold_of(spike.severity, spike, found, now):
            return self._hold_on(row, held, now)
        context = msgspec.structs.replace(self._dispatch.context(now, row.recorded_at), **waited(row))
        return self._dispatch.write(freeze(spike, found, context), now.timestamp())

    def _follow(self, row: Frozen, spike: Spike, found: Match, now: datetime) -> int:
        """Tell in a thread what is to be told now, which may be another thing than when it was held."""
        if held := self._dispatch.hold_of(spike.severity, spike, found, now):
            return self._hold_on(row, held, now)
        thread = self._ledger.thread(row.thread)
        told = self._dispatch.told(thread)
        kind = follow_up(spike, told, {one.kind for one in thread if one.key != row.key})
        if kind is None:
            self._ledger.fold([row], Reason.OVER, now.timestamp())
            return 0
        also = self._dispatch.also(row.thread)
        context = self._dispatch.context(now, row.recorded_at, told=told, also=also)
        made = freeze(spike, found, context, kind=kind, thread=row.thread)
        return self._dispatch.write(msgspec.structs.replace(made, key=row.key), now.timestamp())

    def _hold_on(self, row: Frozen, held: Hold, now: datetime) -> int:
        longer = msgspec.structs.replace(row, reason=held.reason, not_before=held.until.timestamp())
        self._ledger.replace(longer, now.timestamp())
        return 0

    def _digest(self, missed: Sequence[tuple[Frozen, Spike, Match]], now: datetime) -> int:
        """Name what was missed in one digest."""
        if not missed:
            return 0
        found = missed[0][2]
        digest = compose_digest(
            [self._missed(row, spike) for row, spike, _ in missed],
            found.subscriber,
            since=datetime.fromtimestamp(min(row.created_at for row, _, _ in missed), UTC),
            until=now,
        )
        context = self._dispatch.context(now, now.timestamp())
        key = digest_key(found.subscriber, found.target, now)
        made = freeze_digest(digest, found.subscriber, found.target, context, kind=DeliveryKind.DIGEST, key=key)
        for row, _, _ in missed:
            told = msgspec.structs.replace(row, state=DeliveryState.FOLDED, thread=made.key, not_before=0.0)
            self._ledger.replace(told, now.timestamp())
        return self._dispatch.write(made, now.timestamp())

    def _missed(self, row: Frozen, spike: Spike) -> Missed:
        title = self._dispatch.roster.titles.get(spike.theme, "")
        return Missed(spike=spike, reason=row.reason, title=title, is_over=spike.state.is_over)
