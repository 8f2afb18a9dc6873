"""The keyword classifier: themes in, and for each article the assigned themes with the evidence, in one pass."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from classifiers.definition import Theme
from classifiers.observing import Observer, Seen
from classifiers.parents import Parents, ancestors, with_parents
from classifiers.scoring import Finding, Part, Scorer
from classifiers.terms import Term, parse_term
from classifiers.tokens import Tokens
from classifiers.vocabulary import GAP, Found, Vocabulary
from deskwatch.records import Article, Evidence, ThemeScore

MAX_EVIDENCE: Final = 24  # of one theme, heaviest first: a record must stay small
Body = tuple[str, Tokens]
"""A field that can stand for the body, and its words."""

_SAME: Final = 1e-9  # what sums of the same weights in another order may differ by


class KeywordClassifier:
    """Judges articles by the terms of theme files; equal files and text give equal verdicts."""

    def __init__(self, themes: Mapping[str, Theme], *, observer: Observer | None = None) -> None:
        self._observer = observer
        self.name = f"terms-{_hash_of(themes)}"
        self.themes = sorted(themes)
        self.parents = {theme_id: theme.parents for theme_id, theme in themes.items() if theme.parents}
        self.definitions = _definitions(themes, self.parents)
        self._scorers = [(theme_id, Scorer(theme)) for theme_id, theme in sorted(themes.items())]
        self.terms: list[Term] = []
        self._uses: list[list[tuple[int, int, int]]] = []  # by term: in which themes it is which entry, with its bits
        known: dict[str, int] = {}
        for number, (_, scorer) in enumerate(self._scorers):
            for entry, meaning in enumerate(scorer.entries):
                if meaning.term not in known:
                    known[meaning.term] = len(self.terms)
                    self.terms.append(parse_term(meaning.term))
                    self._uses.append([])
                self._uses[known[meaning.term]].append((number, entry, scorer.bits[entry]))
        self._lengths = [term.words for term in self.terms]
        self.vocabulary = Vocabulary(self.terms)

    def classify(self, article: Article) -> tuple[ThemeScore, ...]:
        """Return the themes assigned to the article (score >= 1), best first."""
        return self.judge(article.title, article.summary, article.text or "")

    def judge(self, title: str, summary: str = "", text: str = "", *, at_least: float = 1.0) -> tuple[ThemeScore, ...]:
        """Return the themes with a score of `at_least`, best first."""
        return self.judge_tokens(Tokens(title), bodies_of(summary, text), at_least=at_least)

    def judge_tokens(self, head: Tokens, bodies: Sequence[Body], *, at_least: float = 1.0) -> tuple[ThemeScore, ...]:
        """Return the same for an article whose words are known already."""
        reading = self.read(head, bodies)
        judged = [reading.judged(theme) for theme, score in reading.scores.items() if score >= at_least]
        if self._observer is not None:
            self._observer(Seen(reading.scores, reading.scores, judged, by_model=False))
        return with_parents(judged, self.parents)

    def read(self, head: Tokens, bodies: Sequence[Body]) -> Reading:
        """Return what the terms say of an article: cheap scores, and evidence for those who ask.

        Args:
            head: The title.
            bodies: What can stand for the body, one at least; for each theme the one with the highest score counts.
        """
        body_at = head.folded.count(" ") - 1 + GAP
        reading = Reading(head, body_at)
        for body in bodies:
            for number, findings in self._by_theme(self.vocabulary.find(head, body[1]), reading.denied).items():
                theme, scorer = self._scorers[number]
                score, parts = scorer.score(findings, body_at, body[0])
                reading.add(theme, score, (scorer, parts, body))
        return reading

    def _by_theme(self, found: list[Found], denied: set[str]) -> dict[int, list[Finding]]:
        """Return the findings of the themes that can have a score: few of those of which some word occurs.

        `denied` takes the themes of which a `not` phrase occurs.
        """
        uses, lengths = self._uses, self._lengths
        present: dict[int, int] = {}
        for index in {index for _, index in found}:
            for number, _, bit in uses[index]:
                present[number] = present.get(number, 0) | bit
        findings: dict[int, list[Finding]] = {
            number: [] for number, bits in present.items() if self._scorers[number][1].can_score(bits)
        }
        for number, bits in present.items():
            if self._scorers[number][1].denies(bits):
                denied.add(self._scorers[number][0])
        if findings:
            for word, index in found:
                for number, entry, _ in uses[index]:
                    if number in findings:
                        findings[number].append((word, lengths[index], entry))
        return findings


class Reading:
    """What the terms say of one article.

    Attributes:
        scores: By theme; one that is not there has 0. Parents have nothing handed up yet.
        denied: Themes of which a `not` phrase occurs.
    """

    def __init__(self, head: Tokens, body_at: int) -> None:
        self.scores: dict[str, float] = {}
        self.denied: set[str] = set()
        self._head = head
        self._body_at = body_at
        self._made_of: dict[str, tuple[Scorer, list[Part], Body]] = {}

    def add(self, theme: str, score: float, made_of: tuple[Scorer, list[Part], Body]) -> None:
        """Take the score that a theme has with one body, unless it has as high a one with another."""
        if theme not in self.scores or score > self.scores[theme] + _SAME:
            self.scores[theme] = score
            self._made_of[theme] = made_of

    def judged(self, theme: str) -> ThemeScore:
        """Return the score of a theme with its evidence, the heaviest first; 0 if none of its terms occurs."""
        if theme not in self.scores:
            return ThemeScore(theme=theme, score=0.0)
        scorer, parts, body = self._made_of[theme]
        evidence = tuple(self._evidence(scorer, part, body) for part in _merge(parts, scorer))
        return ThemeScore(theme=theme, score=round(self.scores[theme], 4), evidence=evidence)

    def _evidence(self, scorer: Scorer, part: Part, body: Body) -> Evidence:
        (word, words, entry), weight = part
        field, tokens = body if word >= self._body_at else ("title", self._head)
        start, end = tokens.span(word - self._body_at if word >= self._body_at else word, words)
        term = scorer.entries[entry].term
        return Evidence(term=term, field=field, start=start, end=end, weight=round(weight, 4))


def bodies_of(summary: str, text: str) -> list[Body]:
    """Return what can stand for the body: the summary, and the text; one alone where it holds the other."""
    bodies = [("summary", Tokens(summary))] if summary and not text.startswith(summary) else []
    return [*bodies, ("text", Tokens(text))] if text or not summary else bodies


def _merge(parts: list[Part], scorer: Scorer) -> list[Part]:
    """Return one part for each term at each place, heaviest first, at most MAX_EVIDENCE."""
    merged: dict[tuple[int, str], Part] = {}
    for finding, weight in parts:
        key = (finding[0], scorer.entries[finding[2]].term)
        merged[key] = finding, weight + (merged[key][1] if key in merged else 0.0)
    return sorted(merged.values(), key=lambda part: (-abs(part[1]), part[0]))[:MAX_EVIDENCE]


def _definitions(themes: Mapping[str, Theme], parents: Parents) -> dict[str, str]:
    """Return for each theme a hash of all that gives it articles: its terms, and those of the themes below it.

    Texts for people and examples are not part of it.
    """
    judging = {
        theme_id: msgspec.structs.replace(
            theme, measured=None, title="", definition="", must_match=(), must_not_match=(), parents=()
        )
        for theme_id, theme in themes.items()
    }
    heirs: dict[str, list[Theme]] = {theme_id: [theme] for theme_id, theme in judging.items()}
    for theme_id in sorted(themes):
        for above in ancestors(theme_id, parents):
            heirs.setdefault(above, []).append(judging[theme_id])
    return {
        theme_id: hashlib.sha256(msgspec.json.encode(heirs[theme_id], order="deterministic")).hexdigest()[:12]
        for theme_id in themes
    }


def _hash_of(themes: Mapping[str, Theme]) -> str:
    """Return a hash of all that the verdicts rest on: how good they were found to be is not part of it."""
    judging = {theme_id: msgspec.structs.replace(theme, measured=None) for theme_id, theme in themes.items()}
    return hashlib.sha256(msgspec.json.encode(judging, order="deterministic")).hexdigest()[:12]
