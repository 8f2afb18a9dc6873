from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from deskwatch.telemetry import LIVE_WITHIN_S, Health, TelemetryServer, build_registry


class Monotonic:
    """A clock that a test turns by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
def health(monotonic: Monotonic) -> Health:
    return Health(monotonic)


@pytest.fixture
def registry() -> CollectorRegistry:
    return build_registry("produce", "1.2.3")


@pytest.fixture
def server(registry: CollectorRegistry, health: Health) -> Iterator[TelemetryServer]:
    with TelemetryServer(registry, health, host="127.0.0.1", port=0) as server:
        yield server


def get(server: TelemetryServer, path: str, **headers: str) -> tuple[int, str, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def test_metrics_are_served_as_text(server: TelemetryServer, registry: CollectorRegistry) -> None:
    Counter("deskwatch_things_total", "Things.", registry=registry).inc(3)
    status, kind, body = get(server, "/metrics")
    assert status == 200
    assert kind.startswith("text/plain")
    assert "deskwatch_things_total 3.0\n" in body
    assert 'deskwatch_build_info{service="produce",version="1.2.3"} 1.0\n' in body


def test_exemplars_are_served_to_who_understands_them(server: TelemetryServer, registry: CollectorRegistry) -> None:
    Histogram("deskwatch_wait_seconds", "Waits.", registry=registry).observe(0.3, {"alert_id": "a1"})
    _, kind, body = get(server, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert '# {alert_id="a1"} 0.3' in body


def test_process_is_live_while_its_loop_turns(server: TelemetryServer, health: Health, monotonic: Monotonic) -> None:
    assert get(server, "/livez")[0] == 200
    monotonic.now += LIVE_WITHIN_S
    assert get(server, "/livez")[::2] == (503, "stuck\n")
    health.beat()
    assert get(server, "/livez")[::2] == (200, "live\n")


def test_process_is_ready_when_all_it_waits_for_holds(server: TelemetryServer, health: Health) -> None:
    assert get(server, "/readyz")[0] == 200
    health.expect("broker", "ledger")
    assert get(server, "/readyz")[::2] == (503, "waiting for: broker, ledger\n")
    health.set("ledger", True)
    assert get(server, "/readyz")[::2] == (503, "waiting for: broker\n")
    health.set("broker", True)
    assert get(server, "/readyz")[0] == 200
    health.expect("broker")  # naming it again does not forget that it holds
    assert get(server, "/readyz")[0] == 200
    health.set("broker", False)
    assert get(server, "/readyz")[0] == 503


def test_other_paths_are_not_found(server: TelemetryServer) -> None:
    assert get(server, "/")[0] == 404


def test_port_is_free_again_afterwards(registry: CollectorRegistry, health: Health) -> None:
    with TelemetryServer(registry, health, host="127.0.0.1", port=0) as first:
        port = first.port
    with TelemetryServer(registry, health, host="127.0.0.1", port=port) as second:
        assert get(second, "/livez")[0] == 200


LOGGING = """
import logging, structlog, sys
from deskwatch.telemetry import configure_logging
configure_logging("warning", as_json=sys.argv[1] == "json")
log = structlog.get_logger()
log.info("feed.polled", feed="a")
log.warning("feed.stale", feed="b", age_s=3)
logging.getLogger("library").info("chatter")
logging.getLogger("library").warning("trouble")
"""


@pytest.mark.parametrize("form", ["json", "text"])
def test_log_goes_to_stderr_from_its_level_on(form: str) -> None:
    done = subprocess.run([sys.executable, "-c", LOGGING, form], capture_output=True, text=True, check=True, timeout=60)
    event, library = done.stderr.splitlines()
    assert done.stdout == ""
    assert library == "WARNING library trouble"
    if form == "json":
        fields = json.loads(event)
        assert fields.pop("timestamp").endswith("Z")
        assert fields == {"event": "feed.stale", "feed": "b", "age_s": 3, "level": "warning"}
    else:
        assert "feed.stale" in event
        assert "\x1b" not in event
