"""How likely two items carry one text: a wire story that travelled, or one that was updated.

Items are compared by the runs of words they share, over title and the beginning of the text. That two newsrooms wrote
about the same event makes titles alike too; what tells copies from that was fitted on labelled pairs
(`docs/decisions/0013-copies.md`).
"""

from __future__ import annotations

import math
import re
import unicodedata
import zlib
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

MAX_WORDS: Final = 100  # of title and text: what was copied begins alike, or nearly
MAX_CHARS: Final = 8 * MAX_WORDS  # of the text
LEAST_WORDS: Final = 4  # an item of fewer words is like no other: "Live updates", "Weather"
LONG: Final = 40  # runs of three words: with so many in both, they alone tell nearly always, whatever age and title
DIFFERENT: Final = 0.3  # share of them in common below which two long items are two texts: forms of ministries, say
SAME: Final = 0.5  # from which on they are one
SAME_OF_ONE: Final = 0.65  # of one outlet: it does not copy itself, but fills in its forms anew
LEAST_COPY: Final = 0.35  # probability from which two items carry one text: where F1 is best

# Logistic regression on 328 labelled pairs (C=3).
_BIAS: Final = -4.78
_TWO_WORDS: Final = 3.71
_THREE_WORDS: Final = 2.40
_HOURS: Final = -0.70
_RUN: Final = 0.42

_WORDS: Final = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0eff]|[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0eff]+"
)
_UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0eff]")
_POSSESSIVE: Final = re.compile(r"['\u2019]s\b")
_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio, made odd (Knuth)
_CHARS_A_WORD: Final = 2  # of a script without spaces


class Signature(msgspec.Struct, frozen=True):
    """What an item is compared by.

    Attributes:
        title: Its words; characters in scripts without spaces.
        pairs, triples: Hashes of runs of two and three words of title and text (of twice as many characters).
        scale: Words of the title for each unit of a run: 1, or 2 for characters.
    """

    title: tuple[str, ...]
    pairs: frozenset[int]
    triples: frozenset[int]
    scale: int


def signature(title: str, text: str = "") -> Signature:
    """Return the signature of an item."""
    head = _words(title)
    words = [*head, *_words(text[:MAX_CHARS])][:MAX_WORDS]
    scale = _CHARS_A_WORD if _UNSPACED.search(title) else 1
    encoded = " ".join(words).encode("utf-8", "surrogatepass").split(b" ") if words else []
    numbers = np.fromiter(map(zlib.crc32, encoded), np.uint64, len(encoded))
    return Signature(tuple(head[:MAX_WORDS]), _runs(numbers, 2 * scale), _runs(numbers, 3 * scale), scale)


def copy_probability(one: Signature, other: Signature, hours: float, *, of_one: bool = False) -> float:
    """Return how likely two items that appeared so many hours apart carry one text; `of_one`: of one outlet."""
    shared = len(one.triples & other.triples)
    shorter = min(len(one.triples), len(other.triples))
    if shorter >= LONG and of_one:
        return float(shared >= SAME_OF_ONE * shorter)
    if shorter >= LONG and (shared < DIFFERENT * shorter or shared >= SAME * shorter):
        return float(shared >= SAME * shorter)
    if min(len(one.title), len(other.title)) < LEAST_WORDS * max(one.scale, other.scale):
        return 0.0
    log_odds = (
        _BIAS
        + _TWO_WORDS * _contained(one.pairs, other.pairs)
        + _THREE_WORDS * _contained(one.triples, other.triples)
        + _HOURS * math.log1p(max(hours, 0.0))
        + _RUN * longest_run(one.title, other.title) / max(one.scale, other.scale)
    )
    return 1 / (1 + math.exp(-log_odds))


def longest_run(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many words in a row stand in both."""
    best, before = 0, [0] * (len(other) + 1)
    for word in one:
        row = [0] * (len(other) + 1)
        for i, second in enumerate(other):
            if word == second:
                row[i + 1] = before[i] + 1
                best = max(best, row[i + 1])
        before = row
    return best


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text) if not text.isascii() else text
    return _WORDS.findall(_POSSESSIVE.sub("", plain.casefold()))


def _runs(words: NDArray[np.uint64], length: int) -> frozenset[int]:
    """Return a number for each run of so many words, the same in every process."""
    length = min(length, len(words))
    if length == 0:
        return frozenset()
    last = len(words) - length + 1
    runs = words[:last]
    for start in range(1, length):
        runs = runs * _FACTOR + words[start : last + start]  # overflows on purpose
    return frozenset(runs.tolist())


def _contained(one: frozenset[int], other: frozenset[int]) -> float:
    return len(one & other) / max(min(len(one), len(other)), 1)
