"""The client's own example, and one of ours of the same kind: served by a real feed, read from the desk log."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakes.feed import rss, serve
from fakes.services import Services, environment, wait_until

from deskwatch import clients, topics
from deskwatch.records import Classified
from deskwatch.settings import Settings
from streams.likeness import MAX_CHARS

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
EXPECTED = {"tariffs", "taiwan", "russia-industrial-base", "us-china-diplomacy"}
OURS = ROOT / "tests" / "classifiers" / "samples" / "minister_visit.txt"

MOST = 24  # pieces of evidence that a theme carries

Classify = Callable[[str, str], Classified]


@pytest.fixture
def classify(kafka: str, tmp_path: Path) -> Classify:
    """Return what sends an article through a feed, the producer, Kafka and the Faust worker."""

    def run(title: str, text: str) -> Classified:
        now = datetime.now(UTC)
        with serve(rss([(title, text)], now - timedelta(hours=1))) as url:
            config = tmp_path / "config"
            config.mkdir()
            (config / "themes").symlink_to(ROOT / "config" / "themes")
            (config / "feeds.yaml").write_text(
                f'feeds:\n  - {{id: paper, url: "{url}", source: Paper, language: en}}\n'
            )
            settings = Settings(
                kafka_bootstrap=kafka,
                kafka_prefix=f"example-{uuid.uuid4().hex[:8]}.",
                config_dir=str(config),
                state_dir=str(tmp_path / "var"),
            )
            clients.create_topics(settings)
            services = Services(settings, environment(settings, {"PRODUCERS_ALLOW_PRIVATE_ADDRESSES": True}), tmp_path)
            try:
                services.start("stream")
                services.start("produce", "--replay-from", now.isoformat(), "--replay-until", now.isoformat())
                found: list[Classified] = []

                def arrived() -> bool:
                    found[:] = [r for r in services.read(topics.DESK_LOG.name) if isinstance(r, Classified)]
                    return bool(found)

                wait_until(arrived, "the article in the desk log")
                return found[0]
            finally:
                services.close()

    return run


def check(record: Classified, text: str) -> None:
    assert {score.theme for score in record.themes} == EXPECTED
    for score in record.themes:
        assert score.score >= 1
        assert score.evidence, score.theme
        shown = sum(evidence.weight for evidence in score.evidence)  # the first 24; all of it adds up to the score
        assert shown == pytest.approx(score.score, abs=0.01) or len(score.evidence) == MOST
    assert len(record.article.text or "") <= MAX_CHARS  # the archive keeps the rest
    assert text


def test_the_clients_article_has_its_four_themes_with_evidence(classify: Classify, reference_data: Path) -> None:
    (path,) = (reference_data / "seed").glob("*.txt")
    lines = path.read_text().splitlines()
    title = lines[0].removeprefix("Home » ")
    check(classify(title, "\n".join(lines[1:])), path.read_text())


def test_an_article_of_ours_of_the_same_kind_has_the_same_four(classify: Classify) -> None:
    title, _, text = OURS.read_text().partition("\n")
    check(classify(title, text), text)
