"""Theme files: read, and checked down to the examples they hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from classifiers.definition import STRENGTHS, Combination, Fields, Theme, Weights, Words, example_of, term_lists
from classifiers.keywords import KeywordClassifier
from classifiers.parents import Parents, ancestors
from classifiers.terms import parse_term
from deskwatch.configfile import Document, Key, Problem, convert, nearest
from deskwatch.configfile import load as load_document
from deskwatch.errors import ConfigError
from deskwatch.records import ThemeScore

DIRECTORY: Final = "themes"
MAX_NEAR: Final = 200

_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]+)*")


def load(config_dir: Path) -> dict[str, Theme]:
    """Return the themes of `config_dir/themes`, by id (a file's name); their examples are not run.

    Raises:
        ConfigError: with every problem of every file.
    """
    themes, problems = read(config_dir)
    if problems:
        raise ConfigError(problems)
    return {theme_id: theme for theme_id, (theme, _) in themes.items()}


def check(config_dir: Path) -> list[Problem]:
    """Return all that is wrong with the theme files, examples that are judged otherwise than they say included."""
    themes, problems = read(config_dir)
    classifier = KeywordClassifier({theme_id: theme for theme_id, (theme, _) in themes.items()})
    for theme_id, (theme, document) in themes.items():
        problems += _failing(theme_id, theme, document, classifier)
    return sorted(problems)


def read(config_dir: Path) -> tuple[dict[str, tuple[Theme, Document]], list[Problem]]:
    """Return the themes that have nothing wrong with them, with their files, and all that is wrong with the others."""
    directory = config_dir / DIRECTORY
    if not directory.is_dir():
        return {}, [Problem(str(directory), 1, 1, "no such directory; theme files are looked for here")]
    themes: dict[str, tuple[Theme, Document]] = {}
    problems = [
        Problem(str(path), 1, 1, "a theme file's name ends in .yaml", path.stem + ".yaml")
        for path in sorted(directory.glob("*.yml"))
    ]
    paths = sorted(directory.glob("*.yaml"))
    if not paths and not problems:
        problems.append(Problem(str(directory), 1, 1, "holds no theme file (*.yaml)"))
    for path in paths:
        document, found = load_document(path)
        theme, more = convert(document, Theme) if not found else (None, [])
        found += more
        if not _ID.fullmatch(path.stem):
            found.append(document.problem((), f"'{path.stem}' is no theme id: use small letters, digits and hyphens"))
        if theme is not None:
            found += _wrong(theme, document)
        if theme is not None and not found:
            themes[path.stem] = (theme, document)
        problems += found
    known = [path.stem for path in paths]
    parents = {theme_id: theme.parents for theme_id, (theme, _) in themes.items()}
    for theme_id, (_, document) in themes.items():
        problems += _wrong_parents(theme_id, parents, known, document)
    return themes, problems


def _wrong_parents(theme_id: str, parents: Parents, known: Sequence[str], document: Document) -> Iterator[Problem]:
    for i, parent in enumerate(parents[theme_id]):
        if parent not in known:
            yield document.problem(("parents", i), f"no theme '{parent}'", nearest(parent, known))
        elif parent == theme_id or theme_id in ancestors(parent, parents):
            yield document.problem(("parents", i), f"'{parent}' has '{theme_id}' above it already: a cycle")


def _wrong(theme: Theme, document: Document) -> Iterator[Problem]:
    """Yield what the shape of the file allows, but makes no sense."""
    for name in ("title", "definition", "terms", "must_match", "must_not_match"):
        value = getattr(theme, name)
        if not (value.strip() if isinstance(value, str) else value):
            yield document.problem((name,), f"'{name}' is empty")
    if not 0 < theme.threshold < float("inf"):
        yield document.problem(("threshold",), "a threshold is above 0")
    for key, part in (("weights", theme.weights), ("fields", theme.fields)):
        yield from _wrong_numbers(key, part, document)
    for name in ("must_match", "must_not_match"):
        for i, example in enumerate(getattr(theme, name)):
            if not any(msgspec.structs.astuple(example_of(example))):
                yield document.problem((name, i), "an example needs a title, a summary or a text")
    yield from _wrong_terms(theme, document)
    yield from _wrong_combinations(theme, document)


def _wrong_numbers(key: str, part: Weights | Fields, document: Document) -> Iterator[Problem]:
    for name, value in msgspec.structs.asdict(part).items():
        low, high = (-100, 0) if name == "against" else (0, 100)
        if not low <= value <= high:
            yield document.problem((key, name), f"'{name}' lies between {low} and {high}")


def _wrong_terms(theme: Theme, document: Document) -> Iterator[Problem]:
    for language, terms in theme.terms.items():
        if not _LANGUAGE.fullmatch(language):
            yield document.problem(("terms", language, ""), f"'{language}' is no language code such as en or zh")
        first: dict[tuple[str, ...], Key] = {}
        for kind, written in term_lists(terms):
            yield from _wrong_list(written, ("terms", language, kind), document, first)
    for name, written in theme.words.items():
        yield from _wrong_list(written, ("words", name), document, {})


def _wrong_list(written: Words, at: Key, document: Document, first: dict[tuple[str, ...], Key]) -> Iterator[Problem]:
    """Yield terms that cannot work, or that say again what one in `first` says already."""
    if at[0] != "terms" and not written:
        yield document.problem(at, "is empty")
    for i, term in enumerate(written):
        key: Key = (*at, i)
        try:
            parsed = parse_term(term)
        except ValueError as error:
            yield document.problem(key, str(error))
            continue
        pattern = parsed.patterns[0], *parsed.then
        if pattern in first:
            line, _ = document.position(first[pattern])
            yield document.problem(key, f"'{term}' is the same as the term in line {line}")
        first.setdefault(pattern, key)


def _wrong_combinations(theme: Theme, document: Document) -> Iterator[Problem]:
    used: set[str] = set()
    for i, combination in enumerate(theme.combinations):
        at: Key = ("combinations", i)
        if len(combination.all) < 2:
            yield document.problem((*at, "all"), "a combination needs two groups or more; a single one is a term")
        if not 1 <= combination.near <= MAX_NEAR:
            yield document.problem((*at, "near"), f"'near' lies between 1 and {MAX_NEAR} words")
        if combination.strength not in STRENGTHS:
            what = f"'{combination.strength}' is none of {', '.join(STRENGTHS)}"
            yield document.problem((*at, "strength"), what, nearest(combination.strength, STRENGTHS))
        for key, group in _groups(combination, at):
            if not isinstance(group, str):
                yield from _wrong_list(group, key, document, {})
            elif group not in theme.words:
                yield document.problem(key, f"no list '{group}' under 'words'", nearest(group, theme.words))
            else:
                used.add(group)
    for name in theme.words.keys() - used:
        yield document.problem(("words", name, ""), f"no combination uses '{name}'")


def _groups(combination: Combination, at: Key) -> Iterator[tuple[Key, str | Words]]:
    for name in ("all", "without"):
        for i, group in enumerate(getattr(combination, name)):
            yield (*at, name, i), group


def _failing(theme_id: str, theme: Theme, document: Document, classifier: KeywordClassifier) -> Iterator[Problem]:
    for name, wanted in (("must_match", True), ("must_not_match", False)):
        for i, written in enumerate(getattr(theme, name)):
            example = example_of(written)
            scores = classifier.judge(example.title, example.summary, example.text, at_least=float("-inf"))
            score = next((score for score in scores if score.theme == theme_id), None)
            if (score is not None and score.score >= 1) != wanted:
                said = "must match, but" if wanted else "must not match, but"
                yield document.problem((name, i), f"this example {said} scores {_arithmetic(score)}")


def _arithmetic(score: ThemeScore | None) -> str:
    """Return a score with what it is made of, such as `0.60 (tariff* +0.60 in text)`."""
    if score is None:
        return "0: no term occurs"
    parts = ", ".join(f"{one.term} {one.weight:+.2f} in {one.field}" for one in score.evidence)
    return f"{score.score:.2f} of 1 ({parts})"
