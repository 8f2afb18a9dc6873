"""The commands `stream`, `detect` and `stories`."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, TextIO

import click
import structlog

from deskwatch.cli import load_settings
from deskwatch.configfile import Problem
from deskwatch.settings import load_section
from deskwatch.telemetry import Health, TelemetryServer, build_registry, configure_logging

log = structlog.get_logger()


@click.command()
@click.pass_context
def stream(ctx: click.Context) -> None:
    """Classify articles and detect spikes: one worker of as many as you like.

    Workers share the partitions of `articles`; one of them at a time detects, the others stand by. Ends with 0 on
    SIGTERM or Ctrl-C, with 1 when it failed and wants to be started again.
    """
    # Here, not above: Faust and the classifiers take a second to import, and `--help` needs neither.
    from classifiers.combined import CombinedClassifier
    from classifiers.loading import load_classifier
    from deskwatch.clients import create_topics
    from deskwatch.owners import load as load_owners
    from streams.app import create_app
    from streams.desk import DeskWriter
    from streams.detector import Detector
    from streams.drift import Drift
    from streams.identity import identify
    from streams.lessonfile import load as load_lessons
    from streams.metrics import ClassifierMetrics, DetectorMetrics, Metrics
    from streams.settings import StreamSettings
    from streams.worker import run_worker

    settings = load_settings(ctx)
    stream_settings = load_section(StreamSettings, "streams", os.environ, ctx.find_root().obj)
    configure_logging(settings.log_level, as_json=settings.log_json)
    registry = build_registry("stream", version("deskwatch"))
    drift = Drift(ClassifierMetrics(registry), term_hits=stream_settings.count_terms)
    found = load_classifier(Path(settings.config_dir), observer=drift)
    classifier, loaded = found.classifier, isinstance(found.classifier, CombinedClassifier)
    drift.begin(classifier.themes, configured=loaded or bool(found.trouble), loaded=loaded)
    if found.trouble:
        log.error("classifier.model_refused", reason=found.trouble)
    owners = load_owners(Path(settings.config_dir))
    identity = identify(classifier, stream_settings.rules(), owners)
    lessons = load_lessons(Path(stream_settings.learnt_from)) if stream_settings.learnt_from else {}
    Path(settings.state_dir).mkdir(parents=True, exist_ok=True)
    create_topics(settings)
    metrics, health = Metrics(registry), Health()
    writer = DeskWriter(settings, classifier, owners, metrics)
    detector = Detector(
        settings, stream_settings, identity, lessons, writer, metrics, DetectorMetrics(registry), health
    )
    app = create_app(settings, stream_settings, writer, metrics, health, services=[detector])
    with TelemetryServer(registry, health, host=settings.metrics_host, port=settings.metrics_port) as server:
        log.info("telemetry.serving", service="stream", port=server.port)
        run_worker(app)


@click.command()
@click.argument("file", type=click.File("r", encoding="utf-8", errors="replace"))
def detect(file: TextIO) -> None:
    """Find spikes in one series of counts.

    FILE is CSV, `timestamp,value` a line, at regular steps; `-` is standard input. Printed is each line with `expected`
    (what was normal there), `score` (1 and more is worth an alert) and `alert` (1 where an episode opens). Nothing
    later than a line has a say in it. The first day only learns.

    \b
    Exit codes: 0 judged, 1 lines could not be read (they are named, the others judged).
    """
    from streams.countfile import ADDED, COLUMNS, judge_rows, read_rows, step_of

    problems: list[Problem] = []
    name = getattr(file, "name", "<stdin>")
    rows = read_rows(file, name, problems)
    click.echo(",".join((*COLUMNS, *ADDED)))
    for row, verdict in judge_rows(rows, step_of(rows)):
        if verdict is None:
            problems.append(Problem(name, row.line, 1, f"{row.timestamp} falls into the same step as another line"))
        else:
            judged = f"{verdict.expected:.4g},{verdict.score:.4f},{int(verdict.opens)}"
            click.echo(f"{row.timestamp},{row.value},{judged}")
    for problem in sorted(problems):
        click.echo(str(problem), err=True)
    sys.exit(1 if problems else 0)


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
def stories(file: BinaryIO) -> None:
    """Find the items that carry one text.

    FILE (default: standard input) has one JSON object a line, oldest first, with `id`, `title` and, if there are any,
    `summary` or `text`, `source`, `published`; it may be gzip. For each, one line goes to standard output: {"id",
    "story", "copy"}. Items of one story share its id, that of the first one; `copy` is true from the second on. Items
    further apart than 72 hours are never one story.

    \b
    Exit codes: 0 every line was an item, 1 some were not (they are named and passed over).
    """
    from classifiers.jsonlines import encode_line
    from streams.grouping import Grouping
    from streams.items import read_items

    problems: list[Problem] = []
    name = getattr(file, "name", "<stdin>")
    out, grouping, last = click.get_binary_stream("stdout"), Grouping(), 0.0
    for item in read_items(file, str(name), problems):
        at_h = item.at_h()
        last = last if at_h is None else at_h
        story, is_copy = grouping.add(str(item.id), item.compared(), last)
        out.write(encode_line({"id": item.id, "story": story, "copy": is_copy}))
    out.flush()
    for problem in problems:
        click.echo(str(problem), err=True)
    sys.exit(1 if problems else 0)
