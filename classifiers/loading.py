"""The classifier that a configuration directory describes: its themes, and its model if it has a good one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from classifiers import themes as theme_files
from classifiers.combined import CombinedClassifier
from classifiers.corrections import FILE as CORRECTIONS
from classifiers.corrections import read as read_corrections
from classifiers.keywords import KeywordClassifier
from classifiers.model.file import ModelFileError, load_model
from classifiers.model.groups import Groups
from classifiers.observing import Observer
from classifiers.regressions import failing
from deskwatch.configfile import Problem, convert
from deskwatch.configfile import load as load_document
from deskwatch.errors import ConfigError

MODEL: Final = Path("model", "themes.safetensors")
GROUPS: Final = Path("model", "groups.yaml")


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A classifier, and why there is no model in it though there is a file; empty if all is well."""

    classifier: KeywordClassifier | CombinedClassifier
    trouble: str = ""


def load_classifier(config_dir: Path, *, model_path: Path | None = None, observer: Observer | None = None) -> Loaded:
    """Return what judges by the themes of `config_dir`, with the model there (or at `model_path`) if it can be used.

    Without a model, or with one that is damaged, the terms judge alone: they need nobody. An `observer` is told of each
    article.

    Raises:
        ConfigError: the themes are wrong.
    """
    themes = theme_files.load(config_dir)
    path = model_path or config_dir / MODEL
    try:
        return Loaded(classifier=CombinedClassifier(themes, load_model(path), observer=observer))
    except FileNotFoundError:
        trouble = f"{path}: no such file" if model_path else ""
    except ModelFileError as error:
        trouble = f"{path}: {error}; the themes' terms judge alone"
    return Loaded(classifier=KeywordClassifier(themes, observer=observer), trouble=trouble)


def load_groups(config_dir: Path) -> Groups:
    """Return the groups of words of `config_dir`; none if there is no such file.

    Raises:
        ConfigError: with every problem of the file.
    """
    path = config_dir / GROUPS
    if not path.exists():
        return Groups({})
    groups, problems = _read_groups(path)
    if problems:
        raise ConfigError(problems)
    return Groups(groups)


def check(config_dir: Path) -> list[Problem]:
    """Return what is wrong with model, groups and corrections; each correction is a test of its theme."""
    problems: list[Problem] = []
    if (config_dir / GROUPS).exists():
        problems += _read_groups(config_dir / GROUPS)[1]
    filed, wrong = read_corrections(config_dir / CORRECTIONS)
    problems += wrong
    try:
        loaded = load_classifier(config_dir)
    except ConfigError:
        return problems  # the check of the themes says why
    if loaded.trouble:
        problems.append(Problem(str(config_dir / MODEL), 1, 1, loaded.trouble.partition(": ")[2]))
    return problems + failing(filed, loaded.classifier, loaded.classifier.themes)


def _read_groups(path: Path) -> tuple[dict[str, tuple[str, ...]], list[Problem]]:
    document, problems = load_document(path)
    groups, wrong = convert(document, dict[str, tuple[str, ...]]) if not problems else (None, [])
    problems += wrong
    for name, words in (groups or {}).items():
        if "}" in name or ":" in name:
            problems.append(document.problem((name,), "the name of a group holds no } and no :"))
        for i, word in enumerate(words):
            try:
                Groups({name: (word,)})
            except ValueError as error:
                problems.append(document.problem((name, i), str(error)))
    return groups or {}, problems
