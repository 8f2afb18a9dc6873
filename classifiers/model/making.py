"""From labels, texts and themes to a model file, and the card that says what it was made of."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec

from classifiers.corrections import FILE as CORRECTIONS
from classifiers.corrections import read as read_corrections
from classifiers.keywords import KeywordClassifier
from classifiers.labelled import join, read_labelled, read_labels
from classifiers.loading import load_groups
from classifiers.measured import data_hash
from classifiers.model.examples import Shelf, known_themes
from classifiers.model.file import save_model
from classifiers.model.training import Recipe, train
from classifiers.regressions import examples as corrected_articles
from classifiers.themes import load as load_themes
from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError

_LIBRARIES: Final = ("deskwatch", "numpy", "safetensors", "scikit-learn", "scipy")


def read_shelf(
    config_dir: Path,
    files: Sequence[Path],
    picked: Sequence[Path],
    texts: Path | None,
    *,
    warn: Callable[[str], None],
) -> Shelf:
    """Return all labelled articles there are to train on.

    Args:
        config_dir: Its corrections take part.
        files: Articles as they come, with their texts.
        picked: Labels of articles chosen because they are hard.
        texts: Where the texts of labels without any are found.
        warn: Told of labels whose text is nowhere: they are left out.

    Raises:
        ConfigError: with every line that is wrong.
    """
    filed, problems = read_corrections(config_dir / CORRECTIONS)
    if problems:
        raise ConfigError(problems)
    labels = [one for path in picked for one in read_labels(path)]
    found = join(labels, texts)[0] if texts else [one for one in labels if one.title or one.summary or one.text]
    if lost := len(labels) - len(found):
        warn(f"warning: {lost} of {len(labels)} labels have no text" + ("" if texts else "; say --texts DIR"))
    come = [one for path in files for one in read_labelled(path)]
    ids = {one.id for one in come}
    return Shelf(
        as_they_come=come,
        picked=[one for one in found if one.id not in ids],
        corrected=corrected_articles(filed, load_themes(config_dir)),
    )


def make_model(
    config_dir: Path, shelf: Shelf, sources: Sequence[Path], path: Path, *, when: datetime, recipe: Recipe | None = None
) -> dict[str, Any]:
    """Train a model, write it to `path` and its card beside it, and return the card.

    Raises:
        ConfigError: there is nothing to learn from.
    """
    themes = load_themes(config_dir)
    terms = KeywordClassifier(themes)
    examples = shelf.examples(terms, load_groups(config_dir))
    recipe = recipe or Recipe()
    counts = Counter(theme for example in examples for theme in example.themes)
    card = {
        "trained": when.date().isoformat(),
        "articles": len(examples),
        "as_they_come": len(shelf.as_they_come),
        "picked": len(shelf.picked),
        "corrected": len(shelf.corrected),
        "data": {source.name: data_hash([source]) for source in sources},
        "terms": terms.name,
        "recipe": msgspec.to_builtins(recipe),
        "positives": {theme: counts[theme] for theme in sorted(themes)},
        "libraries": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
    }
    try:
        model = train(
            examples,
            known_themes(shelf, themes),
            load_groups(config_dir),
            recipe,
            {key: json.dumps(value) for key, value in card.items()},
        )
    except ValueError as error:
        raise ConfigError([Problem(str(sources[0]) if sources else str(path), 1, 1, str(error))]) from error
    save_model(model, path)
    card |= {"name": model.name, "features": len(model.vocabulary.names)}
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return card
