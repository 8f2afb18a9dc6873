"""Findings of one theme's terms to its score, with what each of them adds.

A term adds its weight times the weight of its field; a second and a third occurrence add a half and a quarter, further
ones nothing. Where findings overlap, the strongest counts. The body is the better of summary and text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from classifiers.definition import Combination, Theme

REPEATS: Final = (1.0, 0.5, 0.25)

# What is present, as bits: entries that mask others, entries that weigh something, and from the third on the groups.
_MASK: Final = 1
_WEIGHED: Final = 2
_GROUPS: Final = 4


Finding = tuple[int, int, int]
"""A term of a theme in the title-and-body stream: its first word, its number of words, which entry of the theme it is.

No class: an article has dozens of them, and making objects of them was a fifth of the work.
"""
Part = tuple[Finding, float]
"""What one finding adds to a score."""


class Rule(NamedTuple):
    """A combination, its groups as numbers; `needs` has the bits of those that must occur."""

    groups: tuple[int, ...]
    without: tuple[int, ...]
    near: int
    weight: float
    needs: int


class Entry(NamedTuple):
    """What one term means to one theme: a weight (0: none), the group it belongs to, whether it masks others."""

    term: str
    weight: float
    group: int | None
    masks: bool
    weak: bool = False


class Scorer:
    """Scores one theme; `entries` and their `bits` say, by number, what the findings handed to it mean."""

    def __init__(self, theme: Theme) -> None:
        self.entries: list[Entry] = []
        self._weak_limit = theme.weights.weak_limit / theme.threshold
        self._groups: dict[str | tuple[str, ...], int] = {}
        for terms in theme.terms.values():
            for kind in ("decisive", "strong", "weak", "against"):
                weight = getattr(theme.weights, kind)
                self.entries += (Entry(term, weight, None, False, kind == "weak") for term in getattr(terms, kind))
            self.entries += (Entry(term, 0.0, None, True) for term in terms.ignore)
        self._rules = [self._rule(theme, combination) for combination in theme.combinations]
        self._weights = [entry.weight for entry in self.entries]
        self._weak = [entry.weak for entry in self.entries]
        self.bits = [_bit(entry) for entry in self.entries]
        title = theme.fields.title / theme.threshold
        self._fields = {body: (title, getattr(theme.fields, body) / theme.threshold) for body in ("summary", "text")}

    def can_score(self, bits: int) -> bool:
        """Return whether findings can have any score, by the bits of their entries, all in one."""
        return bool(bits & _WEIGHED) or any(bits & rule.needs == rule.needs for rule in self._rules)

    @staticmethod
    def denies(bits: int) -> bool:
        """Return whether a phrase occurs in which the theme's terms mean something else."""
        return bool(bits & _MASK)

    def score(self, findings: Sequence[Finding], body_at: int, body: str) -> tuple[float, list[Part]]:
        """Return the score in thresholds, and what it is made of.

        Args:
            findings: In any order.
            body_at: The word at which the body begins; what stands before is the title.
            body: The field the body comes from.
        """
        weighted, present = self._sort_out(findings)
        if present & _MASK:
            masking = [finding for finding in findings if self.bits[finding[2]] == _MASK]
            covered = {word + i for word, words, _ in masking for i in range(words)}
            findings = [f for f in findings if covered.isdisjoint(range(f[0], f[0] + f[1]))]
            weighted, present = self._sort_out(findings)
        fields = self._fields[body]
        parts = self._limit_weak(self._terms(weighted, body_at, fields)) if weighted else []
        for rule in self._rules:
            if present & rule.needs == rule.needs:
                parts += self._combination(rule, findings, body_at, fields)
        return sum([weight for _, weight in parts]), parts

    def _sort_out(self, findings: Sequence[Finding]) -> tuple[list[Part], int]:
        """Return the findings that weigh something by themselves, and the bits of the others."""
        weights, bits = self._weights, self.bits
        weighted: list[Part] = []
        present = 0
        for finding in findings:
            entry = finding[2]
            if weight := weights[entry]:
                weighted.append((finding, weight))
            else:
                present |= bits[entry]
        return weighted, present

    def _terms(self, weighted: list[Part], body_at: int, fields: tuple[float, float]) -> list[Part]:
        if len(weighted) == 1:
            finding, weight = weighted[0]
            return [(finding, weight * fields[finding[0] >= body_at] * REPEATS[0])]
        kept: list[Part] = []
        end = -1  # of the last one kept
        for part in sorted(weighted):
            (word, words, _), weight = part
            if word >= end:
                kept.append(part)
                end = word + words
            elif (abs(weight), words) > (abs(kept[-1][1]), kept[-1][0][1]):
                kept[-1] = part
                end = word + words
        seen: dict[tuple[bool, int], int] = {}
        parts: list[Part] = []
        for finding, weight in kept:
            in_body = finding[0] >= body_at
            key = in_body, finding[2]
            times = seen[key] = seen.get(key, -1) + 1
            if times < len(REPEATS):
                parts.append((finding, weight * fields[in_body] * REPEATS[times]))
        return parts

    def _limit_weak(self, parts: list[Part]) -> list[Part]:
        is_weak = self._weak
        weak = sum([weight for finding, weight in parts if is_weak[finding[2]]])
        if weak <= self._weak_limit:
            return parts
        share = self._weak_limit / weak
        return [(f, weight * share) if is_weak[f[2]] else (f, weight) for f, weight in parts]

    def _combination(
        self, rule: Rule, findings: Sequence[Finding], body_at: int, fields: tuple[float, float]
    ) -> Iterator[Part]:
        groups: dict[int, list[Finding]] = defaultdict(list)
        for finding in findings:
            group = self.entries[finding[2]].group
            if group is not None:
                groups[group].append(finding)
        for times, window in zip(range(len(REPEATS)), _windows(rule, groups), strict=False):
            in_body = any(word >= body_at for word, _, _ in window)
            share = rule.weight * fields[in_body] * REPEATS[times] / len(window)
            yield from ((finding, share) for finding in window)

    def _rule(self, theme: Theme, combination: Combination) -> Rule:
        groups = tuple(self._group(theme, group) for group in combination.all)
        without = tuple(self._group(theme, group) for group in combination.without)
        needs = sum(_GROUPS << group for group in set(groups))
        return Rule(groups, without, combination.near, getattr(theme.weights, combination.strength), needs)

    def _group(self, theme: Theme, group: str | tuple[str, ...]) -> int:
        if group not in self._groups:
            number = self._groups[group] = len(self._groups)
            terms = theme.words[group] if isinstance(group, str) else group
            self.entries += (Entry(term, 0.0, number, False) for term in terms)
        return self._groups[group]


def _bit(entry: Entry) -> int:
    if entry.masks:
        return _MASK
    if entry.weight:
        return _WEIGHED
    return 0 if entry.group is None else _GROUPS << entry.group


def _windows(rule: Rule, groups: dict[int, list[Finding]]) -> Iterator[list[Finding]]:
    """Yield stretches in which every group occurs within reach, none overlapping another, first ones first."""
    stream = sorted((finding, group) for group in set(rule.groups) for finding in groups[group])
    undoing = [finding[0] for group in rule.without for finding in groups.get(group, ())]
    last: dict[int, Finding] = {}
    for finding, group in stream:
        last[group] = finding
        if len(last) < len(set(rule.groups)):
            continue
        first = min(word for word, _, _ in last.values())
        if finding[0] - first > rule.near:
            continue
        if any(first - rule.near <= word <= finding[0] + rule.near for word in undoing):
            continue
        yield sorted(last.values())
        last.clear()
