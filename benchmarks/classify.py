"""How many articles a second one core gives themes, and what finding the terms alone costs, beside other ways to do it.

    python benchmarks/classify.py [--articles FILE.jsonl] [--seconds 3]

Without a file the articles are made of this program's own words and of the examples in the theme files.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from classifiers import themes
from classifiers.definition import example_of
from classifiers.keywords import KeywordClassifier
from classifiers.tokens import Tokens

SIZES = (600, 3000)
FILLER = [
    *("the", "council", "said", "on", "monday", "that", "new", "rules", "for", "markets", "would", "be", "discussed"),
    *("again", "next", "week", "after", "a", "long", "debate", "about", "prices,", "housing", "and", "the", "railway;"),
    *("residents,", "teachers", "and", "firms", "asked", "for", "more", "time", "while", "the", "mayor,", "who", "was"),
    *("elected", "last", "year,", "told", "reporters", "it", "would", "not", "change", "and", "talks", "go", "on."),
]


def main() -> None:
    """Run the benchmark and print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=Path, help="JSON lines with `text` (or `summary`) to cut articles from")
    parser.add_argument("--config", type=Path, default=Path("config"))
    parser.add_argument("--seconds", type=float, default=3.0, help="per figure")
    options = parser.parse_args()
    classifier = KeywordClassifier(themes.load(options.config))
    terms = [term.written for term in classifier.terms]
    print(f"{len(terms)} terms, {classifier.name}")
    alternation = _alternation(terms)
    for size in SIZES:
        texts = _read(options.articles, size) if options.articles else _make(options.config, size)
        assigned = sum(bool(classifier.judge(text[:80], "", text)) for text in texts) / len(texts)
        print(f"\n{size} characters, {len(texts)} articles, {assigned:.0%} of them get a theme")
        ways: Sequence[tuple[str, Callable[[str], object]]] = (
            ("classify (words, terms, scores, evidence)", lambda text: classifier.judge(text[:80], "", text)),
            ("  of that: words and terms", lambda text: classifier.vocabulary.find(Tokens(text))),
            ("peer: one regular expression, \\b(a|b|...)", lambda text: [m.span() for m in alternation.finditer(text)]),
            ("peer: `term in text`, no boundaries", lambda text: [term for term in terms if term in text]),
        )
        for name, way in ways:
            print(f"{_rate(way, texts, options.seconds):>10,.0f} articles/s  {name}")


def _rate(way: Callable[[str], object], texts: Sequence[str], seconds: float) -> float:
    done, start = 0, time.perf_counter()
    while (took := time.perf_counter() - start) < seconds:
        way(texts[done % len(texts)])
        done += 1
    return done / took


def _alternation(terms: Sequence[str]) -> re.Pattern[str]:
    stems = sorted({term.rstrip("*").casefold() for term in terms}, key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(map(re.escape, stems)) + ")", re.IGNORECASE)


def _read(path: Path, size: int) -> list[str]:
    with path.open(encoding="utf-8") as file:
        items = (json.loads(line) for line in file)
        texts = [item.get("text") or item.get("summary") or "" for item in items]
    joined = " ".join(texts)
    return [joined[at : at + size] for at in range(0, min(len(joined), 1000 * size), size)]


def _make(config: Path, size: int) -> list[str]:
    random.seed(20240426)
    examples = [example_of(one) for theme in themes.load(config).values() for one in theme.must_match]
    sentences = [f"{one.title} {one.summary} {one.text}" for one in examples]
    texts = []
    for _ in range(500):
        words = [random.choice(FILLER) for _ in range(size // 6)]
        for _ in range(random.choice((0, 0, 1, 2))):
            words.insert(random.randrange(len(words)), random.choice(sentences))
        texts.append(" ".join(words)[:size])
    return texts


if __name__ == "__main__":
    main()
