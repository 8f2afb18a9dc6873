from __future__ import annotations

import json
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter

from demo.scraping import find_port, scrape, total
from deskwatch.telemetry import Health, TelemetryServer


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    counter = Counter("deskwatch_things_total", "Things.", ("outcome",), registry=registry)
    counter.labels("new").inc(3)
    counter.labels("late").inc(2)
    counter.labels("known").inc(10)
    return registry


def test_total_adds_up_all_labels_but_the_one_left_out(registry: CollectorRegistry) -> None:
    with TelemetryServer(registry, Health(), host="127.0.0.1", port=0) as server:
        metrics = scrape(server.port)
    assert total(metrics, "deskwatch_things_total") == 15
    assert total(metrics, "deskwatch_things_total", without=("outcome", "known")) == 5
    assert total(metrics, "deskwatch_other_total") == 0


def test_process_that_does_not_answer_says_nothing() -> None:
    with TelemetryServer(CollectorRegistry(), Health(), host="127.0.0.1", port=0) as server:
        port = server.port
    assert scrape(port) == ""


def test_port_is_that_of_the_newest_start(tmp_path: Path) -> None:
    log = tmp_path / "stream.log"
    assert find_port(log) is None
    lines = [json.dumps({"event": "telemetry.serving", "port": port}) for port in (1, 2)]
    log.write_text(
        "\n".join(["WARNING kafka something", lines[0], '{"event": "other", "port": 3}', "[]", lines[1], ""])
    )
    assert find_port(log) == 2
