"""The commands that run other parts: `broker`, the embedded Kafka, and `up`, all services of this machine."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
import msgspec
import structlog
from kafka.errors import KafkaError

from deskwatch import clients, telemetry
from deskwatch.broker import LIMIT_BYTES, MockBroker
from deskwatch.cli import load_settings
from deskwatch.errors import ServiceError
from deskwatch.settings import Settings
from deskwatch.supervising import AtEnd, Child, Program, Supervisor
from deskwatch.topics import TOPICS
from deskwatch.watching import LossWatch, readers_of

READY_S: Final = 30.0
RETRY_S: Final = 2.0

log = structlog.get_logger()


@click.command()
@click.option(
    "--partitions", multiple=True, metavar="TOPIC=N", help="Another number of partitions than usual; repeatable."
)
@click.pass_context
def broker(ctx: click.Context, partitions: tuple[str, ...]) -> None:
    """Run the embedded broker: Kafka's protocol out of memory, for demos and tests.

    It takes a free port of 127.0.0.1 and prints one JSON line, {"bootstrap": "127.0.0.1:PORT"}. It ends with exit code
    1 when it had to drop records that classify, detect or alert had still to read.
    """
    settings = load_settings(ctx)
    telemetry.configure_logging(settings.log_level, as_json=settings.log_json)
    stop = stop_on_signals()
    try:
        counts = partition_counts(settings, partitions)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    log.warning(
        "broker.keeps_nothing",
        limit=f"all is gone when it stops; of each partition it holds the newest {LIMIT_BYTES >> 20} MiB",
    )
    with MockBroker(counts) as embedded, LossWatch(embedded.bootstrap, readers_of(settings), stop) as watch:
        click.echo(json.dumps({"bootstrap": embedded.bootstrap}))
        stop.wait()
    if watch.error is not None:
        raise watch.error


@click.command()
@click.option("--embedded", is_flag=True, help="Bring the embedded broker too, and begin with an empty state.")
@click.pass_context
def up(ctx: click.Context, embedded: bool) -> None:
    """Run all services of this machine, one supervised process each, until told to end.

    Logs go to STATE_DIR/logs. A service that dies is started again; with --embedded a dead broker or stream worker ends
    the run, because what they knew is gone.
    """
    settings = load_settings(ctx)
    telemetry.configure_logging(settings.log_level, as_json=settings.log_json)
    environ = dict(os.environ)
    if (file := ctx.find_root().obj) is not None:
        environ["DESKWATCH_SETTINGS"] = str(file)
    stop = stop_on_signals()
    state = Path(settings.state_dir)
    with _only_one(state):
        if embedded:
            state = state / "embedded"
            shutil.rmtree(state, ignore_errors=True)  # positions in a broker that is gone
            environ |= {"DESKWATCH_STATE_DIR": str(state)}
        with Supervisor(state / "logs", environ) as supervisor:
            if embedded:
                bootstrap = start_broker(supervisor, {})
                extra = {"DESKWATCH_KAFKA_BOOTSTRAP": bootstrap, "DESKWATCH_KAFKA_EMBEDDED": "true"}
                settings = msgspec.structs.replace(settings, kafka_bootstrap=bootstrap, kafka_embedded=True)
            else:
                extra = {}
                _create_topics(settings, stop)
            for program in programs(settings, extra):
                supervisor.start(program)
            supervisor.run(stop)


def programs(settings: Settings, environ: Mapping[str, str]) -> list[Program]:
    """Return the services of one machine; where a metrics port is set they take it and those that follow."""
    found = []
    for index, (name, stateful) in enumerate((("produce", False), ("stream", True), ("alert", False))):
        port = settings.metrics_port + index if settings.metrics_port else 0
        at_end = AtEnd.FAIL if stateful and settings.kafka_embedded else AtEnd.RESTART
        variables = {**environ, "DESKWATCH_METRICS_PORT": str(port)}
        found.append(Program(name=name, arguments=(name,), environ=variables, at_end=at_end))
    return found


def start_broker(supervisor: Supervisor, environ: Mapping[str, str], *options: str) -> str:
    """Start the embedded broker and return its address once it accepts connections.

    Raises:
        ServiceError: it ended or said nothing within READY_S.
    """
    child = supervisor.start(
        Program(
            name="broker",
            arguments=("broker", *options),
            environ=environ,
            at_end=AtEnd.FAIL,
            captured=True,
            foundation=True,
        )
    )
    supervisor.wait(lambda: _first_line(child).endswith("\n"), "its address", child, READY_S)
    try:
        return str(json.loads(_first_line(child))["bootstrap"])
    except (ValueError, KeyError) as error:
        raise ServiceError("broker", f"announced {_first_line(child)!r}") from error


def partition_counts(settings: Settings, overrides: tuple[str, ...]) -> dict[str, int]:
    """Return the partition count of every topic by its full name; each override is `TOPIC=N`.

    Raises:
        ValueError: an override that is no such thing.
    """
    counts = {topic.name: topic.partitions for topic in TOPICS}
    for override in overrides:
        name, _, number = override.partition("=")
        if name not in counts or not number.isdecimal() or not int(number):
            raise ValueError(f"'{override}' is not TOPIC=N with a topic of {', '.join(counts)}")
        counts[name] = int(number)
    return {settings.topic(name): count for name, count in counts.items()}


def stop_on_signals() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set from now on."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _first_line(child: Child) -> str:
    if not child.output.exists():
        return ""
    with child.output.open() as output:
        return output.readline()


def _create_topics(settings: Settings, stop: threading.Event) -> None:
    """Create what is missing, as soon as the broker answers."""
    while not stop.is_set():
        try:
            if _listens(settings.kafka_bootstrap):  # asked first: a client would try for 30 s, deaf to signals
                log.info("topics.created", topics=clients.create_topics(settings))
                return
            log.warning("broker.unreachable", bootstrap=settings.kafka_bootstrap, retry_in_s=RETRY_S)
        except KafkaError as error:
            log.warning("broker.refused", bootstrap=settings.kafka_bootstrap, error=str(error), retry_in_s=RETRY_S)
        stop.wait(RETRY_S)


def _listens(bootstrap: str) -> bool:
    """Return whether one of the brokers takes connections."""
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=RETRY_S):
                return True
        except (OSError, ValueError):
            continue
    return False


@contextmanager
def _only_one(state: Path) -> Iterator[None]:
    """Hold the state directory for this run; `up.pid` in it names the process that does.

    Raises:
        ServiceError: another run holds it.
    """
    state.mkdir(parents=True, exist_ok=True)
    path = state / "up.pid"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise ServiceError("up", f"process {file.read().strip()} already runs on {state}") from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
        file.truncate(0)
