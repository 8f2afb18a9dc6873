"""Which outlets belong together: `owners.yaml` of the configuration.

Two papers of one house that run one story are not two witnesses. An outlet that the file does not name is its
own owner.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from deskwatch import configfile
from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError

FILE: Final = "owners.yaml"


class Owners:
    """Outlets by owner. Names are compared without regard to case and surrounding space."""

    def __init__(self, outlets: Mapping[str, str]) -> None:
        self._owner_of = {_folded(outlet): owner for outlet, owner in outlets.items()}

    def owner_of(self, outlet: str) -> str:
        """Return the owner of an outlet; the outlet itself where none is known."""
        return self._owner_of.get(_folded(outlet), outlet)

    def fingerprint(self) -> str:
        """Return a short hash, the same for owners that say the same."""
        said = msgspec.json.encode(sorted(self._owner_of.items()))
        return hashlib.blake2b(said, digest_size=6).hexdigest()


def load(config_dir: Path) -> Owners:
    """Return the owners that `config_dir` names; none if it has no such file.

    Raises:
        ConfigError: with every problem of the file.
    """
    owners, problems = _read(config_dir)
    if problems:
        raise ConfigError(problems)
    return owners


def check(config_dir: Path) -> list[Problem]:
    """Return what is wrong with the file."""
    return _read(config_dir)[1]


def _read(config_dir: Path) -> tuple[Owners, list[Problem]]:
    path = config_dir / FILE
    if not path.exists():
        return Owners({}), []
    document, problems = configfile.load(path)
    houses, wrong = configfile.convert(document, dict[str, tuple[str, ...]]) if not problems else (None, [])
    problems += wrong
    outlets: dict[str, str] = {}
    for owner, names in (houses or {}).items():
        for i, name in enumerate(names):
            other = outlets.setdefault(_folded(name), owner)
            if other != owner:
                problems.append(document.problem((owner, i), f"'{name}' belongs to '{other}' already"))
    return Owners(outlets), problems


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
