"""Labelled articles: read from JSON lines, or joined from labels without text and the data files that have it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from classifiers.jsonlines import missing, read_lines, read_objects, take_text, take_themes
from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError

MAX_CHARS: Final = 520  # of the text of a joined article: so much was read when the labels were made

_KEYS: Final = ("id", "title", "summary", "text", "themes", "labels", "unsure", "source")
_TRAILING_SOURCE: Final = re.compile(r"(?:\s*\([^()]{1,80}\))+\s*$")


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """An article as far as it is read for its themes."""

    id: str
    title: str = ""
    summary: str = ""
    text: str = ""


class Labelled(Item, frozen=True, kw_only=True):
    """An article with its themes; what it says about the `unsure` ones is not known, and counts for nothing."""

    themes: frozenset[str] = frozenset()
    unsure: frozenset[str] = frozenset()
    source: str = ""


def read_labelled(path: Path) -> list[Labelled]:
    """Return the labelled articles of a file: JSON lines, gzip where its name ends in .gz.

    A line has `id`, `themes` (or `labels`) and a `title`, a `summary` or a `text`, perhaps `unsure` and `source`; other
    keys are ignored. The same labels for the same id again are passed over.

    Raises:
        ConfigError: with every line that is wrong.
    """
    return _read(path, texts=True, labels=True)


def read_labels(path: Path) -> list[Labelled]:
    """Return labels that may have no text, to be joined with it; otherwise like `read_labelled`."""
    return _read(path, texts=False, labels=True)


def read_items(path: Path) -> list[Labelled]:
    """Return articles that may have no labels; otherwise like `read_labelled`."""
    return _read(path, texts=True, labels=False)


def join(labels: Sequence[Labelled], directory: Path) -> tuple[list[Labelled], list[str]]:
    """Return the labels with their texts, in their order, and the ids for which there is no text.

    Texts come from every *.jsonl and *.jsonl.gz below `directory`, the first file in sorted order that has the id; one
    line is held at a time. An article without a title takes its text for one, without the source in brackets at its
    end. A label that has a text keeps it. Lines and files that cannot be read have no text, so their ids are missing.
    """
    wanted = {label.id for label in labels if not _has_text(label)}
    found: dict[str, _Raw] = {}
    for path in sorted(p for p in directory.rglob("*.jsonl*") if p.name.endswith((".jsonl", ".jsonl.gz"))):
        if len(found) == len(wanted):
            break
        _find(path, wanted, found)
    joined = [_with_text(label, found[label.id]) if label.id in found else label for label in labels]
    return [one for one in joined if _has_text(one)], [one.id for one in joined if not _has_text(one)]


class _Raw(msgspec.Struct):
    """A line of a data file; all else in it is skipped undecoded."""

    id: str | int | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    source: Any = None


def _find(path: Path, wanted: set[str], found: dict[str, _Raw]) -> None:
    decode = msgspec.json.Decoder(_Raw).decode
    for _, line in read_lines(path, []):
        try:
            raw = decode(line)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
        if (id_ := str(raw.id)) in wanted and id_ not in found and (raw.title or raw.summary or raw.text):
            raw.text, raw.summary = (raw.text or "")[:MAX_CHARS], (raw.summary or "")[:MAX_CHARS]
            found[id_] = raw


def _with_text(label: Labelled, raw: _Raw) -> Labelled:
    title, summary, text = raw.title or "", raw.summary or "", raw.text or ""
    if not title and not summary:
        title, text = _TRAILING_SOURCE.sub("", text) or text, ""
    source = raw.source if isinstance(raw.source, str) else ""
    return msgspec.structs.replace(label, title=title, summary=summary, text=text, source=label.source or source)


def _has_text(item: Item) -> bool:
    return bool(item.title.strip() or item.summary.strip() or item.text.strip())


def _read(path: Path, *, texts: bool, labels: bool) -> list[Labelled]:
    problems: list[Problem] = []
    seen: dict[str, tuple[int, Labelled]] = {}
    for number, data in read_objects(path, problems):
        wrong: list[Problem] = []
        article = _article(data, (str(path), number), wrong, texts=texts, labels=labels)
        if not wrong and article.id in seen:
            line, first = seen[article.id]
            if (first.themes, first.unsure) != (article.themes, article.unsure):
                wrong.append(Problem(str(path), number, 1, f"'{article.id}' has other labels than in line {line}"))
        if not wrong:
            seen.setdefault(article.id, (number, article))
        problems += wrong
    if problems:
        raise ConfigError(sorted(problems))
    return [article for _, article in seen.values()]


def _article(data: dict[str, Any], at: tuple[str, int], wrong: list[Problem], *, texts: bool, labels: bool) -> Labelled:
    """Return a line's article; `wrong` takes all that keeps the line from being one."""
    label_key = "themes" if "themes" in data or not labels else "labels"
    article = Labelled(
        id=take_text(data, "id", at, wrong),
        title=take_text(data, "title", at, wrong),
        summary=take_text(data, "summary", at, wrong),
        text=take_text(data, "text", at, wrong),
        themes=frozenset(take_themes(data, label_key, at, wrong)),
        unsure=frozenset(take_themes(data, "unsure", at, wrong)),
        source=data["source"] if isinstance(data.get("source"), str) else "",
    )
    if not wrong and not article.id:
        wrong.append(missing(data, "id", at, _KEYS))
    if not wrong and labels and data.get(label_key) is None:
        wrong.append(missing(data, "themes", at, _KEYS))
    if not wrong and texts and not _has_text(article):
        wrong.append(missing(data, "title or summary or text", at, _KEYS))
    if both := sorted(article.themes & article.unsure):
        wrong.append(Problem(*at, 1, f"'{both[0]}' is among the themes and among the unsure ones"))
    return article
