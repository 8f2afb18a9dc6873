"""What a process says about itself: its metrics port, from its log, and its metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_S: Final = 5.0
SERVING: Final = "telemetry.serving"


def find_port(log: Path) -> int | None:
    """Return the metrics port that the newest start in a log of JSON lines names, or None."""
    port = None
    if log.exists():
        for line in log.read_text(errors="replace").splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue  # a library's line
            if isinstance(event, dict) and event.get("event") == SERVING:
                port = int(event["port"])
    return port


def scrape(port: int) -> str:
    """Return what /metrics of a process of this machine says, or an empty text if it does not answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    except (OSError, HTTPException):
        return ""
    finally:
        connection.close()


def total(metrics: str, sample: str, *, without: tuple[str, str] | None = None) -> float:
    """Return the sum of all samples of a name, `without` those that have that label and value."""
    return sum(value for labels, value in _samples(metrics, sample) if without is None or without not in labels.items())


def _samples(metrics: str, name: str) -> Iterator[tuple[dict[str, str], float]]:
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name == name:
                yield sample.labels, sample.value
