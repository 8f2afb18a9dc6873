"""The commands around the model: `deskwatch model train`, `evaluate`, `correct` and `review`."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from classifiers.corrections import FILE as CORRECTIONS
from classifiers.loading import MODEL, load_classifier, load_groups
from deskwatch.cli import load_settings

_DATA: Final = "DESKWATCH_DATA"

_file = click.Path(path_type=Path, exists=True, dir_okay=False)
_config = click.option(
    "--config",
    "config_dir",
    type=click.Path(path_type=Path),
    help="Directory that holds themes/ and model/ [default: the setting config_dir].",
)
_picked = click.option(
    "--picked",
    type=_file,
    multiple=True,
    help="Labels of articles that were chosen because they are hard; they may lack texts.",
)
_texts = click.option(
    "--texts",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    envvar=_DATA,
    help=f"Where the texts of labels without text are found, by id: every *.jsonl(.gz) below [env: {_DATA}].",
)


@click.group()
def model() -> None:
    """Train, measure and correct what gives articles their themes."""


@model.command()
@click.argument("files", type=_file, nargs=-1)
@_picked
@_texts
@_config
@click.option("--out", type=click.Path(path_type=Path), help=f"Where the model goes [default: CONFIG/{MODEL}].")
@click.pass_context
def train(
    ctx: click.Context,
    files: tuple[Path, ...],
    picked: tuple[Path, ...],
    texts: Path | None,
    config_dir: Path | None,
    out: Path | None,
) -> None:
    """Make a model of labelled articles.

    FILES have one JSON object a line: `id`, `title`, `summary` or `text`, `themes` (or `labels`), and perhaps `unsure`:
    themes on which readings differ, which are left out. They should be articles as they come; --picked ones count less
    where words and terms are weighed against each other. The corrections of the configuration always take part.

    The model is a file of bare numbers (safetensors), and a card that says what it was made of lies beside it.

    \b
    Exit codes: 0 done, 1 nothing to learn from, or a file is wrong.
    """
    from classifiers.model.making import make_model, read_shelf

    directory = _directory(ctx, config_dir)
    shelf = read_shelf(directory, files, picked, texts, warn=_say)
    path = out or directory / MODEL
    card = make_model(directory, shelf, (*files, *picked), path, when=datetime.now(UTC))
    _say(f"{path}: {path.stat().st_size:,} bytes, {card['articles']} articles, {card['features']} features")


@model.command()
@click.option("--gold", type=_file, required=True, help="Labelled articles, as for `train`.")
@_picked
@_texts
@_config
@click.option("--model", "model_path", type=_file, help=f"A model file [default: CONFIG/{MODEL}].")
@click.option("--folds", type=click.IntRange(0, 20), help="Models for cross-validation; 0: the model as it is.")
@click.option("--write", is_flag=True, help="Write what was measured into the theme files.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.option("--samples", type=click.IntRange(min=100), default=1000, show_default=True, help="Of the bootstrap.")
@click.pass_context
def evaluate(
    ctx: click.Context,
    gold: Path,
    picked: tuple[Path, ...],
    texts: Path | None,
    config_dir: Path | None,
    model_path: Path | None,
    folds: int | None,
    *,
    write: bool,
    as_json: bool,
    samples: int,
) -> None:
    """Measure how well themes are found: precision, recall and F1, with 95 % bootstrap intervals.

    Terms and model together are set against the terms alone and the model alone. Nothing is scored by a model that was
    trained on it: where articles of the gold file took part in the training, cross-validation (5 folds) is used, which
    trains on the rest of the gold file, --picked (with --texts) and the corrections.

    Where a theme file says what was measured on this very gold file, and the theme is found worse now than the interval
    there, that is an error.

    \b
    Exit codes: 0 measured, 1 a theme dropped below its interval, or a file is wrong.
    """
    from classifiers.labelled import read_labelled
    from classifiers.measured import data_hash, measured_in, write_measured
    from classifiers.model.making import read_shelf
    from classifiers.model.validating import FOLDS, cross_validate, report_on, verdicts
    from classifiers.scoreboard import as_json as report_as_json
    from classifiers.scoreboard import dropped, render
    from classifiers.themes import DIRECTORY
    from classifiers.themes import load as load_themes

    directory = _directory(ctx, config_dir)
    themes = load_themes(directory)
    articles = read_labelled(gold)
    loaded = load_classifier(directory, model_path=model_path)
    if loaded.trouble:
        _say(f"warning: {loaded.trouble}")
    seen = _seen(loaded.classifier, articles)
    if folds is None:
        folds = FOLDS if seen else 0
        if seen:
            _say(f"{seen} of {len(articles)} articles took part in the training: cross-validating instead")
    elif folds == 0 and seen:
        _say(f"warning: {seen} of {len(articles)} articles took part in the training; these figures flatter")
    if folds:
        shelf = read_shelf(directory, (), picked or _own_labels(directory), texts, warn=_say)
        given = cross_validate(articles, shelf, themes, load_groups(directory), folds=max(folds, 2), progress=_fold)
    else:
        given = verdicts(articles, loaded.classifier)
    report = report_on(articles, given, sorted(themes), samples=samples)
    click.echo(report_as_json(report).decode() if as_json else render(report), nl=False)
    digest = data_hash([gold])
    promised = {theme_id: theme.measured for theme_id, theme in themes.items() if theme.measured}
    drops = dropped(report, promised, digest)
    for drop in drops:
        _say(f"error: {drop}")
    if write:
        today = datetime.now(UTC).date().isoformat()
        measured = measured_in(report, date=today, data=digest, classifier=loaded.classifier.name)
        for theme_id, one in measured.items():
            write_measured(directory / DIRECTORY / f"{theme_id}.yaml", one)
    sys.exit(1 if drops and not write else 0)


@model.command()
@click.argument("article_id")
@click.option("--is", "is_", multiple=True, metavar="THEME", help="The article is about this theme.")
@click.option("--not", "not_", multiple=True, metavar="THEME", help="The article is not about this theme.")
@click.option("--from", "source", type=_file, help="JSON lines in which the article stands.")
@click.option("--title", default="", help="Of the article, where it stands in no file.")
@click.option("--summary", default="", help="The same.")
@click.option("--text", default="", help="The same.")
@click.option("--note", default="", help="Why; for people.")
@click.option("--by", default="", help="Who says so [default: the user's name].")
@_config
@click.pass_context
def correct(
    ctx: click.Context,
    article_id: str,
    is_: tuple[str, ...],
    not_: tuple[str, ...],
    source: Path | None,
    title: str,
    summary: str,
    text: str,
    note: str,
    by: str,
    config_dir: Path | None,
) -> None:
    """Say that an article was judged wrongly.

    The correction is appended to CONFIG/corrections.jsonl. From then on `deskwatch check` fails until the article is
    judged so, by a better term or after `deskwatch model train`, which learns from it.

    \b
    Exit codes: 0 noted, 1 it cannot be (no such theme, no such article).
    """
    from classifiers.corrections import Correction, append
    from deskwatch.configfile import Problem, nearest
    from deskwatch.errors import ConfigError

    directory = _directory(ctx, config_dir)
    known = load_classifier(directory).classifier.themes
    problems = [
        Problem("--is/--not", 1, 1, f"no theme '{theme}'", nearest(theme, known))
        for theme in (*is_, *not_)
        if theme not in known
    ]
    if not is_ and not not_:
        problems.append(Problem("--is/--not", 1, 1, "say at least one of them"))
    if source is not None:
        title, summary, text = _article(source, article_id, problems)
    elif not (title or summary or text):
        problems.append(Problem("--title", 1, 1, "give the article by --from FILE, or by --title, --summary, --text"))
    if problems:
        raise ConfigError(problems)
    append(
        directory / CORRECTIONS,
        Correction(
            id=article_id,
            title=title,
            summary=summary,
            text=text,
            is_=is_,
            not_=not_,
            by=by or getpass.getuser(),
            at=datetime.now(UTC),
            note=note,
        ),
    )


@model.command()
@click.argument("file", type=_file)
@click.option("--theme", "only", multiple=True, help="Only questions about this theme.")
@click.option("--limit", type=click.IntRange(min=1), default=200, show_default=True, help="Questions at most.")
@click.option("--list", "listed", is_flag=True, help="Print the queue as JSON lines and ask nothing.")
@click.option("--by", default="", help="Who answers [default: the user's name].")
@_config
@click.pass_context
def review(
    ctx: click.Context,
    file: Path,
    only: tuple[str, ...],
    limit: int,
    *,
    listed: bool,
    by: str,
    config_dir: Path | None,
) -> None:
    """Walk through the articles whose label would teach most.

    FILE holds articles as JSON lines, such as `deskwatch export articles` prints. Asked about are those on which terms
    and model disagree, and those on which they are unsure; each answer is a correction at once. What was answered
    before is not asked again. Without a terminal, or with --list, the queue is printed.

    \b
    Exit codes: 0 done, 1 a file is wrong.
    """
    from rich.console import Console

    from classifiers.asking import Review
    from classifiers.corrections import corrected, read
    from classifiers.model.questioning import questions_about
    from classifiers.reviewing import as_lines
    from classifiers.themes import load as load_themes
    from deskwatch.errors import ConfigError

    directory = _directory(ctx, config_dir)
    loaded = load_classifier(directory)
    if loaded.trouble:
        _say(f"warning: {loaded.trouble}")
    filed, problems = read(directory / CORRECTIONS)
    if problems:
        raise ConfigError(problems)
    questions = questions_about(file, loaded.classifier, corrected(filed), themes=only, limit=limit)
    if listed or not (sys.stdin.isatty() and sys.stdout.isatty()):
        for line in as_lines(questions):
            click.echo(line, nl=False)
        return
    tally = Review(
        questions,
        directory / CORRECTIONS,
        by=by or getpass.getuser(),
        clock=lambda: datetime.now(UTC),
        console=Console(),
        themes=load_themes(directory),
    ).run()
    _say(f"{tally.yes} yes, {tally.no} no, {tally.skipped} skipped, {tally.left} left")


def _directory(ctx: click.Context, config_dir: Path | None) -> Path:
    return config_dir or Path(load_settings(ctx).config_dir)


def _own_labels(directory: Path) -> tuple[Path, ...]:
    path = directory / MODEL.parent / "labels.jsonl"
    return (path,) if path.exists() else ()


def _seen(classifier: Any, articles: Sequence[Any]) -> int:
    found = getattr(classifier, "model", None)
    return sum(found.has_seen(one.id) for one in articles) if found is not None else 0


def _article(path: Path, article_id: str, problems: list[Any]) -> tuple[str, str, str]:
    from classifiers.model.questioning import read_articles
    from deskwatch.configfile import Problem

    for one in read_articles(path):
        if one.id == article_id:
            return one.title, one.summary, one.text
    problems.append(Problem(str(path), 1, 1, f"holds no article '{article_id}'"))
    return "", "", ""


def _fold(fold: int) -> None:
    _say(f"fold {fold + 1} ...")


def _say(text: str) -> None:
    click.echo(text, err=True)
