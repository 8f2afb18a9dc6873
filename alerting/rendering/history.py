"""What each theme had lately: the memory behind the chart in a mail and the coverage in the daily word."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from alerting.content.digesting import Coverage, ThemeCoverage
from alerting.content.languages.speaking import speaker_for
from alerting.rendering.picturing import draw, points_of
from alerting.rules.roster import Subscriber
from deskwatch.records import Bucket, Spike

KEPT: Final = timedelta(hours=50)  # of log time, more than a chart shows

_log = structlog.get_logger()


class History:
    """The latest revision of each bucket of the last two days; filled from one thread, read from another."""

    def __init__(self) -> None:
        self._buckets: dict[str, dict[datetime, Bucket]] = {}
        self._lock = threading.Lock()
        self._draw = lru_cache(maxsize=64)(self._draw_once)

    def add(self, bucket: Bucket) -> None:
        """Remember a bucket, and forget what is too old beside it."""
        with self._lock:
            known = self._buckets.setdefault(bucket.theme, {})
            if (old := known.get(bucket.start)) is None or old.revision <= bucket.revision:
                known[bucket.start] = bucket
            oldest = max(known) - KEPT
            for start in [start for start in known if start < oldest]:
                del known[start]

    def buckets(self, theme: str) -> list[Bucket]:
        """Return what is known of a theme, ascending."""
        with self._lock:
            return [bucket for _, bucket in sorted(self._buckets.get(theme, {}).items())]

    def chart(self, spike: Spike, subscriber: Subscriber) -> bytes | None:
        """Return the picture of an episode for a subscriber; None if there is nothing to show.

        A chart that cannot be drawn must not keep an alert back.
        """
        try:
            return self._draw(spike, subscriber)
        except ValueError:
            return None
        except Exception:  # noqa: BLE001  # whatever the drawing library thinks of these numbers
            _log.exception("chart.failed", spike_id=spike.spike_id)
            return None

    def coverage(self, titles: Mapping[str, str], since: datetime, alerts_sent: int) -> Coverage | None:
        """Return what the desk saw since then, by log time; None if it saw nothing, so that nobody can tell."""
        themes, articles = [], 0
        with self._lock:
            known = {theme: list(buckets.values()) for theme, buckets in self._buckets.items()}
        for theme, buckets in sorted(known.items()):
            found = [bucket for bucket in buckets if bucket.end > since]
            if not found:
                continue
            articles += sum(bucket.articles for bucket in found)
            themes.append(
                ThemeCoverage(
                    title=titles.get(theme) or theme,
                    reports=sum(bucket.observed for bucket in found),
                    expected=sum(bucket.expected for bucket in found),
                    health=sum(bucket.health for bucket in found) / len(found),
                )
            )
        if not themes:
            return None
        last = max((bucket for buckets in known.values() for bucket in buckets), key=lambda one: one.start)
        return Coverage(
            themes=tuple(themes),
            feeds_answering=last.feeds - last.feeds_down,
            feeds_total=last.feeds,
            articles=articles,
            alerts_sent=alerts_sent,
        )

    def _draw_once(self, spike: Spike, subscriber: Subscriber) -> bytes:
        points = points_of(self.buckets(spike.theme))
        return draw(points, spike, ZoneInfo(subscriber.timezone), speaker_for(subscriber).words)
