"""Why a message may not go to a target now, and when to look again: silences, quiet hours, age, rate caps. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.delivery import Reason
from alerting.rules.calendar import is_excepted, next_digest, next_summary, quiet_until
from alerting.rules.capping import over_cap
from alerting.rules.roster import Subscriber, Target
from deskwatch.records import Severity

GATHER: Final = timedelta(seconds=60)  # what comes too late, after an outage, comes in one digest


class Hold(NamedTuple):
    """A message is not for now: why, and when to look again."""

    reason: Reason
    until: datetime


class Situation(NamedTuple):
    """What a target's restraint depends on beside its own rules.

    Attributes:
        opened: When it got first messages in the last hour (seconds since the epoch).
        silenced_until: The end of a silence that an officer asked for.
        is_too_late: The episode is older than is still told by a message of its own.
    """

    now: datetime
    opened: Sequence[float] = ()
    silenced_until: datetime | None = None
    is_too_late: bool = False


def hold_of(severity: Severity, subscriber: Subscriber, target: Target, situation: Situation) -> Hold | None:
    """Return why a message of this severity has to wait; None if it may go."""
    now, zone = situation.now, ZoneInfo(subscriber.timezone)
    if situation.silenced_until is not None and situation.silenced_until > now:
        return Hold(Reason.SILENCED, situation.silenced_until)
    if situation.is_too_late:
        digest = target.digest
        return Hold(Reason.TOO_LATE, next_digest(digest.at, digest.days, zone, now) if digest else now + GATHER)
    quiet = target.quiet_hours
    if quiet is not None and not is_excepted(severity, quiet):
        until = quiet_until(quiet, zone, now)
        if until is not None:
            return Hold(Reason.QUIET_HOURS, until)
    if target.max_per_hour is not None and severity is not Severity.CRITICAL:
        opened = (datetime.fromtimestamp(at, UTC) for at in situation.opened)
        if over_cap(opened, target.max_per_hour, now) is not None:
            return Hold(Reason.RATE_CAP, next_summary(target.digest, zone, now))
    return None


def until_digest(subscriber: Subscriber, target: Target, now: datetime) -> datetime | None:
    """Return when the target's next digest is due, if it has any."""
    digest = target.digest
    return next_digest(digest.at, digest.days, ZoneInfo(subscriber.timezone), now) if digest else None
