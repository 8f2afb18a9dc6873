"""What is right in the theme files, but hardly meant: warnings for those who look after the terms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from classifiers import themes as theme_files
from classifiers.definition import Theme, term_lists
from classifiers.endings import is_inflection
from classifiers.jsonlines import read_objects, take_text
from classifiers.languages import KNOWN
from classifiers.loading import MODEL
from classifiers.model.file import ModelFileError, load_model
from classifiers.parents import ancestors
from classifiers.surveying import UNSPACED, Survey
from classifiers.terms import parse_term
from deskwatch.configfile import Document, Key, Problem
from deskwatch.configfile import load as load_document

Files = Mapping[str, tuple[Theme, Document]]
"""Themes and where they stand, by id."""

ENOUGH_ARTICLES: Final = 500  # of a language: in fewer, that a term never matches says nothing about it
ENOUGH_OVERLAP: Final = 20  # articles that the smaller of two themes has at least
TOO_MUCH_OVERLAP: Final = 0.8
ENOUGH_STRAYS: Final = 3  # articles with a caught word that was not meant
_SHARE_OF_STRAYS: Final = 0.02  # of all articles in which the stem caught something
_SHARE_OF_WORDS: Final = 0.01  # of the finds of a stem that is a word by itself; less is misprints
_SHOWN: Final = 3
_BAD_LINES_SHOWN: Final = 5  # of one file: a file that is no corpus has thousands


def lint(config_dir: Path, corpora: Sequence[Path] = ()) -> list[Problem]:
    """Return warnings about the themes of `config_dir`; files with problems are passed over.

    Args:
        config_dir: Holds themes/, and perhaps feeds.yaml and a model.
        corpora: JSON lines of articles, to try the terms on. Without any, what takes articles to be found is not.
    """
    files, _ = theme_files.read(config_dir)
    found = [*find_missing_languages(files, used_languages(config_dir)), *find_shared(files)]
    with suppress(OSError, ModelFileError):  # none, or the check of the model says what is wrong with it
        found += find_unlearnt(files, load_model(config_dir / MODEL).themes)
    if corpora and files:
        survey = Survey({theme_id: theme for theme_id, (theme, _) in files.items()})
        for path in corpora:
            found += read_corpus(path, survey)
        found += [*find_unheard(files, survey), *find_strays(files, survey), *find_overlaps(files, survey)]
    return sorted(found)


def read_corpus(path: Path, survey: Survey) -> list[Problem]:
    """Take all articles of a file into a survey; return what could not be read, the first few lines of it."""
    problems: list[Problem] = []
    for number, data in read_objects(path, problems):
        at = str(path), number
        title, summary, text = (take_text(data, key, at, problems) for key in ("title", "summary", "text"))
        if title or summary or text:
            language = data.get("language") or data.get("lang")
            survey.add(title, summary, text, language=_primary(language) if isinstance(language, str) else "")
        else:
            problems.append(Problem(*at, 1, "no title, no summary, no text: passed over"))
    shown = problems[:_BAD_LINES_SHOWN]
    if len(problems) > len(shown):
        shown.append(Problem(str(path), problems[-1].line, 1, f"and {len(problems) - len(shown):,} lines more"))
    return shown


def used_languages(config_dir: Path) -> tuple[str, ...]:
    """Return the languages that the feeds are said to be in; those that Deskwatch knows if none says so."""
    document, _ = load_document(config_dir / "feeds.yaml")
    feeds = document.data.get("feeds") if isinstance(document.data, dict) else None
    listed = feeds if isinstance(feeds, list) else []
    found = {_primary(language) for feed in listed if isinstance(feed, dict) and (language := _language_of(feed))}
    return tuple(sorted(found)) or KNOWN


def find_missing_languages(files: Files, languages: Sequence[str]) -> Iterator[Problem]:
    """Yield the languages in which a theme has no term that could give it to an article."""
    for theme, document in files.values():
        has = {_primary(language) for language, terms in theme.terms.items() if terms.decisive or terms.strong}
        if lacking := [language for language in languages if language not in has]:
            what = f"has no decisive or strong terms in {', '.join(lacking)}"
            yield document.problem(("terms", ""), f"{what}: articles in it are found by chance only")


def find_shared(files: Files) -> Iterator[Problem]:
    """Yield terms that are decisive in two themes of which neither is above the other."""
    first: dict[tuple[str, ...], str] = {}
    parents = {theme_id: theme.parents for theme_id, (theme, _) in files.items()}
    for theme_id, (theme, document) in sorted(files.items()):
        for language, terms in theme.terms.items():
            for i, written in enumerate(terms.decisive):
                term = parse_term(written)
                other = first.setdefault((term.patterns[0], *term.then), theme_id)
                if not _is_family(other, theme_id, parents):
                    what = f"'{written}' is decisive in '{other}' too: a decisive term means one theme only"
                    yield document.problem(("terms", language, "decisive", i), what)


def find_unlearnt(files: Files, learnt: Collection[str], changed: Collection[str] = ()) -> Iterator[Problem]:
    """Yield themes that the model does not know, and those that are another theme now than when it learnt them."""
    for theme_id, (_, document) in files.items():
        if theme_id not in learnt:
            yield document.problem((), "the model has not learnt this theme: its terms judge alone")
        elif theme_id in changed:
            yield document.problem((), "the terms have changed since the model learnt this theme: train it again")


def find_unheard(files: Files, survey: Survey) -> Iterator[Problem]:
    """Yield terms that occur in no article, where there were enough articles in their language.

    A Chinese term with a character that no article has is left out: it is in the other of the two ways of writing.
    """
    for theme, document in files.values():
        for language, written, key in _terms(theme):
            number = survey.articles[language]
            foreign = language in UNSPACED and not survey.letters.issuperset(written)
            if number >= ENOUGH_ARTICLES and written not in survey.heard and not foreign:
                yield document.problem(key, f"'{written}' is in none of {number:,} articles in {language}")


def find_strays(files: Files, survey: Survey) -> Iterator[Problem]:
    """Yield terms whose `*` caught words that are no form of the stem, with the most frequent of them."""
    for theme, document in files.values():
        for language, written, key in [*_terms(theme), *_words(theme)]:
            if "*" in written:
                yield from _strays(written, language, survey, document, key)


def find_overlaps(files: Files, survey: Survey) -> Iterator[Problem]:
    """Yield themes whose articles nearly all have another theme too, unless one of the two is above the other."""
    parents = {theme_id: theme.parents for theme_id, (theme, _) in files.items()}
    for pair, both in sorted(survey.both.items()):
        small, large = sorted(pair, key=lambda theme_id: (survey.assigned[theme_id], theme_id))
        number = survey.assigned[small]
        if number >= ENOUGH_OVERLAP and both > TOO_MUCH_OVERLAP * number and not _is_family(small, large, parents):
            what = f"{both:,} of the {number:,} articles with this theme have '{large}' too"
            yield files[small][1].problem((), f"{what} (of {survey.read:,} read): are they two themes?")


def _strays(written: str, language: str, survey: Survey, document: Document, key: Key) -> Iterator[Problem]:
    """Yield the words that a term caught by mistake in articles of a language, or of all where it is empty."""
    strays: Counter[str] = Counter()
    of = 0
    for (term, stem, found_in), endings in survey.caught.items():
        if term == written and language in ("", found_in):
            of += endings.total()
            strays += Counter({
                stem + ending: number
                for ending, number in endings.items()
                if not is_inflection(stem, ending, found_in, whole=endings[""] > _SHARE_OF_WORDS * endings.total())
            })  # fmt: skip
    number = strays.total()
    if number >= max(ENOUGH_STRAYS, _SHARE_OF_STRAYS * of):
        named = ", ".join(f"{word} ({count:,})" for word, count in strays.most_common(_SHOWN))
        yield document.problem(key, f"'{written}' also caught {named}: {number:,} of {of:,} finds are no form of it")


def _terms(theme: Theme) -> Iterator[tuple[str, str, Key]]:
    """Yield language, text and place of every term of a theme."""
    for language, terms in theme.terms.items():
        for kind, written in term_lists(terms):
            yield from ((_primary(language), term, ("terms", language, kind, i)) for i, term in enumerate(written))


def _words(theme: Theme) -> Iterator[tuple[str, str, Key]]:
    """Yield the same of every word of its combinations; they stand under no language."""
    for name, written in theme.words.items():
        yield from (("", word, ("words", name, i)) for i, word in enumerate(written))
    for number, combination in enumerate(theme.combinations):
        for name in ("all", "without"):
            for i, group in enumerate(getattr(combination, name)):
                if not isinstance(group, str):
                    at = ("combinations", number, name, i)
                    yield from (("", word, (*at, j)) for j, word in enumerate(group))


def _is_family(one: str, other: str, parents: Mapping[str, tuple[str, ...]]) -> bool:
    return one == other or one in ancestors(other, parents) or other in ancestors(one, parents)


def _language_of(feed: Mapping[str, object]) -> str:
    language = feed.get("language")
    return language if isinstance(language, str) else ""


def _primary(language: str) -> str:
    return language.split("-")[0].lower()
