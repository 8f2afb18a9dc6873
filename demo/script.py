"""What the simulated world is made of, read from `world.yaml`, and how its phrases become text."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from deskwatch import configfile
from deskwatch.errors import ConfigError

FILE: Final = Path(__file__).with_name("world.yaml")
_MAX_DEPTH: Final = 6  # of slots in slots

_SLOT: Final = re.compile(r"\{(?:(\d+)-(\d+)|([a-z_]+))\}")


class Outlet(msgspec.Struct, frozen=True, kw_only=True):
    """A newspaper or a wire agency.

    Attributes:
        zone_h: Hours east of UTC: when its day is.
        daily: Own reports on a weekday.
        copies: Share of the wires' reports that it prints.
    """

    id: str
    name: str
    zone_h: int
    daily: float
    copies: float


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Something to write about, and how often it is written about compared with the others."""

    headlines: tuple[str, ...]
    sentences: tuple[str, ...]
    weight: float


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What breaks: a theme, and what is written about it then."""

    theme: str
    headlines: tuple[str, ...]
    sentences: tuple[str, ...]


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of `world.yaml`; its first lines explain it."""

    outlets: tuple[Outlet, ...]
    wires: tuple[Outlet, ...]
    slots: dict[str, tuple[str, ...]]
    themes: dict[str, Subject]
    off_theme: dict[str, Subject]
    event: Event

    def phrases(self) -> list[str]:
        """Return every template there is, the slots' own phrases included."""
        texts = [phrase for choices in self.slots.values() for phrase in choices]
        for subject in (*self.themes.values(), *self.off_theme.values()):
            texts += [*subject.headlines, *subject.sentences]
        return [*texts, *self.event.headlines, *self.event.sentences]


def load(path: Path = FILE) -> Script:
    """Return the script.

    Raises:
        ConfigError: with everything that is wrong in the file, unknown slots included.
    """
    document, problems = configfile.load(path)
    script: Script | None = None
    if not problems:
        script, problems = configfile.convert(document, Script)
    if script is not None:
        for phrase in script.phrases():
            for _, _, name in _SLOT.findall(phrase):
                if name and name not in script.slots:
                    hint = configfile.nearest(name, script.slots)
                    problems.append(document.problem(("slots",), f"'{phrase}' uses the unknown slot '{name}'", hint))
    if problems or script is None:
        raise ConfigError(problems)
    return script


def expand(template: str, slots: Mapping[str, Sequence[str]], rng: random.Random) -> str:
    """Return the template with every slot filled by chance, the same for the same state of `rng`."""
    for _ in range(_MAX_DEPTH):
        if "{" not in template:
            break
        template = _SLOT.sub(lambda slot: _fill(slot, slots, rng), template)
    return template


def _fill(slot: re.Match[str], slots: Mapping[str, Sequence[str]], rng: random.Random) -> str:
    low, high, name = slot.groups()
    return rng.choice(slots[name]) if name else str(rng.randint(int(low), int(high)))
