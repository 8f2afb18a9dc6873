"""How many alerts a target gets in an hour."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

WINDOW: Final = timedelta(hours=1)


def over_cap(sent: Iterable[datetime], max_per_hour: int, at: datetime) -> datetime | None:
    """Return None when one more alert may be sent at `at`, else when there is room for it again.

    Any hour counts, not only full ones: no 60 minutes hold more than `max_per_hour`. What was sent after `at`, by a
    clock that has been set back since, counts as well.

    Args:
        sent: Aware times of what was sent before, in any order.
        max_per_hour: At least 1.
    """
    recent = sorted(one for one in sent if one > at - WINDOW)
    return recent[-max_per_hour] + WINDOW if len(recent) >= max_per_hour else None
