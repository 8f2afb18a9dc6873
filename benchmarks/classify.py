"""How many articles a second one core gives themes with evidence, beside other ways to find themes.

    python benchmarks/classify.py [--articles FILE.jsonl[.gz]] [--seconds 3]

An article is a title and a kilobyte of text. With a file they are cut from its `title` and `text`; without one they are
made of this program's own words and of the examples in the theme files. Times are CPU times; no article comes twice
before all have come once. A desk with 200 themes is made up of words and pairs of words that stand in the articles.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
from parts import embedding

from classifiers import themes
from classifiers.combined import CombinedClassifier
from classifiers.definition import Terms, Theme, example_of
from classifiers.keywords import KeywordClassifier
from classifiers.loading import load_classifier

TEXT = 1024
MOST = 6000  # articles
MANY = 200  # themes
EMBEDDED = 100  # articles: enough for a way that is a hundred times slower
FILLER = [
    *("the", "council", "said", "on", "monday", "that", "new", "rules", "for", "markets", "would", "be", "discussed"),
    *("again", "next", "week", "after", "a", "long", "debate", "about", "prices,", "housing", "and", "the", "railway;"),
    *("residents,", "teachers", "and", "firms", "asked", "for", "more", "time", "while", "the", "mayor,", "who", "was"),
    *("elected", "last", "year,", "told", "reporters", "it", "would", "not", "change", "and", "talks", "go", "on."),
]
START = """
import sys, time
start = time.perf_counter()
from pathlib import Path
from classifiers.loading import load_classifier
load_classifier(Path(sys.argv[1])).classifier.judge("Tariffs rise", "", "The council said so on Monday.")
took = time.perf_counter() - start
most = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(took, int(most.split()[1]) / 1024)
"""

Article = tuple[str, str]
Way = Callable[[str, str], object]


def main() -> None:
    """Run the benchmark and print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=Path, help="JSON lines with `title` and `text`")
    parser.add_argument("--config", type=Path, default=Path("config"))
    parser.add_argument("--seconds", type=float, default=3.0, help="per figure")
    options = parser.parse_args()
    known = themes.load(options.config)
    terms, loaded = KeywordClassifier(known), load_classifier(options.config)
    if not isinstance(loaded.classifier, CombinedClassifier):
        sys.exit(loaded.trouble)
    articles = _read(options.articles) if options.articles else _make(known)
    random.Random(1).shuffle(articles)
    themed = sum(bool(loaded.classifier.judge(title, "", text)) for title, text in articles) / len(articles)
    length = round(sum(len(text) for _, text in articles) / len(articles))
    print(
        f"{len(articles):,} articles, text {length} characters, {themed:.0%} with a theme; {len(terms.terms):,} terms"
    )
    ways: list[tuple[str, Way]] = [
        ("terms and model", lambda title, text: loaded.classifier.judge(title, "", text)),
        ("terms alone", lambda title, text: terms.judge(title, "", text)),
        ("peer: one regular expression for each theme, no evidence", _expressions(known)),
    ]
    if options.articles:  # the words of made articles are too few to make themes of
        more = {**known, **_made_up(MANY - len(known), articles)}
        many = CombinedClassifier(more, loaded.classifier.model)
        ways.insert(1, (f"terms and model, {len(more)} themes", lambda title, text: many.judge(title, "", text)))
    for name, way in ways:
        _show(name, _measure(way, articles, options.seconds))
    embedded = embedding.measure([f"{title}. {text}" for title, text in articles[:EMBEDDED]])
    if embedded:
        _show("peer: sentence embedding alone, MiniLM", embedded)
    else:
        print("Maven is missing, which gets the sentence-embedding model")
    took, memory = _start(options.config)
    print(f"\nfrom import to first verdict {took:.2f} s, {memory:.0f} MB")


def _measure(way: Way, articles: Sequence[Article], seconds: float) -> list[float]:
    """Return the CPU seconds of each article."""
    took: list[float] = []
    for title, text in articles[: len(articles) // 10]:
        way(title, text)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        title, text = articles[len(took) % len(articles)]
        start = time.process_time()
        way(title, text)
        took.append(time.process_time() - start)
    return took


def _show(name: str, took: Sequence[float]) -> None:
    slow = float(np.quantile(took, 0.99)) * 1000
    print(f"{len(took) / sum(took):>10,.0f} articles/s   99 % within {slow:6.2f} ms   {name}")


def _start(config: Path) -> tuple[float, float]:
    done = subprocess.run([sys.executable, "-c", START, config], check=True, capture_output=True, text=True)
    took, memory = done.stdout.split()
    return float(took), float(memory)


def _expressions(known: dict[str, Theme]) -> Way:
    patterns = []
    for theme in known.values():
        terms = KeywordClassifier({"one": theme}).terms
        stems = sorted({term.written.rstrip("*").casefold() for term in terms}, key=len, reverse=True)
        patterns.append(re.compile(r"\b(?:" + "|".join(map(re.escape, stems)) + ")", re.IGNORECASE))
    return lambda title, text: [pattern.findall(f"{title}. {text}") for pattern in patterns]


def _made_up(count: int, articles: Sequence[Article]) -> dict[str, Theme]:
    """Return themes of 60 terms each that the articles hold: 20 words that are not too common, and 40 pairs."""
    chance = random.Random(2)
    texts = [re.findall(r"[a-z]{3,}", text.lower()) for _, text in articles]
    often = Counter(chain.from_iterable(map(set, texts)))
    words = sorted(word for word, number in often.items() if number <= max(len(articles) // 300, 1))
    pairs = sorted({" ".join(pair) for some in texts for pair in pairwise(some)})
    return {
        f"made-up-{i}": Theme(
            title=f"Made up {i}",
            definition="Some words.",
            terms={"en": Terms(strong=chance.sample(words, 20), weak=chance.sample(pairs, 40))},
            must_match=[],
            must_not_match=[],
        )
        for i in range(count)
    }


def _read(path: Path) -> list[Article]:
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
        items = (json.loads(line) for line in file)
        whole = ((item["title"], item.get("text") or "") for item in items)
        return [(title, text[:TEXT]) for title, text in whole if len(text) >= TEXT][:MOST]


def _make(known: dict[str, Theme]) -> list[Article]:
    chance = random.Random(20240426)
    examples = [example_of(one) for theme in known.values() for one in theme.must_match]
    articles = []
    for _ in range(MOST // 2):
        words = [chance.choice(FILLER) for _ in range(TEXT // 6)]
        title = " ".join(words[:9])
        if chance.random() < 0.3:
            example = chance.choice(examples)
            title, words[0] = example.title, f"{example.summary} {example.text}"
        articles.append((title, " ".join(words)[:TEXT]))
    return articles


if __name__ == "__main__":
    main()
