"""An archive through the very code of the stream: classified in processes side by side, then counted in its order."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from classifiers.jsonlines import MAX_LINE_BYTES
from classifiers.loading import load_classifier
from deskwatch.configfile import Problem
from deskwatch.owners import load as load_owners
from deskwatch.records import Learnt, Severity, Spike, SpikeKind, SpikeState, Utc
from streams.archive import UNKNOWN, Survey, context, item_of, sighting_in, stamp_of, survey, why_dropped
from streams.facts import Sighting
from streams.holding import Held
from streams.identity import Identity, identify
from streams.items import lines_of
from streams.lessons import lesson, source_of
from streams.memory import Desk
from streams.rules import Rules
from streams.stepping import steps
from streams.tally import Tally

PORTION: Final = 500  # lines that go to a process together
FEW: Final = 4 * PORTION  # with fewer lines, starting processes takes longer than the work
AHEAD: Final = 4  # portions in the hands of each process: more would only fill the memory

Progress = Callable[[str, float], None]
"""Takes what is being done, and how much of it is done, from 0 to 1."""


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """A spike as a backtest tells it: one line of its output. Counts are those of its strongest hour."""

    spike_id: str
    theme: str
    onset: Utc
    detected: Utc
    resolved: Utc | None
    severity: Severity
    observed: int
    expected: float
    score: float
    stories: int
    owners: int
    articles: int
    origins: int = 0  # those of one agency have one
    headlines: tuple[str, ...] = ()


class Report(msgspec.Struct, kw_only=True):
    """What came of an archive."""

    survey: Survey | None = None
    rules: Rules | None = None  # by which it was counted
    episodes: list[Episode] = []
    spikes: list[Spike] = []
    tally: Tally | None = None  # what each theme had, if it was asked for
    outcomes: Counter[str] = msgspec.field(default_factory=Counter)
    problems: list[Problem] = []
    lessons: list[Learnt] = []  # what each theme has learnt, if it was asked for


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A portion of lines, classified."""

    facts: bytes
    outcomes: dict[str, int]
    problems: list[Problem]


def backtest(
    file: BinaryIO,
    name: str,
    config_dir: Path,
    progress: Progress,
    *,
    rules: Rules | None = None,
    tally: bool = False,
    learn: bool = False,
) -> Report:
    """Return the episodes that an archive would have given.

    Args:
        file: JSON lines, perhaps gzip; can seek.
        name: What problems call it.
        config_dir: Holds the themes, and perhaps a model and owners.
        progress: Is told how far it is.
        rules: What to count by; None: what fits the archive.
        tally: Whether the report holds the counts, too.
        learn: Whether the report holds what each theme has learnt; for the stream, so by its own `rules`.

    Raises:
        ConfigError: the themes or the owners are wrong.
    """
    classifier = load_classifier(config_dir).classifier  # a bad configuration is to be told at once
    owners, themes = load_owners(config_dir), classifier.themes
    report = Report()
    report.survey = found = _first_look(file, name, progress)
    held = Held()
    _judge_all(file, name, config_dir, found, report, held, progress)
    if found is not None:
        report.rules = rules or found.rules(len(held), len(themes))
        held.add(enumerate(context(found, themes, report.rules)))
        if tally:
            report.tally = Tally(found.last - found.first, timedelta(seconds=report.rules.pace.step_s))
        desk = _decide(report, found, report.rules, held, progress)
        if learn:
            report.lessons = _lessons(desk, found, report, identify(classifier, report.rules, owners))
    held.close()
    return report


def _first_look(file: BinaryIO, name: str, progress: Progress) -> Survey | None:
    """Return what the times show; what is wrong with the lines, the second look says."""
    moments, days, size = [], 0, _size(file)
    for number, line in lines_of(file, name, []):
        try:
            item = item_of(line)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
        stamp = stamp_of(item) if item is not None else None
        if stamp is not None:
            moments.append(int(stamp.at.timestamp()))
            days += stamp.is_day
        if number % PORTION == 0:
            progress("reading", file.tell() / size)
    return survey(moments, days)


def _judge_all(
    file: BinaryIO, name: str, config_dir: Path, found: Survey | None, report: Report, held: Held, progress: Progress
) -> None:
    size, number = _size(file), 0
    decoder = msgspec.msgpack.Decoder(list[Sighting])
    for judged in _in_processes(_portions(file, name, report.problems), config_dir, found, name):
        sightings = decoder.decode(judged.facts)
        held.add(enumerate(sightings, number))
        number += len(sightings)
        report.outcomes.update(judged.outcomes)
        report.problems += judged.problems
        progress("classifying", file.tell() / size)


def _portions(file: BinaryIO, name: str, problems: list[Problem]) -> Iterator[list[tuple[int, bytes]]]:
    portion: list[tuple[int, bytes]] = []
    for line in lines_of(file, name, problems):
        portion.append(line)
        if len(portion) == PORTION:
            yield portion
            portion = []
    if portion:
        yield portion


