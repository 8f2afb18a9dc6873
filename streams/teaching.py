"""What the leading detector does about a change of configuration: declares it, and has changed themes learnt anew."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog

from deskwatch import topics
from deskwatch.errors import DeskwatchError, ServiceError
from deskwatch.records import Generation, Learnt
from deskwatch.settings import Settings
from streams import generations
from streams.holding import EPOCH
from streams.identity import Identity
from streams.memory import Desk
from streams.metrics import DetectorMetrics
from streams.publishing import DeskProducer, message_of
from streams.relearning import Answer, Job, Refused, Taught, Working
from streams.settings import StreamSettings

EVERY_S: Final = 0.5
AGAIN_S: Final = 60.0  # after a backtest that came to nothing
ALONE_S: Final = 60.0  # so long no worker must have judged by another configuration
ALONE_AT_MOST_S: Final = 900.0  # then it is no roll-out any more: learn, and say so
APPLIED: Final = timedelta(minutes=5)  # of log time, after which a declared generation must hold
LINE_BYTES: Final = 1024 * 1024
TELL_EVERY_S: Final = 15.0

_DECODER: Final = msgspec.json.Decoder(Answer)

log = structlog.get_logger()


class Teacher:
    """Looks after what one term of leadership counts by; `run` until it is cancelled.

    Args:
        lessons: From a file, for the very first generation and for themes that are new.
        judges: Returns the classifiers by which the articles read since it was last called were judged.
        is_current: Whether the desk log is read to its end.
    """

    def __init__(
        self,
        settings: Settings,
        stream_settings: StreamSettings,
        identity: Identity,
        lessons: Mapping[str, Learnt],
        producer: DeskProducer,
        metrics: DetectorMetrics,
        *,
        desk: Callable[[], Desk],
        watermark: Callable[[], datetime | None],
        judges: Callable[[], set[str]],
        is_current: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._stream_settings = stream_settings
        self._identity = identity
        self._lessons = fitting(lessons, identity)
        self._producer = producer
        self._metrics = metrics
        self._desk = desk
        self._watermark = watermark
        self._judges = judges
        self._is_current = is_current
        self._declared: datetime | None = None
        self._sent: set[tuple[str, str]] = set()
        self._waiting_since_s: float | None = None
        self._other_heard_s = -ALONE_S

    async def declare(self) -> None:
        """Write into the log what we count by, if the desk counts by something else.

        Raises:
            PublishError: try again.
        """
        if not self._is_ours(self._desk()):
            await self._declare(self._desk().state.config_hash)

    def _is_ours(self, desk: Desk) -> bool:
        """Return whether a desk counts by our configuration; a theme that waits for another definition does not."""
        waiting, ours = generations.waiting(desk), self._identity.definitions
        return desk.state.config_hash == self._identity.config_hash and waiting.items() <= ours.items()

    async def _declare(self, known: str) -> None:
        self._declared = self._watermark() or EPOCH
        if not known:  # before the generation: with it they are there, whatever happens in between
            await self._send(list(self._lessons.values()), self._declared)
        record = Generation(
            config_hash=self._identity.config_hash,
            holds_from=self._declared,
            themes=self._identity.themes,
            definitions=dict(self._identity.definitions),
        )
        await self._producer.publish(self._settings.topic(topics.DESK_LOG.name), [message_of(record)])
        log.info("generation.declared", config_hash=record.config_hash, before=known)

    async def run(self) -> None:
        """Look every half second; what fails is tried again."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self._look()
            except (DeskwatchError, OSError) as error:
                log.warning("learning.failed", error=str(error))
                await asyncio.sleep(AGAIN_S)

    async def _look(self) -> None:
        desk, waiting = self._desk(), generations.waiting(self._desk())
        self._metrics.suspended.set(len(waiting))
        others = self._judges() - {self._identity.classifier, ""}
        if not self._is_current():
            return
        if not self._is_ours(desk):
            # Declared by another leader whose word came after ours, or ours is not applied yet.
            if desk.state.now and desk.state.now >= (self._declared or EPOCH) + APPLIED:
                await self.declare()
            return
        todo = {name: definition for name, definition in waiting.items() if (name, definition) not in self._sent}
        if self._is_alone(others, time.monotonic(), is_waiting=bool(todo)) and todo:
            await self._learn(todo, desk)

    def _is_alone(self, others: set[str], now_s: float, *, is_waiting: bool) -> bool:
        """Return whether what arrives is judged by our definitions alone: in a roll-out it is not, for a while."""
        self._other_heard_s = now_s if others else self._other_heard_s
        if not is_waiting:
            self._waiting_since_s = None
        elif self._waiting_since_s is None:
            self._waiting_since_s = now_s
        elif now_s - self._waiting_since_s >= ALONE_AT_MOST_S:
            log.warning("learning.mixed", own=self._identity.classifier, others=sorted(others))
            return True
        return now_s - self._other_heard_s >= ALONE_S

    async def _learn(self, todo: dict[str, str], desk: Desk) -> None:
        """Have themes learnt, and write into the log what came of it."""
        new = [name for name in todo if desk.themes[name].state.baseline.learnt == 0]
        found = [self._lessons[name] for name in new if name in self._lessons]
        rest = {name: definition for name, definition in todo.items() if name not in {one.theme for one in found}}
        if rest:
            log.info("learning.started", themes=sorted(rest))
            found += await self._backtest(self._job(rest, desk))
        await self._send(found, self._watermark() or EPOCH)
        self._sent |= todo.items()

    def _job(self, definitions: dict[str, str], desk: Desk) -> Job:
        return Job(
            settings=self._settings,
            rules=self._stream_settings.rules(),
            days=self._stream_settings.archive_days,
            definitions=definitions,
            until=self._watermark() or EPOCH,
            rhythm=desk.state.rhythm,
            voices=desk.state.voices,
            feeds=tuple(sorted(desk.state.feeds.keys() - desk.state.joined.keys())),
        )

    async def _backtest(self, job: Job) -> list[Learnt]:
        """Return what a process of its own learns.

        Raises:
            ServiceError: it could not, or died.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "streams.relearning",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
        )
        assert process.stdin is not None  # noqa: S101  # they are pipes
        assert process.stdout is not None  # noqa: S101
        found: list[Learnt] = []
        told_s = time.monotonic()
        try:
            process.stdin.write(msgspec.json.encode(job) + b"\n")
            await process.stdin.drain()
            async for line in process.stdout:
                match _DECODER.decode(line):
                    case Taught(learnt=learnt):
                        found.append(learnt)
                    case Refused(why=why):
                        raise ServiceError("relearning", why)
                    case Working() as working if time.monotonic() - told_s >= TELL_EVERY_S:
                        told_s = time.monotonic()
                        log.info("learning.progress", doing=working.doing, done=working.done, share=working.share)
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code or len(found) != len(job.definitions):
            raise ServiceError("relearning", f"ended with {code} after {len(found)} themes", code=code)
        return found

    async def _send(self, lessons: list[Learnt], holds_from: datetime) -> None:
        records = [msgspec.structs.replace(one, holds_from=holds_from) for one in lessons]
        await self._producer.publish(self._settings.topic(topics.DESK_LOG.name), map(message_of, records))
        for record in records:
            log.info("theme.learnt", theme=record.theme, learnt_from=record.learnt_from or "nothing: it starts cold")


def fitting(lessons: Mapping[str, Learnt], identity: Identity) -> dict[str, Learnt]:
    """Return the lessons that are for themes of ours as they are defined; the others are told."""
    fit = {name: one for name, one in lessons.items() if identity.definitions.get(name) == one.definition}
    if left := sorted(lessons.keys() - fit.keys()):
        log.warning("learning.other_definition", themes=left, hint="write the lessons anew with these themes")
    return fit
