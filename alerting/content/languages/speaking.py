"""Numbers, times and lists as one reader says them: in the reader's language and time zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from alerting.content.languages import en, fr, zh
from alerting.content.languages.filling import Plural
from alerting.content.languages.words import Words
from alerting.content.wording import clean
from alerting.rules.roster import Subscriber

LANGUAGES: Final = {"en": en.WORDS, "fr": fr.WORDS, "zh": zh.WORDS}

_DAY_S: Final = 86_400
_HOUR_S: Final = 3600


def words_for(language: str) -> Words:
    """Return the words of a language, whatever its region (`fr-CA`, `zh_TW`); English where there are none."""
    return LANGUAGES.get(language.replace("_", "-").partition("-")[0].lower(), en.WORDS)


def speaker_for(subscriber: Subscriber) -> Speaker:
    """Return who speaks to a subscriber."""
    return Speaker(words_for(subscriber.language), ZoneInfo(subscriber.timezone))


class Speaker(msgspec.Struct, frozen=True):
    """Says numbers and times in one language and zone."""

    words: Words
    zone: ZoneInfo

    def number(self, value: float, digits: int = 0) -> str:
        """Return `1,234` or `3.1`, with as many decimals as asked for."""
        whole, point, part = f"{value:,.{digits}f}".partition(".")
        return whole.replace(",", self.words.thousands) + point.replace(".", self.words.decimal) + part

    def amount(self, expected: float) -> str:
        """Return an expectation as people say it: whole from ten on, one decimal below, `0` for almost none."""
        is_whole = expected >= 9.95 or expected < 0.05 or f"{expected:.1f}".endswith(".0")
        return self.number(expected, 0 if is_whole else 1)

    def share(self, part: float) -> str:
        """Return `80%`; what is not all is never said to be."""
        return self.words.percent.format(n=round(part * 100) if part >= 1 else min(round(part * 100), 99))

    def count(self, things: Plural, number: int) -> str:
        """Return `1 outlet`, `12 outlets`, `no outlets`."""
        return things.form(number).format(n=self.number(number))

    def span(self, seconds: int) -> str:
        """Return the length of a window: `1 h`, `30 min`, `2 days`."""
        if seconds >= _DAY_S and seconds % _DAY_S == 0:
            return self.count(self.words.days, seconds // _DAY_S)
        if seconds >= _HOUR_S and seconds % _HOUR_S == 0:
            return self.words.hours.format(n=self.number(seconds // _HOUR_S))
        return self.words.minutes.format(n=self.number(max(1, round(seconds / 60))))

    def duration(self, length: timedelta) -> str:
        """Return how long something took, in at most two units: `4 h 10 min`, `2 days 3 h`."""
        minutes = max(1, round(length / timedelta(minutes=1)))
        if minutes < 60:
            return self.span(minutes * 60)
        if minutes < 2 * 24 * 60:
            hours, rest = divmod(minutes, 60)
            return " ".join([self.words.hours.format(n=hours), *([self.words.minutes.format(n=rest)] if rest else [])])
        days, rest = divmod(round(minutes / 60), 24)
        said = self.count(self.words.days, days)
        return f"{said} {self.words.hours.format(n=rest)}" if rest else said

    def clock(self, at: datetime, near: datetime) -> str:
        """Return the reader's time of day, `22:02`, with its day where that is not the day of `near`."""
        local = at.astimezone(self.zone)
        return f"{local:%H:%M}" if local.date() == near.astimezone(self.zone).date() else self._dated(local)

    def moment(self, at: datetime, near: datetime) -> str:
        """Return `22:02 (14:02 UTC)`, with its day where that is not the day of `near`."""
        said = self.clock(at, near)
        if self._is_utc(at):
            return f"{said} UTC"
        return self.words.with_utc.format(local=said, utc=f"{at.astimezone(UTC):%H:%M} UTC")

    def period(self, start: datetime, length: timedelta) -> str:
        """Return `21:00–22:00 in Shanghai, 24 Nov (13:00–14:00 UTC)`; a day or more is told with both its days."""
        utc, local = start.astimezone(UTC), start.astimezone(self.zone)
        if self._is_utc(start):
            return self._between(utc, length, "{time} UTC", is_dated=True)
        place = self.words.in_city.replace("{city}", self.zone.key.rpartition("/")[2].replace("_", " "))
        return self.words.with_utc.format(
            local=self._between(local, length, place, is_dated=True),
            utc=self._between(utc, length, "{time} UTC", is_dated=utc.date() != local.date()),
        )

    def names(self, names: Sequence[str], limit: int) -> str:
        """Return `a, b and c`, or `a, b, c and 4 more`, each name cleaned."""
        shown = [clean(name, 40) for name in names[:limit]]
        if more := len(names) - len(shown):
            most = self.words.listed.join(shown)
            return self.words.more_listed.format(most=most, n=self.number(more))
        if len(shown) < 2:
            return "".join(shown)
        return self.words.last_listed.format(most=self.words.listed.join(shown[:-1]), last=shown[-1])

    def _between(self, start: datetime, length: timedelta, place: str, *, is_dated: bool) -> str:
        end = (start.astimezone(UTC) + length).astimezone(start.tzinfo)  # in absolute time, whatever the clocks do
        if length >= timedelta(days=1):
            return place.format(time=self.words.until.format(start=self._dated(start), end=self._dated(end)))
        said = place.format(time=f"{start:%H:%M}–{end:%H:%M}")
        return self.words.dated.format(time=said, day=self._day(start)) if is_dated else said

    def _dated(self, at: datetime) -> str:
        return self.words.dated.format(time=f"{at:%H:%M}", day=self._day(at))

    def _day(self, at: datetime) -> str:
        return self.words.day.format(day=at.day, month=self.words.months[at.month - 1])

    def _is_utc(self, at: datetime) -> bool:
        return not at.astimezone(self.zone).utcoffset()
