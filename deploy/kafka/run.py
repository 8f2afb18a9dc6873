"""Real Apache Kafka on this machine, without Docker: one node or three, on 127.0.0.1.

Maven copies the jars that pom.xml names; then Kafka's own main classes are run, none of its shell scripts. When all
brokers answer, one JSON line goes to stdout: {"bootstrap": "127.0.0.1:PORT[,...]", "pids": [...], "dir": "..."}.
Progress goes to stderr, the brokers' logs to files in the directory.

Needs nothing but the standard library, a JDK 17+ and Maven. Exit codes: 0 ended when told to, 1 a broker did not start
or all have died, 2 wrong usage, 3 Java or Maven is missing or too old.
"""

from __future__ import annotations

import argparse
import base64
import ctypes
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from jars import StartError, fetch_jars, find_java, progress

HOST: Final = "127.0.0.1"
READY_S: Final = 120.0
END_S: Final = 10.0  # between SIGTERM and SIGKILL
HEAP: Final = ("-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError")
PR_SET_PDEATHSIG: Final = 1


class Broker(NamedTuple):
    """One started node; `log_start` is the size its log file had before."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    log_start: int


def properties(
    node: int, ports: Sequence[int], controller_ports: Sequence[int], data: Path, extra: Mapping[str, str]
) -> dict[str, str]:
    """Return the server.properties of one combined broker and controller; `extra` wins.

    Args:
        node: From 0; node i serves clients on ports[i] and the quorum on controller_ports[i].
        data: Where the node keeps its logs.
    """
    replicas = len(ports)
    settings = {
        "process.roles": "broker,controller",
        "node.id": str(node),
        "listeners": f"PLAINTEXT://{HOST}:{ports[node]},CONTROLLER://{HOST}:{controller_ports[node]}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{ports[node]}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": ",".join(f"{i}@{HOST}:{port}" for i, port in enumerate(controller_ports)),
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "100",
        "default.replication.factor": str(replicas),
        "min.insync.replicas": str(max(1, replicas - 1)),
        # The internal topics' defaults (50 partitions) are meant for clusters and make a small one slow to start.
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.num.partitions": "1",
    }
    for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        settings[f"{topic}.replication.factor"] = str(replicas)
    for topic in ("transaction.state.log", "share.coordinator.state.topic"):
        settings[f"{topic}.min.isr"] = settings["min.insync.replicas"]
    return settings | dict(extra)


def free_ports(count: int, taken: Sequence[int] = ()) -> list[int]:
    """Return ports that nobody listens on, below those that Linux hands out by itself to outgoing connections."""
    found: list[int] = []
    for port in random.sample(range(20_000, 32_000), 12_000):
        if len(found) == count:
            break
        with socket.socket() as probe:
            if port not in taken and probe.connect_ex((HOST, port)):
                found.append(port)
    return found


def start(directory: Path, count: int, first_port: int | None, extra: Mapping[str, str]) -> list[Broker]:
    """Format the storage where it is new and start `count` brokers; they are not ready yet.

    Raises:
        StartError: Java or Maven is missing, the storage cannot be formatted, or is that of another cluster.
    """
    java, libs = find_java(), fetch_jars()
    cluster = _cluster_id(directory, count)
    ports = free_ports(count) if first_port is None else list(range(first_port, first_port + count))
    controller_ports = free_ports(count, ports)
    formats: list[tuple[subprocess.Popen[bytes], Path]] = []
    runs: list[tuple[list[str], Path]] = []
    for node in range(count):
        config, log = directory / f"broker-{node}.properties", directory / f"broker-{node}.log"
        data = directory / f"data-{node}"
        settings = properties(node, ports, controller_ports, data, extra)
        config.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        base = [java, *HEAP, "-Dlog4j2.level=info", "-cp", f"{libs}/*"]
        runs.append(([*base, "kafka.Kafka", str(config)], log))
        if not (data / "meta.properties").exists():
            tool = [*base, "-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format"]
            formats.append((_spawn([*tool, "-t", cluster, "-c", str(config)], log), log))
    for process, log in formats:
        if process.wait():
            raise StartError(f"formatting the storage in {directory}:\n{_tail(log)}")
    sizes = [log.stat().st_size if log.exists() else 0 for _, log in runs]
    return [
        Broker(port, _spawn(command, log), log, size)
        for port, (command, log), size in zip(ports, runs, sizes, strict=True)
    ]


def wait_until_ready(brokers: Sequence[Broker], stop: threading.Event) -> None:
    """Return when every broker has been let into the cluster and accepts connections, or `stop` is set.

    Raises:
        StartError: with the end of its log, for a broker that ended or took longer than READY_S.
    """
    deadline = time.monotonic() + READY_S
    for node, broker in enumerate(brokers):
        while not stop.is_set() and not _is_ready(broker):
            if broker.process.poll() is not None:
                raise StartError(f"broker {node} ended with {broker.process.returncode}:\n{_tail(broker.log)}")
            if time.monotonic() > deadline:
                raise StartError(f"broker {node} is not ready after {READY_S:.0f} s:\n{_tail(broker.log)}")
            stop.wait(0.05)


def end(brokers: Sequence[Broker]) -> None:
    """End the brokers: SIGTERM to all, SIGKILL to those that still run after END_S seconds."""
    for broker in brokers:
        broker.process.terminate()
    deadline = time.monotonic() + END_S
    for broker in brokers:
        try:
            broker.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            broker.process.kill()
            broker.process.wait()


def main(argv: Sequence[str]) -> int:
    """Run a cluster until told to end; return the exit code."""
    arguments = _parser().parse_args(argv)
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    if arguments.until_eof:
        threading.Thread(target=_wait_for_eof, args=(stop,), daemon=True).start()
    directory = (arguments.dir or Path(tempfile.mkdtemp(prefix="deskwatch-kafka-"))).resolve()
    brokers: list[Broker] = []
    try:
        brokers += start(directory, arguments.brokers, arguments.port, dict(arguments.property))
        wait_until_ready(brokers, stop)
        ready = {
            "bootstrap": ",".join(f"{HOST}:{broker.port}" for broker in brokers),
            "pids": [broker.process.pid for broker in brokers],
            "dir": str(directory),
        }
        if not stop.is_set():
            sys.stdout.write(json.dumps(ready) + "\n")
            sys.stdout.flush()
        return _watch(brokers, stop)
    except StartError as error:
        progress(str(error))
        return error.exit_code
    finally:
        end(brokers)
        if arguments.dir is None:
            shutil.rmtree(directory, ignore_errors=True)


def _watch(brokers: Sequence[Broker], stop: threading.Event) -> int:
    """Return 0 once `stop` is set, 1 once the last broker has died; losing some is what clusters are for."""
    alive = dict(enumerate(brokers))
    while not stop.wait(0.2):
        for node, broker in list(alive.items()):
            if broker.process.poll() is not None:
                progress(f"broker {node} ended with {broker.process.returncode}, see {broker.log}")
                del alive[node]
        if not alive:
            return 1
    return 0


def _cluster_id(directory: Path, count: int) -> str:
    """Return the id that the directory's cluster has, or a new one, noted there."""
    directory.mkdir(parents=True, exist_ok=True)
    note = directory / "cluster.json"
    if not note.exists():
        fresh = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        note.write_text(json.dumps({"id": f"k{fresh[1:]}", "brokers": count}))  # a leading - would look like an option
    known = json.loads(note.read_text())
    if known["brokers"] != count:
        raise StartError(
            f"{directory} holds a cluster of {known['brokers']} (--brokers {known['brokers']}), not {count}"
        )
    return str(known["id"])


