"""A producer killed again and again over a real feed's past: nothing lost, nothing twice, nothing taken for a replay.

DESKWATCH_TEST_KILLS (default 8) is the number of kills; with 100 the whole archive is needed and is used.
"""

from __future__ import annotations

import os
import random
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from fakes.archive import Archive, Snapshot, read_snapshots
from fakes.services import Services, environment
from kafka.admin import KafkaAdminClient, NewTopic

from deskwatch import clients, topics
from deskwatch.records import Article
from deskwatch.settings import Settings

KILLS = int(os.environ.get("DESKWATCH_TEST_KILLS", "8"))
PER_KILL = 60  # snapshots
WITHIN_S = 240


@pytest.mark.system
@pytest.mark.timeout(300 + 20 * KILLS)
def test_a_producer_killed_at_any_moment_publishes_all_of_a_real_feed_once(
    kafka: str, reference_data: Path, tmp_path: Path
) -> None:
    archive = reference_data / "replay" / "state-dept-rss-2021-22" / "raw_snapshots_all.tar.xz"
    snapshots = sorted(read_snapshots(archive))[: KILLS * PER_KILL]
    undisturbed = run(snapshots, 0, kafka, tmp_path / "undisturbed")
    killed = run(snapshots, KILLS, kafka, tmp_path / "killed")
    assert len(undisturbed) > 100
    assert not any(article.replay for article in killed)
    # What a consumer keeps: of one id and revision the first. Nothing is there twice even before that.
    assert max(Counter((a.article_id, a.revision) for a in killed).values()) == 1
    assert said(killed) == said(undisturbed)


def said(articles: Sequence[Article]) -> set[tuple[str, int, str, str, bool]]:
    return {(a.article_id, a.revision, a.title, a.content_hash, a.backfill) for a in articles}


def run(snapshots: Sequence[Snapshot], kills: int, kafka: str, directory: Path) -> list[Article]:
    """Return what a producer publishes of these snapshots while it is killed so often."""
    (directory / "config").mkdir(parents=True)
    chance = random.Random(kills)
    with Archive(snapshots) as archive:
        (directory / "config" / "feeds.yaml").write_text(
            f"feeds:\n  - {{id: releases, url: '{archive.url}', source: Releases, interval_s: 900}}\n"
        )
        settings = Settings(
            kafka_bootstrap=kafka,
            kafka_prefix=f"kills-{uuid.uuid4().hex[:8]}.",
            config_dir=str(directory / "config"),
            state_dir=str(directory / "var"),
        )
        admin = KafkaAdminClient(bootstrap_servers=kafka)
        try:  # two partitions do for one feed, and spare the replay most of its ticks
            admin.create_topics([NewTopic(settings.topic(topics.ARTICLES.name), 2, 1)])
        finally:
            admin.close()
        clients.create_topics(settings)
        own = {"PRODUCERS_ALLOW_PRIVATE_ADDRESSES": True, "PRODUCERS_TICK_S": 3_600}
        services = Services(settings, environment(settings, own), directory)
        start, end = snapshots[0].at, snapshots[-1].at + timedelta(hours=1)
        options = ("--replay-from", start.isoformat(), "--replay-until", end.isoformat())
        try:
            for number in range(kills):
                answered = answers(archive)
                services.start("produce", *options)
                # each kill somewhere in the next stretch of answers, so that all of them fall amid work
                goal = answered + chance.randint(5, PER_KILL // 2)
                deadline = time.monotonic() + WITHIN_S
                while answers(archive) < goal and services.is_running("produce"):
                    assert time.monotonic() < deadline, "the replay stands still"
                    time.sleep(0.002)
                time.sleep(chance.random() * 0.02)
                assert services.is_running("produce"), f"the replay was over before kill {number + 1}"
                services.kill("produce")
            services.start("produce", *options)
            assert services.wait("produce", WITHIN_S) == 0
            return [r for r in services.read(topics.ARTICLES.name) if isinstance(r, Article)]
        finally:
            services.close()


def answers(archive: Archive) -> int:
    return sum(archive.statuses.values())
