"""The daily word to who got nothing: all is quiet, and what was watched, so that silence is known to be health."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from alerting.content.digesting import compose_all_quiet
from alerting.deciding.dispatching import Dispatch
from alerting.deciding.freezing import freeze_digest
from alerting.rendering.history import History
from alerting.rules.calendar import next_digest
from alerting.rules.roster import Subscriber, Target
from deskwatch.records import DeliveryKind

AT: Final = "08:00"  # where a target has no digest whose time to take
BEFORE: Final = timedelta(days=1)
GRACE: Final = timedelta(hours=2)  # a service that was down at the time makes it up so much later

_ANY_DAY: Final = "mon-sun"


class Reassurance:
    """Sends the word: `run` does it for whom it is time."""

    def __init__(self, dispatch: Dispatch, history: History) -> None:
        self._dispatch = dispatch
        self._history = history

    def run(self, now: datetime) -> int:
        """Make the mails that are due and not made, and return how many."""
        made = 0
        for subscriber in self._dispatch.roster.subscribers.values():
            target = next((one for one in subscriber.targets if one.channel == "mail"), None)
            if subscriber.all_quiet and target is not None:
                made += self._look(subscriber, target, now)
        return made

    def _look(self, subscriber: Subscriber, target: Target, now: datetime) -> int:
        clock_time = target.digest.at[0] if target.digest else AT
        due = next_digest((clock_time,), _ANY_DAY, ZoneInfo(subscriber.timezone), now - GRACE)
        key = f"quiet|{due:%Y-%m-%d}|{subscriber.name}|{target.name}"
        ledger, since = self._dispatch.ledger, due - BEFORE
        if due > now or ledger.has(key) or ledger.opened_to(subscriber.name, since.timestamp()):
            return 0
        coverage = self._history.coverage(self._dispatch.roster.titles, since, alerts_sent=0)
        if coverage is None:  # whoever has seen nothing cannot say that all is quiet
            return 0
        word = compose_all_quiet(coverage, subscriber, since=since, until=due)
        context = self._dispatch.context(now, now.timestamp())
        made = freeze_digest(word, subscriber, target, context, kind=DeliveryKind.ALL_QUIET, key=key)
        return self._dispatch.write(made, now.timestamp())
