"""Runs the demo: the simulated world, the embedded broker and the real services, until all is counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from demo import scraping, script, staging
from demo.counting import Follower, account
from demo.serving import WorldServer
from demo.showing import Screen
from demo.world import World, build
from deskwatch.errors import ServiceError
from deskwatch.running import start_broker
from deskwatch.settings import Settings
from deskwatch.supervising import AtEnd, Child, Program, Supervisor

INTERVAL_S: Final = 3600  # of polls, in the simulated world
MAX_LAG: Final = 1_500  # records unread; far below the 5 MiB of a partition that the embedded broker keeps
PARTITIONS: Final = 2
EVENT_HOUR: Final = 13  # UTC; hour and weekday are the same for every run, so that one seed tells one story
EVENT_WEEKDAY: Final = 0  # Monday
AFTER_EVENT: Final = timedelta(hours=12)  # so that the episode ends, too
AFTER_LAST_POLL: Final = timedelta(minutes=10)  # the desk counts what it saw before the last tick
SETTLE_S: Final = 30.0
POLL_S: Final = 0.1


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to run.

    Attributes:
        directory: For config, state and logs; it exists and is empty.
        output: Where the alerts go.
        config_dir: Where the themes are.
        present: The event breaks on the last Monday afternoon that is well over by then.
        give_up_s: Seconds after which the run counts as failed.
    """

    directory: Path
    output: Path
    config_dir: Path
    present: datetime
    days: int
    seed: int
    give_up_s: float

    def times(self) -> tuple[datetime, datetime, datetime]:
        """Return when the world begins, when the event breaks, and when all ends."""
        event_at = self.present.astimezone(UTC).replace(hour=EVENT_HOUR, minute=0, second=0, microsecond=0)
        while event_at + AFTER_EVENT > self.present or event_at.weekday() != EVENT_WEEKDAY:
            event_at -= timedelta(days=1)
        return event_at - timedelta(days=self.days), event_at, event_at + AFTER_EVENT


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How it went: seconds to the alert that had to come, None if it did not, and whether everything was counted."""

    alerted_s: float | None
    adds_up: bool


def run(plan: Plan, environ: Mapping[str, str], screen: Screen, stop: threading.Event) -> Outcome | None:
    """Run a plan to its end; None if `stop` was set before.

    Args:
        environ: The environment of the services; variables of Deskwatch's own are not passed on.

    Raises:
        ConfigError: there are no themes; nothing was started or written.
        ServiceError: a service ended, or the plan took too long.
    """
    began = time.monotonic()
    staging.find_themes(plan.config_dir)
    start, event_at, until = plan.times()
    scenario = script.load()
    world = build(scenario, start=start, event_at=event_at, until=until, seed=plan.seed)
    screen.say(
        f"{len(world.outlets)} outlets that do not exist print {world.count():,} articles, {start:%a %d %b} to"
        f" {until:%a %d %b}. Something happens at the end."
    )
    with ExitStack() as open_things:
        server = open_things.enter_context(WorldServer(world))
        _stage(plan, server, world)
        settings = _settings(plan)
        supervisor = open_things.enter_context(
            Supervisor(plan.directory / "logs", _environment(environ, settings, plan))
        )
        bootstrap = start_broker(supervisor, {}, "--partitions", f"articles={PARTITIONS}")
        settings = msgspec.structs.replace(settings, kafka_bootstrap=bootstrap)
        follower = open_things.enter_context(Follower(settings))
        address = {"DESKWATCH_KAFKA_BOOTSTRAP": bootstrap}
        children = {program.name: supervisor.start(program) for program in _programs(world, address)}
        wanted = (scenario.event.theme, event_at)
        stage = _Stage(screen, server, follower, supervisor, children, wanted, began, began + plan.give_up_s, stop)
        if not stage.play() or not stage.settle(until + AFTER_LAST_POLL):
            return None
        metrics = scraping.scrape(scraping.find_port(children["stream"].log) or 0)
        lines = account(
            printed={item.guid for items in world.items.values() for item in items},
            served=server.served,
            tally=follower.tally,
            counted=counted(metrics),
        )
        screen.episodes(list(follower.tally.spikes.values()), {spike_id for spike_id, _ in follower.tally.sent})
        screen.account(lines)
        return Outcome(alerted_s=stage.alerted_s, adds_up=all(line.holds for line in lines))


def counted(metrics: str) -> int:
    """Return how many articles the detector says it has taken in, each id once."""
    return int(scraping.total(metrics, "deskwatch_detect_articles_total", without=("outcome", "known")))


class _Stage:
    """What happens while the services run."""

    def __init__(
        self,
        screen: Screen,
        server: WorldServer,
        follower: Follower,
        supervisor: Supervisor,
        children: Mapping[str, Child],
        wanted: tuple[str, datetime],
        began: float,
        deadline: float,
        stop: threading.Event,
    ) -> None:
        self._screen = screen
        self._server = server
        self._follower = follower
        self._supervisor = supervisor
        self._children = children
        self._began = began
        self._deadline = deadline
        self._stop = stop
        self._announced = 0
        self._wanted = wanted
        self.alerted_s: float | None = None

    def play(self) -> bool:
        """Let the world go on until the producer has read all of it; False if stopped before."""
        return self._until(lambda: self._children["produce"].finished, self._deadline)

    def settle(self, until: datetime) -> bool:
        """Wait, for a while, until what was published is classified, counted and alerted; False if stopped before."""
        self._screen.status("waiting for the last article to be counted")
        deadline = min(self._deadline, time.monotonic() + SETTLE_S)
        try:
            return self._until(lambda: self._is_settled(until), deadline)
        except ServiceError as error:
            if error.code is not None:
                raise
            return True  # the account says what is missing

    def _is_settled(self, until: datetime) -> bool:
        tally = self._follower.tally
        if self.alerted_s is None or tally.uncovered() or any(at < until for at in tally.ticked.values()):
            return False
        port = scraping.find_port(self._children["stream"].log)
        return port is not None and counted(scraping.scrape(port)) >= len(tally.classified)

    def _until(self, condition: Callable[[], bool], deadline: float) -> bool:
        while not condition():
            if self._stop.wait(POLL_S):
                return False
            self._supervisor.check()
            if self._follower.error is not None:
                raise self._follower.error
            if not self._children["produce"].finished:
                self._screen.move(self._server.asked, len(self._follower.tally.articles))
            self._announce()
            if self.alerted_s is None and self._follower.tally.find_alerted(*self._wanted):
                self.alerted_s = time.monotonic() - self._began
            if time.monotonic() > deadline:
                raise ServiceError("demo", f"not done after {time.monotonic() - self._began:.0f} s")
        self._announce()
        return True

    def _announce(self) -> None:
        """Show what the alerting service has printed since the last look."""
        output = self._children["alert"].output
        text = output.read_text(errors="replace") if output.exists() else ""
        complete = text.rfind("\n") + 1
        if complete > self._announced:
            self._screen.say(f"\nSent {time.monotonic() - self._began:.0f} s after the start:\n", style="bold")
            self._screen.say(text[self._announced : complete].rstrip("\n") + "\n")
            self._announced = complete


def _stage(plan: Plan, server: WorldServer, world: World) -> None:
    feeds = {outlet.id: (outlet.name, server.url(outlet.id)) for outlet in world.outlets}
    staging.stage(plan.directory / "config", plan.config_dir, feeds, INTERVAL_S)


def _settings(plan: Plan) -> Settings:
    return Settings(
        kafka_embedded=True,
        config_dir=str(plan.directory / "config"),
        state_dir=str(plan.directory / "state"),
    )


def _environment(environ: Mapping[str, str], settings: Settings, plan: Plan) -> dict[str, str]:
    """Return what all services get; the user's own settings are left out, or the demo might write to real people."""
    return {name: value for name, value in environ.items() if not name.startswith("DESKWATCH_")} | {
        "DESKWATCH_KAFKA_EMBEDDED": "true",
        "DESKWATCH_CONFIG_DIR": settings.config_dir,
        "DESKWATCH_STATE_DIR": settings.state_dir,
        "DESKWATCH_LOG_JSON": "true",
        "DESKWATCH_PRODUCERS_ALLOW_PRIVATE_ADDRESSES": "true",
        "DESKWATCH_PRODUCERS_CONNECTIONS_PER_HOST": "32",
        "DESKWATCH_PRODUCERS_TICK_S": str(INTERVAL_S),
        "DESKWATCH_ALERTING_OUTBOX_DIR": str(plan.output),
        "DESKWATCH_ALERTING_ANNOUNCE": "true",
        "DESKWATCH_ALERTING_SIMULATED": "true",
    }


def _programs(world: World, environ: Mapping[str, str]) -> list[Program]:
    replay = ("--replay-from", world.start.isoformat(), "--replay-until", (world.until + AFTER_LAST_POLL).isoformat())
    return [
        Program(name="stream", arguments=("stream",), environ=environ, at_end=AtEnd.FAIL),
        Program(name="alert", arguments=("alert",), environ=environ, at_end=AtEnd.FAIL, captured=True),
        Program(
            name="produce",
            arguments=("produce", *replay, "--max-lag", str(MAX_LAG)),
            environ=environ,
            at_end=AtEnd.FINISH,
        ),
    ]
