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


class Finding(NamedTuple):
    """A term of a theme at a word of the title-and-body stream."""

    word: int
    words: int
    entry: int


class Part(NamedTuple):
    """What one finding adds to a score."""

    finding: Finding
    weight: float


class Rule(NamedTuple):
    """A combination, its groups as numbers; `needs` has a bit for each group that must occur."""

    groups: tuple[int, ...]
    without: tuple[int, ...]
    near: int
    weight: float
    needs: int


class Entry(NamedTuple):
    """What one term means to one theme: a weight (0: none), the groups it belongs to, whether it masks others."""

    term: str
    weight: float
    group: int | None
    masks: bool
    weak: bool = False


class Scorer:
    """Scores one theme; `entries` says, by number, what the findings handed to it mean."""

    def __init__(self, theme: Theme) -> None:
        self.entries: list[Entry] = []
        self._threshold = theme.threshold
        self._fields = theme.fields
        self._weak_limit = theme.weights.weak_limit / theme.threshold
        self._groups: dict[str | tuple[str, ...], int] = {}
        for terms in theme.terms.values():
            for kind in ("decisive", "strong", "weak", "against"):
                weight = getattr(theme.weights, kind)
                self.entries += (Entry(term, weight, None, False, kind == "weak") for term in getattr(terms, kind))
            self.entries += (Entry(term, 0.0, None, True) for term in terms.ignore)
        self._rules = [self._rule(theme, combination) for combination in theme.combinations]

    def score(self, findings: Sequence[Finding], body_at: int, body: str) -> tuple[float, list[Part]]:
        """Return the score in thresholds, and what it is made of.

        Args:
            findings: In any order.
            body_at: The word at which the body begins; what stands before is the title.
            body: The field the body comes from.
        """
        masked = [finding for finding in findings if self.entries[finding.entry].masks]
        if masked:
            covered = {finding.word + i for finding in masked for i in range(finding.words)}
            findings = [f for f in findings if covered.isdisjoint(range(f.word, f.word + f.words))]
        weights = (self._fields.title / self._threshold, getattr(self._fields, body) / self._threshold)
        parts = self._limit_weak(list(self._terms(findings, body_at, weights)))
        if self._rules:
            parts += self._combinations(findings, body_at, weights)
        return sum(part.weight for part in parts), parts

    def _terms(self, findings: Sequence[Finding], body_at: int, weights: tuple[float, float]) -> Iterator[Part]:
        weighted = [(f, self.entries[f.entry].weight) for f in findings if self.entries[f.entry].weight]
        kept: list[tuple[Finding, float]] = []
        for finding, weight in sorted(weighted):
            if kept and finding.word < kept[-1][0].word + kept[-1][0].words:
                if (abs(weight), finding.words) > (abs(kept[-1][1]), kept[-1][0].words):
                    kept[-1] = (finding, weight)
            else:
                kept.append((finding, weight))
        seen: dict[tuple[bool, int], int] = defaultdict(int)
        for finding, weight in kept:
            in_body = finding.word >= body_at
            times = seen[in_body, finding.entry]
            seen[in_body, finding.entry] = times + 1
            if times < len(REPEATS):
                yield Part(finding, weight * weights[in_body] * REPEATS[times])

    def _limit_weak(self, parts: list[Part]) -> list[Part]:
        weak = sum(part.weight for part in parts if self.entries[part.finding.entry].weak)
        if weak <= self._weak_limit:
            return parts
        share = self._weak_limit / weak
        return [Part(f, weight * share) if self.entries[f.entry].weak else Part(f, weight) for f, weight in parts]

    def _combinations(self, findings: Sequence[Finding], body_at: int, weights: tuple[float, float]) -> Iterator[Part]:
        groups: dict[int, list[Finding]] = defaultdict(list)
        present = 0
        for finding in findings:
            group = self.entries[finding.entry].group
            if group is not None:
                groups[group].append(finding)
                present |= 1 << group
        for rule in self._rules:
            if present & rule.needs != rule.needs:
                continue
            for times, window in zip(range(len(REPEATS)), _windows(rule, groups), strict=False):
                in_body = any(finding.word >= body_at for finding in window)
                share = rule.weight * weights[in_body] * REPEATS[times] / len(window)
                yield from (Part(finding, share) for finding in window)

    def _rule(self, theme: Theme, combination: Combination) -> Rule:
        groups = tuple(self._group(theme, group) for group in combination.all)
        without = tuple(self._group(theme, group) for group in combination.without)
        needs = sum(1 << group for group in set(groups))
        return Rule(groups, without, combination.near, getattr(theme.weights, combination.strength), needs)

    def _group(self, theme: Theme, group: str | tuple[str, ...]) -> int:
        if group not in self._groups:
            number = self._groups[group] = len(self._groups)
            terms = theme.words[group] if isinstance(group, str) else group
            self.entries += (Entry(term, 0.0, number, False) for term in terms)
        return self._groups[group]


def _windows(rule: Rule, groups: dict[int, list[Finding]]) -> Iterator[list[Finding]]:
    """Yield stretches in which every group occurs within reach, none overlapping another, first ones first."""
    stream = sorted((finding, group) for group in set(rule.groups) for finding in groups[group])
    undoing = sorted(finding.word for group in rule.without for finding in groups.get(group, ()))
    last: dict[int, Finding] = {}
    for finding, group in stream:
        last[group] = finding
        if len(last) < len(set(rule.groups)):
            continue
        first = min(one.word for one in last.values())
        if finding.word - first > rule.near:
            continue
        if any(first - rule.near <= word <= finding.word + rule.near for word in undoing):
            continue
        yield sorted(last.values())
        last.clear()
