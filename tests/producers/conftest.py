"""A news site on loopback and what tests read back from a broker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from deskwatch.broker import MockBroker
from deskwatch.records import Article, Record, Tick
from deskwatch.settings import Settings
from producers.fetching.fetcher import TIME_HEADER

PARTITIONS = 4  # librdkafka's own default


class Answer:
    """What a site says to one request."""

    def __init__(self, body: bytes | str = b"", status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.body = body.encode() if isinstance(body, str) else body
        self.status = status
        self.headers = dict(headers or {})


class Site:
    """A local web server: `pages` gives the answer to a path, a request's headers and the replayed time."""

    Answer = Answer

    def __init__(self) -> None:
        self.pages: Callable[[str, Mapping[str, str], datetime | None], Answer] = lambda *_: Answer(status=404)
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.on_request: Callable[[int], None] = lambda _count: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @staticmethod
    def rss(*items: str, language: str = "en", head: str = "") -> str:
        return (
            '<?xml version="1.0" encoding="utf-8"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"'
            ' xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Harbour Post</title>'
            f"<link>http://post.example/</link><language>{language}</language>{head}{''.join(items)}</channel></rss>"
        )

    @staticmethod
    def item(guid: str, title: str = "", summary: str = "", link: str = "", published: str = "") -> str:
        parts = {
            "guid": guid,
            "title": title or f"Title of {guid}",
            "description": summary,
            "link": link,
            "pubDate": published,
        }
        return f"<item>{''.join(f'<{tag}>{escape(text)}</{tag}>' for tag, text in parts.items() if text)}</item>"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.requests.append((self.path, dict(self.headers.items())))
                site.on_request(len(site.requests))
                told = self.headers.get(TIME_HEADER)
                at = datetime.fromisoformat(told) if told else None
                answer = site.pages(self.path, dict(self.headers.items()), at)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: Any) -> None:
                """Stay quiet."""

        return Handler


class Log:
    """The topic `articles` as it stands: per partition the records in order."""

    def __init__(self, found: Iterator[tuple[Any, Record]]) -> None:
        self.partitions: dict[int, list[Record]] = {}
        for message, record in found:
            self.partitions.setdefault(message.partition, []).append(record)

    @property
    def articles(self) -> list[Article]:
        return [record for records in self.partitions.values() for record in records if isinstance(record, Article)]

    @property
    def counts(self) -> Counter[tuple[str, int]]:
        return Counter((article.guid or "", article.revision) for article in self.articles)

    def ticks(self, partition: int, shard: int) -> list[Tick]:
        return [r for r in self.partitions.get(partition, []) if isinstance(r, Tick) and r.shard == shard]


class Command:
    """Runs `deskwatch` as a process of its own, with its own config and state."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config_dir = directory / "config"
        self.config_dir.mkdir()
        self.environ: dict[str, str] = {}

    def write_feeds(self, feeds: list[dict[str, Any]]) -> None:
        (self.config_dir / "feeds.yaml").write_text(json.dumps({"feeds": feeds}))

    def use(self, settings: Settings, **own: object) -> None:
        self.environ = {
            "DESKWATCH_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "DESKWATCH_KAFKA_PREFIX": settings.kafka_prefix,
            "DESKWATCH_KAFKA_EMBEDDED": str(settings.kafka_embedded).lower(),
            "DESKWATCH_CONFIG_DIR": str(self.config_dir),
            "DESKWATCH_STATE_DIR": settings.state_dir,
            "DESKWATCH_LOG_JSON": "true",
            "DESKWATCH_PRODUCERS_ALLOW_PRIVATE_ADDRESSES": "true",
            **{f"DESKWATCH_PRODUCERS_{name.upper()}": str(value) for name, value in own.items()},
        }

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DESKWATCH_")}
        log = (self.directory / "log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-c", "from deskwatch.cli import main; main()", *arguments],
                env=kept | self.environ,
                stdout=log,
                stderr=log,
            )

    def read_log(self) -> str:
        return (self.directory / "log").read_text()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    try:
        yield site
    finally:
        site.close()


@pytest.fixture(scope="session")
def broker() -> Iterator[MockBroker]:
    """Yield one broker for all tests; it makes a topic with PARTITIONS when somebody first asks for it.

    Making them beforehand takes librdkafka's mock up to a second each, at random.
    """
    with MockBroker({"first": 1}) as broker:
        yield broker


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Return settings for the embedded broker or, with the parameter `kafka`, for a real one; topics are fresh."""
    real = getattr(request, "param", "embedded") == "kafka"
    return Settings(
        kafka_bootstrap=request.getfixturevalue("kafka") if real else request.getfixturevalue("broker").bootstrap,
        kafka_prefix=f"{uuid.uuid4().hex}.",
        kafka_embedded=not real,
        config_dir=str(tmp_path / "config"),
        state_dir=str(tmp_path / "state"),
    )


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.fixture
def read_articles(settings: Settings) -> Callable[[], Log]:
    # kafka-python warns when it is imported, and pytest is not configured yet when it loads this file
    from deskwatch.clients import read_topic

    return lambda: Log(read_topic(settings, "articles"))
