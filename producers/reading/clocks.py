"""The time of day and the offset in a date, in the forms of many languages."""

from __future__ import annotations

import re
from datetime import timedelta, tzinfo
from typing import Final

import msgspec

from producers.reading.calendars import fold
from producers.reading.zones import read_offset

_AM: Final = tuple(fold("am|上午|午前|오전|凌晨|早上|清晨|早晨|새벽|صباحا|ق.ظ|ص|पूर्वाह्न|π.μ|oo").split("|"))
_PM: Final = tuple(fold("pm|下午|午後|午后|오후|傍晚|مساء|ب.ظ|بعد از ظهر|م|अपराह्न|μ.μ|os").split("|"))
_NIGHT: Final = tuple(fold("晚上|晚间|晚間|밤").split("|"))  # its 12 is the beginning of another day
_HALF: Final = "|".join(re.escape(name) for name in (*_AM, *_PM, *_NIGHT))
_BEFORE: Final = rf"(?:(?P<pre>{_HALF})\s*)?(?<![\d:.+])(?<!\d-)(?P<hour>\d{{1,2}})"
_AFTER: Final = rf"\s*(?P<post>{_HALF})(?![^\W\d_])"
_FORMS: Final = tuple(
    re.compile(form)
    for form in (
        rf"{_BEFORE}\s?:\s?(?P<minute>\d{{2}})(?:\s?:\s?(?P<second>\d{{2}})(?:[.,](?P<part>\d{{1,9}})\d*)?)?(?![\d:])"
        rf"(?:{_AFTER})?",
        rf"{_BEFORE}\s?[時时點点시]\s?(?:(?P<minute>\d{{1,2}})\s?[分분])?(?:\s?(?P<second>\d{{1,2}})\s?[秒초])?",
        rf"{_BEFORE}\s?h(?:\s?(?P<minute>\d{{2}})(?:\s?min)?)?(?![^\W_])",
        rf"{_BEFORE}\.(?P<minute>[0-5]\d)(?![\d.:])(?:{_AFTER})?",
        rf"{_BEFORE}{_AFTER}",
        rf"{_BEFORE}(?=\s?uhr)",
    )
)
_LATIN_DOTS: Final = re.compile(r"\b([ap])\.\s?m\b\.?")
_MILITARY: Final = re.compile(r"(\s\d{2,4} )(\d{2})(\d{2})(?=\s(?:[a-z]{2,4}|[+-]\d{4})$)")  # 03 apr 02 1500 gmt
_COMPACT: Final = re.compile(r"^((?:19|20)\d{2})(\d{2})(\d{2})(?:t?(\d{2})(\d{2})(\d{2})?)?(?=$|z|\s|[+-])")
_BASIC: Final = re.compile(r"^(\d{4}-\d{2}-\d{2})t(\d{2})(\d{2})?(\d{2})?(?=$|z|\s|[+-])")
_OFFSET: Final = re.compile(
    r"\s?(?:(?:utc|gmt)\s?[+-]\s?\d{1,2}(?::?\d{2})?|[+-]\d{1,2}:?\d{2}|[+-]\d{1,2}(?=\s*$))(?!\d)"
)
_LATE_OFFSET: Final = re.compile(r"(?:^|\s)(?:utc|gmt)?\s?[+-]\d{2}:?\d{2}\s*$")


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """A time of day; 24:00 and a leap second belong to the next one."""

    hour: int = 0
    minute: int = 0
    second: int = 0
    micros: int = 0

    @classmethod
    def read(cls, hour: str, minute: str | None, second: str | None = None, part: str | None = None) -> Clock:
        """Return the time that these digits are; `part` is what stands behind the point of the seconds."""
        micros = int((part or "0").ljust(6, "0")[:6])
        return cls(hour=int(hour), minute=int(minute or 0), second=int(second or 0), micros=micros)

    def passed(self) -> timedelta:
        """Return the time since the day began.

        Raises:
            ValueError: there is no such time of day.
        """
        passed = timedelta(hours=self.hour, minutes=self.minute, seconds=self.second, microseconds=self.micros)
        if self.minute > 59 or self.second > 60 or passed > timedelta(days=1, seconds=1):
            raise ValueError("no such time")
        return passed


def take_clock(text: str) -> tuple[str, Clock | None, tzinfo | None]:
    """Return the folded text without time and offset, and both where they are.

    Raises:
        ValueError: there is no such time.
    """
    text = _LATIN_DOTS.sub(r"\1m", text)
    text = _COMPACT.sub(_spell_compact, text)
    text = _MILITARY.sub(r"\1\2:\3", _BASIC.sub(_spell_basic, text))
    for form in _FORMS:
        match = form.search(text)
        if match:
            end, offset = match.end(), None
            zone = _OFFSET.match(text, end)
            if zone:
                offset, end = read_offset(zone[0]), zone.end()
            return f"{text[: match.start()]} {text[end:]}", _read_clock(match), offset
    return text, None, None


def take_late_offset(text: str) -> tuple[str, tzinfo | None]:
    """Return a text whose time is taken already without an offset at its end, and that."""
    match = _LATE_OFFSET.search(text)
    return (text[: match.start()], read_offset(match[0])) if match else (text, None)


def _spell_compact(match: re.Match[str]) -> str:
    time = f" {match[4]}:{match[5]}:{match[6] or '00'}" if match[4] else ""
    return f"{match[1]}-{match[2]}-{match[3]}{time}"


def _spell_basic(match: re.Match[str]) -> str:
    return f"{match[1]} {match[2]}:{match[3] or '00'}:{match[4] or '00'}"


def _read_clock(match: re.Match[str]) -> Clock:
    found = match.groupdict()
    clock = Clock.read(found["hour"], found.get("minute"), found.get("second"), found.get("part"))
    half = found.get("pre") or found.get("post")
    return clock if half is None else msgspec.structs.replace(clock, hour=_read_half(clock.hour, half))


def _read_half(hour: int, half: str) -> int:
    """Return the hour of 24; some write 下午15:00, nobody 15:00 pm."""
    if hour == 12 and half in _NIGHT:
        raise ValueError("of which day")
    if half in ("am", "pm") and not 1 <= hour <= 12:
        raise ValueError("no such hour")
    if hour > 12:
        if half in _AM:
            raise ValueError("no such hour")
        return hour
    return hour % 12 + (0 if half in _AM else 12)
