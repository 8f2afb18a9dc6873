"""How well the model tells the 90 topics of Reuters-21578 apart, beside an untuned linear model on TF-IDF.

    python benchmarks/reuters.py [--data DIR] [--confirm]

ModApte split: trained on the documents of its train split that have a topic, measured on the 3,019 documents of its
test split that have one of the 90. All choices of the recipe were made by cross-validation on the train split, five
blocks one after the other in time. There are no term files for these topics: this is the model by its words alone.

DIR holds `reuters-21578/docs.jsonl.gz`, one object a line with `id`, `title`, `text`, `modapte`, `r90`. With
`--confirm` the recipe is measured in that cross-validation too, which takes five times as long.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifiers.model.features import MAX_WORDS, features_of, words_of
from classifiers.model.file import save_model
from classifiers.model.groups import Groups
from classifiers.model.training import Example, Recipe, train
from classifiers.model.weights import Model
from classifiers.tokens import Tokens

RECIPE = Recipe(pairs=0.0, cut=None)
FOLDS = 5

Document = dict[str, Any]
Verdicts = NDArray[np.bool_]


def main() -> None:
    """Run the benchmark and print one line per way to do it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("DESKWATCH_DATA", "../shared/data")) / "corpora"
    parser.add_argument("--data", type=Path, default=default, help="default: corpora in $DESKWATCH_DATA")
    parser.add_argument("--confirm", action="store_true", help="cross-validate on the train split too")
    options = parser.parse_args()
    path = options.data / "reuters-21578" / "docs.jsonl.gz"
    if not path.exists():
        print("Reuters-21578 is not here; say --data DIR")
        return
    documents = _read(path)
    known = sorted((one for one in documents if one["modapte"] == "train" and one["r90"]), key=_when)
    asked = [one for one in documents if one["modapte"] == "test" and one["r90"]]
    topics = sorted({topic for one in known for topic in one["r90"]})
    print(f"{len(known):,} documents to learn from, {len(asked):,} to judge, {len(topics)} topics\n{RECIPE}\n")
    print(f"{'':<34}{'micro-F1':>9}{'macro-F1':>9}{'precision':>10}{'recall':>8}{'trained':>9}{'judged':>14}")
    if options.confirm:
        print(_cross_validated(known, topics))
    model, line = _ours(known, asked, topics)
    print(line)
    print(_peer(known, asked, topics))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "reuters.safetensors"
        save_model(model, file)
        print(f"\nmodel: {file.stat().st_size / 1e6:.1f} MB, {len(model.vocabulary.names):,} features")


def _read(path: Path) -> list[Document]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _when(document: Document) -> tuple[str, str]:
    return document["published"], document["id"]


def _ours(known: Sequence[Document], asked: Sequence[Document], topics: Sequence[str]) -> tuple[Model, str]:
    start = time.perf_counter()
    model = _train(known, topics)
    trained = time.perf_counter()
    verdicts = _judge(model, asked, topics)
    judged = time.perf_counter()
    return model, _line("this model", verdicts, _truth(asked, topics), trained - start, judged - trained)


def _cross_validated(known: Sequence[Document], topics: Sequence[str]) -> str:
    """Return the same figures of documents that were not learnt from, block after block."""
    start = time.perf_counter()
    at = np.linspace(0, len(known), FOLDS + 1).astype(int)
    verdicts = [
        _judge(_train([*known[:first], *known[last:]], topics), known[first:last], topics)
        for first, last in pairwise(at)
    ]
    took = time.perf_counter() - start
    return _line("this model, by cross-validation", np.concatenate(verdicts), _truth(known, topics), took, None)


def _train(documents: Sequence[Document], topics: Sequence[str]) -> Model:
    nothing = Groups({})
    examples = [
        Example(
            id=one["id"],
            features=frozenset(features_of(*_words(one), nothing)),
            terms={},
            themes=frozenset(one["r90"]),
        )
        for one in documents
    ]
    return train(examples, topics, nothing, RECIPE)


def _judge(model: Model, documents: Sequence[Document], topics: Sequence[str]) -> Verdicts:
    """Return which topics the model gives, from the text on; one that it did not learn is never given."""
    verdicts = np.zeros((len(documents), len(topics)), np.bool_)
    columns = [topics.index(theme) for theme in model.themes]
    start, words = model.stack[:, 0], model.stack[:, 1]
    for row, one in enumerate(documents):
        numbers, _ = model.vocabulary.find(*_words(one))
        verdicts[row, columns] = start + words * model.words(numbers) >= model.thresholds
    return verdicts


def _words(document: Document) -> tuple[list[str], list[str]]:
    return words_of(Tokens(document["title"])), words_of(Tokens(document["text"]), MAX_WORDS)


def _peer(known: Sequence[Document], asked: Sequence[Document], topics: Sequence[str]) -> str:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import LinearSVC

    start = time.perf_counter()
    vectors = TfidfVectorizer(sublinear_tf=True)
    peer = OneVsRestClassifier(LinearSVC()).fit(
        vectors.fit_transform(f"{one['title']} {one['text']}" for one in known), _truth(known, topics)
    )
    trained = time.perf_counter()
    verdicts = peer.predict(vectors.transform(f"{one['title']} {one['text']}" for one in asked)).astype(np.bool_)
    judged = time.perf_counter()
    name = "peer: TF-IDF, linear SVM, untuned"
    return _line(name, verdicts, _truth(asked, topics), trained - start, judged - trained)


def _truth(documents: Sequence[Document], topics: Sequence[str]) -> Verdicts:
    return np.array([[topic in one["r90"] for topic in topics] for one in documents], np.bool_)


def _line(name: str, verdicts: Verdicts, truth: Verdicts, trained: float, judged: float | None) -> str:
    hits, given, wanted = ((some).sum(axis=0) for some in (verdicts & truth, verdicts, truth))
    f1 = 2 * hits / np.maximum(given + wanted, 1)
    micro = 2 * hits.sum() / (given.sum() + wanted.sum())
    rate = f"{len(truth) / judged:,.0f}/s" if judged else ""
    return (
        f"{name:<34}{micro:>9.4f}{f1.mean():>9.4f}{hits.sum() / given.sum():>10.4f}{hits.sum() / wanted.sum():>8.4f}"
        f"{trained:>8.0f}s{rate:>14}"
    )


if __name__ == "__main__":
    main()