def _in_processes(
    portions: Iterator[list[tuple[int, bytes]]], config_dir: Path, found: Survey | None, name: str
) -> Iterator[Judged]:
    """Yield what became of each portion, in their order; of few, without other processes."""
    first = [portion for _, portion in zip(range(FEW // PORTION), portions, strict=False)]
    workers = os.cpu_count() or 1
    if len(first) < FEW // PORTION or workers == 1:
        judge = _Judge(config_dir, found, name)
        yield from map(judge, first)
        yield from map(judge, portions)
        return
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawning, _begin, (config_dir, found, name)) as pool:
        running: deque[Future[Judged]] = deque(pool.submit(_go_on, portion) for portion in first)
        for portion in portions:
            running.append(pool.submit(_go_on, portion))
            if len(running) > AHEAD * workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


class _Judge:
    """Lines to facts, in one process."""

    def __init__(self, config_dir: Path, found: Survey | None, name: str) -> None:
        self._classifier = load_classifier(config_dir).classifier
        self._owners = load_owners(config_dir)
        self._survey = found
        self._name = name
        self._encode = msgspec.msgpack.Encoder().encode

    def __call__(self, portion: list[tuple[int, bytes]]) -> Judged:
        facts, outcomes, problems = [], Counter[str](), []
        for number, line in portion:
            try:
                if len(line) > MAX_LINE_BYTES:
                    raise ValueError(f"longer than {MAX_LINE_BYTES:,} bytes")
                item = item_of(line)
                if item is None:
                    outcomes["no article"] += 1
                    continue
                stamp = stamp_of(item)
                dropped = why_dropped(stamp, self._survey)
                if stamp is None or self._survey is None or dropped:
                    outcomes[dropped] += 1
                    continue
                owner = item.owner or self._owners.owner_of(item.outlet() or UNKNOWN)
                sighting = sighting_in(item, stamp, self._survey, self._classifier, owner)
            except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
                problems.append(Problem(self._name, number, 1, str(error)))
                continue
            if sighting is None:
                outcomes["no theme"] += 1
            else:
                facts.append(sighting)
        return Judged(facts=self._encode(facts), outcomes=dict(outcomes), problems=problems)


_judge: _Judge | None = None  # of this process


def _begin(config_dir: Path, found: Survey | None, name: str) -> None:
    global _judge  # how a pool's processes keep what they need
    _judge = _Judge(config_dir, found, name)


def _go_on(portion: list[tuple[int, bytes]]) -> Judged:
    assert _judge is not None  # noqa: S101  # _begin has run
    return _judge(portion)


def _decide(report: Report, found: Survey, rules: Rules, held: Held, progress: Progress) -> Desk:
    desk = Desk()
    step = timedelta(seconds=rules.pace.step_s)
    until = found.last + 2 * step + timedelta(seconds=rules.grace_s)
    whole = (until - found.first).total_seconds()
    for out, _ in steps(desk, held, until, rules):
        report.spikes += out.spikes
        report.outcomes.update(out.outcomes)
        if report.tally is not None:
            for bucket in out.buckets:
                report.tally.add(bucket)
        if desk.state.now is not None:
            progress("counting", (desk.state.now - found.first).total_seconds() / whole)
    report.episodes = fold(report.spikes)
    return desk


def _lessons(desk: Desk, found: Survey, report: Report, identity: Identity) -> list[Learnt]:
    """Return what each theme has learnt, but not which feeds it came by: an archive is not what a desk's feeds are."""
    assert report.rules is not None  # noqa: S101  # they were counted by
    pace, source = report.rules.pace, source_of(found.first, found.last, report.outcomes.total())
    lessons = []
    for name, definition in sorted(identity.definitions.items()):
        learnt = lesson(name, definition, desk.themes[name], found.last, source, pace)
        if learnt.normal is not None:
            bare = msgspec.structs.replace(learnt.normal, feeds={}, other_feeds=0.0, cohorts={})
            learnt = msgspec.structs.replace(learnt, normal=bare)
        lessons.append(learnt)
    return lessons


def fold(spikes: list[Spike]) -> list[Episode]:
    """Return the episodes that revisions of spikes make, in the order in which they opened."""
    revisions: dict[str, list[Spike]] = {}
    for spike in spikes:
        revisions.setdefault(spike.spike_id, []).append(spike)
    return [_episode(one) for one in revisions.values() if one[0].kind is SpikeKind.SPIKE]


def _episode(revisions: list[Spike]) -> Episode:
    first, last = revisions[0], revisions[-1]
    living = [one for one in revisions if one.state is not SpikeState.RESOLVED]
    top = max(living, key=lambda one: one.score)
    return Episode(
        spike_id=first.spike_id,
        theme=first.theme,
        onset=first.onset_at,
        detected=first.detected_at,
        resolved=last.resolved_at,
        severity=last.severity,
        observed=top.observed,
        expected=top.expected,
        score=top.score,
        stories=top.stories,
        owners=top.owners,
        articles=top.articles,
        origins=top.origins,
        headlines=tuple(headline.title for headline in top.headlines),
    )


def _size(file: BinaryIO) -> int:
    file.seek(0, os.SEEK_END)
    size = file.tell()
    file.seek(0)
    return max(size, 1)
