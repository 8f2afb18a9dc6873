"""A web server of the past: it answers with what a feed held at the instant a request names."""

from __future__ import annotations

import hashlib
import tarfile
import threading
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

OUTAGE = timedelta(days=7)  # between two snapshots this far apart nobody polled: from a day on the server is down


class Snapshot(NamedTuple):
    """The body that a feed had from an instant on."""

    at: datetime
    body: bytes


class Archive:
    """Serves snapshots at `url`, as of the request's X-Deskwatch-Time, with ETag and Last-Modified; counts its answers.

    None is left out: of two that lie between two requests, the later one has to wait for the next request.
    """

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self.snapshots = sorted(snapshots)
        self.statuses: dict[int, int] = {}
        self._served = -1
        self._times = [snapshot.at for snapshot in self.snapshots]
        self._etags = [f'"{hashlib.md5(s.body, usedforsecurity=False).hexdigest()}"' for s in self.snapshots]
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/feed.rss"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _find(self, now: datetime) -> int | None:
        index = min(bisect_right(self._times, now) - 1, self._served + 1)
        if index < 0:
            return None
        following = self._times[index + 1] if index + 1 < len(self._times) else now
        if following - self._times[index] > OUTAGE and now - self._times[index] > timedelta(days=1):
            return None
        self._served = max(self._served, index)
        return index

    def _handler(archive) -> type[BaseHTTPRequestHandler]:  # `self` is the request's
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body leave together: apart, the second waits 40 ms for the first's acknowledgement
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                index = archive._find(datetime.fromisoformat(self.headers["X-Deskwatch-Time"]))
                if index is None:
                    self._answer(503, b"", {})
                    return
                snapshot, etag = archive.snapshots[index], archive._etags[index]
                validators = {"ETag": etag, "Last-Modified": format_datetime(snapshot.at, usegmt=True)}
                if self.headers.get("If-None-Match") == etag:
                    self._answer(304, b"", validators)
                else:
                    self._answer(200, snapshot.body, validators)

            def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                archive.statuses[status] = archive.statuses.get(status, 0) + 1
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/rss+xml; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Stay quiet."""

        return Handler


def read_snapshots(path: Path) -> list[Snapshot]:
    """Return the snapshots of a tar file whose members are named by their instants, such as 20210523T151029Z.rss."""
    found = []
    with tarfile.open(path) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is not None:
                at = datetime.strptime(Path(member.name).stem, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
                found.append(Snapshot(at, file.read()))
    return found
