"""The keyword classifier: themes in, and for each article the assigned themes with the evidence, in one pass."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from classifiers.definition import Theme
from classifiers.scoring import Finding, Part, Scorer
from classifiers.terms import Term, parse_term
from classifiers.tokens import Tokens
from classifiers.vocabulary import Vocabulary
from deskwatch.records import Article, Evidence, ThemeScore

MAX_EVIDENCE: Final = 24  # of one theme, heaviest first: a record must stay small
_GAP: Final = 1  # words between title and body


class KeywordClassifier:
    """Judges articles by the terms of theme files; equal files and text give equal verdicts."""

    def __init__(self, themes: Mapping[str, Theme]) -> None:
        self.name = f"terms-{_hash_of(themes)}"
        self._scorers = [(theme_id, Scorer(theme)) for theme_id, theme in sorted(themes.items())]
        self.terms: list[Term] = []
        self._uses: list[list[tuple[int, int]]] = []  # by term: in which themes it is which entry
        known: dict[str, int] = {}
        for number, (_, scorer) in enumerate(self._scorers):
            for entry, meaning in enumerate(scorer.entries):
                if meaning.term not in known:
                    known[meaning.term] = len(self.terms)
                    self.terms.append(parse_term(meaning.term))
                    self._uses.append([])
                self._uses[known[meaning.term]].append((number, entry))
        self.vocabulary = Vocabulary(self.terms)

    def classify(self, article: Article) -> tuple[ThemeScore, ...]:
        """Return the themes assigned to the article (score >= 1), best first."""
        return self.judge(article.title, article.summary, article.text or "")

    def judge(self, title: str, summary: str = "", text: str = "", *, at_least: float = 1.0) -> tuple[ThemeScore, ...]:
        """Return the themes with a score of `at_least`, best first."""
        best: dict[str, ThemeScore] = {}
        head = Tokens(title)
        for field, body in _bodies(summary, text):
            for score in self._judge(head, field, Tokens(body), at_least):
                if score.theme not in best or score.score > best[score.theme].score:
                    best[score.theme] = score
        return tuple(sorted(best.values(), key=lambda score: (-score.score, score.theme)))

    def _judge(self, head: Tokens, field: str, body: Tokens, at_least: float) -> Iterator[ThemeScore]:
        body_at = head.folded.count(" ") + _GAP
        findings: dict[int, list[Finding]] = defaultdict(list)
        for offset, tokens in ((0, head), (body_at, body)):
            for word, index in self.vocabulary.find(tokens):
                for number, entry in self._uses[index]:
                    findings[number].append(Finding(word + offset, self.terms[index].words, entry))
        for number, found in findings.items():
            theme, scorer = self._scorers[number]
            score, parts = scorer.score(found, body_at, field)
            if score >= at_least:
                merged = _merge(parts, scorer)
                evidence = (self._evidence(scorer, part, head, field, body, body_at) for part in merged)
                yield ThemeScore(theme=theme, score=round(score, 4), evidence=tuple(evidence))

    @staticmethod
    def _evidence(scorer: Scorer, part: Part, head: Tokens, field: str, body: Tokens, body_at: int) -> Evidence:
        finding, weight = part
        in_body = finding.word >= body_at
        tokens, word = (body, finding.word - body_at) if in_body else (head, finding.word)
        start, end = tokens.span(word, finding.words)
        return Evidence(
            term=scorer.entries[finding.entry].term,
            field=field if in_body else "title",
            start=start,
            end=end,
            weight=round(weight, 4),
        )


def _bodies(summary: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield what can stand for the body: the summary, and the text; one alone where it holds the other."""
    if summary and not text.startswith(summary):
        yield "summary", summary
    if text or not summary:
        yield "text", text


def _merge(parts: list[Part], scorer: Scorer) -> list[Part]:
    """Return one part for each term at each place, heaviest first, at most MAX_EVIDENCE."""
    merged: dict[tuple[int, str], Part] = {}
    for finding, weight in parts:
        key = (finding.word, scorer.entries[finding.entry].term)
        merged[key] = Part(finding, weight + (merged[key].weight if key in merged else 0.0))
    return sorted(merged.values(), key=lambda part: (-abs(part.weight), part.finding))[:MAX_EVIDENCE]


def _hash_of(themes: Mapping[str, Theme]) -> str:
    canonical = msgspec.json.encode(themes, order="deterministic")
    return hashlib.sha256(canonical).hexdigest()[:12]
