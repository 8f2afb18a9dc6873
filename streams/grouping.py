"""Items to stories, as they come: each joins the story of the item it is most like, or begins one.

Candidates are the items that share the most runs of three words with the new one. Runs that many items have tell
nothing and find none; items older than the reach are forgotten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import Final, NamedTuple

from streams.likeness import LEAST_COPY, Signature, copy_probability, signature

REACH_H: Final = 72.0
CANDIDATES: Final = 12  # compared one by one
COMMON: Final = 100  # items that have a run, from which on it finds nobody
REMEMBERED: Final = 10_000  # signatures, which are larger than what they are made of
SKETCH: Final = 40  # runs an item is found by: the smallest numbers, so that copies of a long text keep the same


_signature = lru_cache(REMEMBERED)(signature)


class Text(NamedTuple):
    """What an item says, as far as it is compared."""

    title: str
    body: str
    owner: str = ""  # unknown


class Member(NamedTuple):
    """An item that stands in a story."""

    story: str
    text: Text
    at_h: float  # hours since 1970
    sketch: list[int]  # the runs it is found by


class Grouping:
    """The items of the last hours by what they share."""

    def __init__(self, reach_h: float = REACH_H) -> None:
        self._reach_h = reach_h
        self._members: dict[int, Member] = {}
        self._by_run: dict[int, list[int]] = {}
        self._number = 0
        self._oldest = 0

    def add(self, item_id: str, text: Text, at_h: float) -> tuple[str, bool]:
        """Return the story of an item, and whether it is a copy: whether another item began the story.

        Args:
            item_id: Names the story if the item begins one.
            text: What it is compared by.
            at_h: When it appeared, in hours since 1970; items come in about this order.
        """
        found = self.find(text, at_h)
        self.put(found or item_id, text, at_h)
        return found or item_id, found is not None

    def find(self, text: Text, at_h: float) -> str | None:
        """Return the story of the item that a text is most like, if it is like one at all."""
        self._forget(at_h - self._reach_h)
        own = _signature(text.title, text.body)
        story, best = None, (LEAST_COPY, -self._reach_h)
        for member in self._candidates(_sketch(own)):
            hours = abs(at_h - member.at_h)
            if (rank := (self._likeness(member.text, text, own, hours), -hours)) >= best:
                story, best = member.story, rank
        return story

    def put(self, story: str, text: Text, at_h: float) -> None:
        """Take in an item of a story, for others to be compared with."""
        self._forget(at_h - self._reach_h)
        sketch = _sketch(_signature(text.title, text.body))
        self._members[self._number] = Member(story, text, at_h, sketch)
        for run in sketch:
            self._by_run.setdefault(run, []).append(self._number)
        self._number += 1

    def _likeness(self, member: Text, text: Text, own: Signature, hours: float) -> float:
        of_one = bool(text.owner) and member.owner == text.owner
        return copy_probability(_signature(member.title, member.body), own, hours, of_one=of_one)

    def _candidates(self, sketch: list[int]) -> Iterator[Member]:
        lists = (found for run in sketch if (found := self._by_run.get(run)) and len(found) < COMMON)
        counts = Counter(chain.from_iterable(lists))
        return (self._members[number] for number, _ in counts.most_common(CANDIDATES))

    def _forget(self, before_h: float) -> None:
        while self._oldest < self._number and self._members[self._oldest].at_h < before_h:
            for run in self._members.pop(self._oldest).sketch:
                held = self._by_run[run]
                held.remove(self._oldest)
                if not held:
                    del self._by_run[run]
            self._oldest += 1


def _sketch(signature: Signature) -> list[int]:
    return sorted(signature.triples)[:SKETCH]  # of a hundred, faster than heapq.nsmallest
