"""Logs to stderr and a small HTTP server with /metrics, /livez and /readyz, one per process."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

import structlog
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import choose_encoder

LIVE_WITHIN_S: Final = 30.0  # a loop that has not beaten for so long is stuck


def configure_logging(level: str, *, as_json: bool) -> None:
    """Send structlog's events, and the libraries' warnings, to stderr."""
    renderer: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=max(number, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )


class Health:
    """What /livez and /readyz answer: the age of the last heartbeat, and named conditions."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._beat_at = monotonic()
        self._conditions: dict[str, bool] = {}

    def beat(self) -> None:
        """Say that the process's main loop still turns."""
        self._beat_at = self._monotonic()

    def expect(self, *conditions: str) -> None:
        """Name conditions that must hold before the process is ready."""
        for condition in conditions:
            self._conditions.setdefault(condition, False)

    def set(self, condition: str, holds: bool) -> None:
        """Say whether a condition holds now."""
        self._conditions[condition] = holds

    def is_live(self) -> bool:
        """Return whether the main loop has turned lately."""
        return self._monotonic() - self._beat_at < LIVE_WITHIN_S

    def missing(self) -> list[str]:
        """Return the conditions that keep the process from being ready."""
        return sorted(name for name, holds in self._conditions.items() if not holds)


class TelemetryServer:
    """Serves a registry and a `Health` over HTTP from a thread of its own; a context manager."""

    def __init__(self, registry: CollectorRegistry, health: Health, *, host: str, port: int) -> None:
        self._server = _Server((host, port), _handler(registry, health))
        self._thread = threading.Thread(target=self._server.serve_forever, name="telemetry", daemon=True)
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def build_registry(service: str, version: str) -> CollectorRegistry:
    """Return a fresh registry that says which service and version it belongs to."""
    registry = CollectorRegistry()
    info = Gauge(
        "deskwatch_build_info", "Which service and version this process is.", ("service", "version"), registry=registry
    )
    info.labels(service, version).set(1)
    return registry


class _Server(ThreadingHTTPServer):
    daemon_threads = True


def _handler(registry: CollectorRegistry, health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                encode, content_type = choose_encoder(self.headers.get("Accept", ""))
                self._answer(200, content_type, encode(registry))
            elif self.path == "/livez":
                live = health.is_live()
                self._answer(200 if live else 503, "text/plain", b"live\n" if live else b"stuck\n")
            elif self.path == "/readyz":
                missing = health.missing()
                text = "ready\n" if not missing else f"waiting for: {', '.join(missing)}\n"
                self._answer(503 if missing else 200, "text/plain", text.encode())
            else:
                self._answer(404, "text/plain", b"try /metrics, /livez or /readyz\n")

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Stay quiet: scrapes are no news."""

    return Handler
