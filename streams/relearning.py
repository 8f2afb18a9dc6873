"""Themes learnt anew by a backtest over the archive, in a process of its own: `python -m streams.relearning`.

The job comes on standard input; when that closes, whoever asked is gone, and so is this process. Answers go to standard
output, one JSON object a line. What runs is the code of the stream, for the changed themes alone: how news spreads over
the day and how many owners report, which all themes share, is taken as the desk knows it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from kafka.errors import KafkaError

from classifiers.loading import load_classifier
from deskwatch import clients, topics
from deskwatch.owners import Owners
from deskwatch.owners import load as load_owners
from deskwatch.records import Classified, DeskTick, Learnt, Origin, Utc
from deskwatch.settings import Settings
from streams.baseline import Rhythm
from streams.classifying import Kind, Outcome, classify_record
from streams.facts import Fact, Health, NewGeneration, Sighting, healths_of, sighting_of
from streams.holding import Held
from streams.identity import Judge, identify
from streams.lessons import lesson, source_of
from streams.memory import Desk
from streams.rules import Rules
from streams.stepping import steps
from streams.voices import Voices

EVERY: Final = 5_000  # messages between two words of progress
NICE: Final = 10  # the desk's own work goes first
BUSY: Final = frozenset({Kind.THEMED, Kind.NO_THEME})


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be learnt, and what the desk knows already.

    Attributes:
        definitions: Of the themes.
        until: Log time up to which everything is there.
        days: How far back from there it goes; what is older says little of today, or has a wrong date.
        feeds: That the desk has known for long: their first word in the archive is not that they join.
    """

    settings: Settings
    rules: Rules
    definitions: dict[str, str]
    until: Utc
    days: float
    rhythm: Rhythm
    voices: Voices
    feeds: tuple[str, ...] = ()


class Working(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How far it is: what is being done, and how much of it is done, from 0 to 1 (None: nobody knows)."""

    doing: str
    done: int
    share: float | None = None


class Taught(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One theme is learnt."""

    learnt: Learnt


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Nothing can be learnt."""

    why: str


Answer = Working | Taught | Refused


class GivenRhythm(Rhythm, kw_only=True):
    """A rhythm that learns nothing."""

    def fade(self, *_: Any) -> None:
        """Stay."""

    def learn(self, *_: Any) -> None:
        """Stay."""


class GivenVoices(Voices, kw_only=True):
    """Owners of whom nothing more is learnt."""

    def hear(self, owner: str) -> None:
        """Stay."""

    def end_day(self) -> None:
        """Stay."""


class Archive:
    """What the archive holds of some themes, from one instant to another."""

    def __init__(self, themes: Iterable[str], start: datetime, until: datetime) -> None:
        self._themes = frozenset(themes)
        self._start = start
        self._until = until
        self._number = 0
        self.held = Held()
        self.articles = 0
        self.first: datetime | None = None
        self.last: datetime | None = None

    def add(self, outcome: Outcome) -> None:
        """Take in what a record of `articles` has become."""
        self.articles += outcome.kind in BUSY
        match outcome.record:
            case Classified() as record:
                self.add_facts([sighting_of(record, None)], record.article.first_seen_at)
            case DeskTick() as record:
                self.add_facts(healths_of(record, None), record.tick.at)
            case _:
                pass

    def add_facts(self, facts: Iterable[Fact], at: datetime) -> None:
        """Take in what was seen at an instant, as far as it matters."""
        if not self._start <= at < self._until:
            return
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)
        wanted = [self._reduced(fact) for fact in facts if self._start <= fact.at < self._until]
        self.held.add((self._number, fact) for fact in wanted if fact is not None)
        self._number += 1

    def _reduced(self, fact: Fact) -> Fact | None:
        """Return a fact without what it says of other themes; None if that is all it says."""
        if not isinstance(fact, Sighting):
            return fact
        kept = [i for i, name in enumerate(fact.themes) if name in self._themes]
        if not kept and not fact.revision:
            return None
        themes, terms = tuple(fact.themes[i] for i in kept), tuple(fact.terms[i] for i in kept)
        return msgspec.structs.replace(fact, themes=themes, terms=terms)


def relearn(archive: Archive, job: Job, progress: Callable[[Answer], None]) -> list[Learnt]:
    """Return what each theme of a job has learnt from an archive; `archive` is used up."""
    if archive.first is None or archive.last is None:
        return [Learnt(theme=name, definition=definition, holds_from=job.until, until=job.until)
                for name, definition in sorted(job.definitions.items())]  # fmt: skip
    desk, pace, first = Desk(), job.rules.pace, archive.first
    desk.state.rhythm = GivenRhythm(seen=job.rhythm.seen, due=job.rhythm.due)
    desk.state.voices = GivenVoices(past=job.voices.past)
    desk.state.now = desk.state.began = pace.start_of(pace.bucket_of(first))
    context: list[Fact] = [Health(at=first, effective=first, feed_id=feed, ok=True) for feed in job.feeds]
    names = tuple(sorted(job.definitions))
    context.append(NewGeneration(at=first, effective=first, config_hash="archive", themes=names))
    archive.held.add((-1, fact) for fact in context)
    days = -1
    for _ in steps(desk, archive.held, job.until, job.rules):
        if (done := (desk.state.now - first).days) > days:
            days = done
            progress(Working(doing="counting days", done=days, share=(desk.state.now - first) / (job.until - first)))
    archive.held.close()
    source = source_of(first, archive.last, archive.articles)
    return [lesson(name, job.definitions[name], desk.themes[name], job.until, source, pace) for name in names]


def learn_from_topic(job: Job, classifier: Any, owners: Owners, progress: Callable[[Answer], None]) -> list[Learnt]:
    """Return what the topic `articles` teaches of the themes of a job.

    Raises:
        KafkaError: the broker does not give it.
    """
    reach, topic = timedelta(days=job.days), job.settings.topic(topics.ARTICLES.name)
    archive = Archive(job.definitions, job.until - reach, job.until)
    since = datetime.now(UTC) - reach - timedelta(days=1)  # the broker goes by the wall clock; this only saves time
    for number, message in enumerate(clients.read_messages(job.settings, topics.ARTICLES.name, since=since), 1):
        outcome = classify_record(
            message.value,
            message.headers,
            origin=Origin(partition=message.partition, offset=message.offset),
            key=message.key,
            topic=topic,
            classifier=classifier,
            owners=owners,
        )
        archive.add(outcome)
        if number % EVERY == 0:
            progress(Working(doing="classifying", done=number))
    return relearn(archive, job, progress)


def differing(job: Job, classifier: Judge, owners: Owners) -> list[str]:
    """Return the themes of a job that are defined otherwise in the configuration that was read for it."""
    found = identify(classifier, job.rules, owners).definitions
    return [name for name, definition in job.definitions.items() if found.get(name) != definition]


def main() -> None:
    """Do one job."""
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole family: who asked decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(NICE)
    directory = Path(job.settings.config_dir)
    classifier, owners = load_classifier(directory).classifier, load_owners(directory)
    if names := differing(job, classifier, owners):
        _answer(Refused(why=f"{directory} has changed since this worker read it ({', '.join(names)}): restart it"))
        return
    try:
        found = learn_from_topic(job, classifier, owners, _answer)
    except KafkaError as error:
        _answer(Refused(why=f"reading the archive: {type(error).__name__}: {error}"))
        return
    for learnt in found:
        _answer(Taught(learnt=learnt))


def _answer(answer: Answer) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):  # not by `sys.stdin`: its lock would outlive the interpreter
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