def _spawn(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us; we end the brokers
            preexec_fn=_die_with_parent(),
        )


def _die_with_parent() -> Callable[[], None] | None:
    """Return what a child runs so that Linux kills it when we are killed; elsewhere nothing does."""
    if sys.platform != "linux":
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was killed before we could ask
            os._exit(1)

    return ask


def _is_ready(broker: Broker) -> bool:
    with broker.log.open("rb") as log:
        log.seek(broker.log_start)
        if b"Kafka Server started" not in log.read():
            return False
    with socket.socket() as probe:
        return probe.connect_ex((HOST, broker.port)) == 0


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])


def _wait_for_eof(stop: threading.Event) -> None:
    while os.read(0, 4096):  # not sys.stdin: its lock would abort the interpreter's exit
        pass
    stop.set()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="nodes (default 1)")
    parser.add_argument("--dir", type=Path, help="keep data and logs here (default: temporary, removed at the end)")
    parser.add_argument("--port", type=int, metavar="N", help="port of the first broker (default: free ports)")
    parser.add_argument(
        "--property", type=_pair, action="append", default=[], metavar="K=V", help="a setting of Kafka's; repeatable"
    )
    parser.add_argument("--until-eof", action="store_true", help="end as soon as standard input does")
    return parser


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not key=value")
    return key, value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
