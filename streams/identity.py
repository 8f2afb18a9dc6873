"""What a worker counts by, as hashes: equal ones count the same, whoever computes them and whenever."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from deskwatch.owners import Owners
from streams.rules import Rules


class Judge(Protocol):
    """What a classifier says of itself."""

    name: str

    @property
    def definitions(self) -> Mapping[str, str]:
        """Return for each theme a hash of all that decides which articles get it, and of nothing else."""
        ...


class Identity(NamedTuple):
    """Themes, model, owners and rules as hashes.

    Attributes:
        config_hash: Of all of it.
        definitions: By theme, of all that decides what it counts: another one, and it has to be learnt anew.
        classifier: The name under which the worker judges.
    """

    config_hash: str
    definitions: Mapping[str, str]
    classifier: str

    @property
    def themes(self) -> tuple[str, ...]:
        """Return the themes there are."""
        return tuple(sorted(self.definitions))


def identify(classifier: Judge, rules: Rules, owners: Owners) -> Identity:
    """Return the identity of a worker that judges, counts and tells owners apart by these."""
    beside = f"{rules.counting()}|{owners.fingerprint()}"
    definitions = {theme: _hash(f"{own}|{beside}") for theme, own in classifier.definitions.items()}
    return Identity(f"{classifier.name}/{rules.fingerprint()}/{owners.fingerprint()}", definitions, classifier.name)


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
