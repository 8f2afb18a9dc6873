"""A real feed as it was polled over fourteen months, through every part: producer, Kafka, Faust, alerting, mail, Slack.

The desk follows this one source, so the gates on independent outlets are one and the cap per outlet is off.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes import slack
from fakes.alert_process import delivery_states
from fakes.archive import Archive, read_snapshots
from fakes.services import Services, environment, wait_until
from fakes.slack import FakeSlack
from fakes.smtp import FakeSmtp
from kafka.admin import KafkaAdminClient, NewTopic

from alerting.rendering.mail import message_id
from deskwatch import clients, topics
from deskwatch.records import Article, Bucket, Classified, DeliveryState, Spike
from deskwatch.settings import Settings

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]

ROOT = Path(__file__).parents[2]
INVASION = datetime(2022, 2, 24, tzinfo=UTC)
WITHIN_S = 900.0
KILL_EVERY = 100_000  # buckets
SUBSCRIPTIONS = """\
subscribers:
  - name: europe
    timezone: Europe/Berlin
    targets:
      - {name: mail, email: europe@example.org}
      - {name: slack, slack: "#desk"}
  - name: duty
    timezone: UTC
    targets:
      - {name: mail, email: duty@example.org}
  - name: asia
    timezone: Asia/Taipei
    targets:
      - {name: mail, email: asia@example.org}
subscriptions:
  - {name: war, subscriber: europe, themes: [ukraine-war], min_severity: low}
  - {name: war-and-taiwan, subscriber: duty, themes: [ukraine-war, taiwan], min_severity: low}
  - {name: taiwan, subscriber: asia, themes: [taiwan], min_severity: low}
"""
Wired = tuple[Services, Archive, FakeSmtp, FakeSlack]
WAR_TARGETS = {"europe/mail", "europe/slack", "duty/mail"}


def write_config(directory: Path, url: str) -> Path:
    config = directory / "config"
    (config / "subscriptions").mkdir(parents=True)
    (config / "themes").symlink_to(ROOT / "config" / "themes")
    (config / "feeds.yaml").write_text(
        f'feeds:\n  - {{id: state, url: "{url}", source: State Department, language: en, interval_s: 900}}\n'
    )
    (config / "subscriptions" / "desks.yaml").write_text(SUBSCRIPTIONS)
    return config


def own_settings(mail: FakeSmtp, chat: FakeSlack, mta_log: Path) -> dict[str, object]:
    return {
        "PRODUCERS_ALLOW_PRIVATE_ADDRESSES": "true",
        "PRODUCERS_TICK_S": "3600",
        "STREAMS_MIN_OWNERS": "1",
        "STREAMS_OWNER_CAP": "1000",
        # One source that publishes in clumps: more stories must make up for the missing independent outlets, and the
        # threshold is lower than that of a desk with many.
        "STREAMS_MIN_STORIES": "5",
        "STREAMS_THRESHOLD": "2.5",
        "STREAMS_SESSION_TIMEOUT_S": "6",
        "STREAMS_EXCUSE_AFTER_S": "600",
        "ALERTING_SMTP_PORT": mail.port,
        "ALERTING_SMTP_TLS": "none",
        "ALERTING_RECONCILE_LOG": mta_log,
        "ALERTING_SLACK_BASE_URL": chat.url,
        "ALERTING_SLACK_TOKEN_ENV": "FAKE_TOKEN",
        "ALERTING_SLACK_GAP_S": "0",
        "ALERTING_SETTLE_S": "0.5",
        "ALERTING_RETRY_BASE_S": "0.1",
    }


@pytest.fixture
def desk(kafka: str, reference_data: Path, tmp_path: Path) -> Iterator[Wired]:
    snapshots = read_snapshots(reference_data / "replay" / "state-dept-rss-2021-22" / "raw_snapshots_all.tar.xz")
    with contextlib.ExitStack() as stack:
        archive = stack.enter_context(Archive(snapshots))
        mail = stack.enter_context(FakeSmtp(log=tmp_path / "mta.log"))
        chat = stack.enter_context(FakeSlack())
        settings = Settings(
            kafka_bootstrap=kafka,
            kafka_prefix=f"archive-{uuid.uuid4().hex[:8]}.",
            config_dir=str(write_config(tmp_path, archive.url)),
            state_dir=str(tmp_path / "var"),
        )
        admin = KafkaAdminClient(bootstrap_servers=kafka)
        try:  # two partitions do for one feed, and spare the replay most of its ticks
            admin.create_topics([NewTopic(settings.topic(topics.ARTICLES.name), 2, 1)])
        finally:
            admin.close()
        clients.create_topics(settings)
        token = {"FAKE_TOKEN": slack.TOKEN}
        running = Services(
            settings, environment(settings, own_settings(mail, chat, tmp_path / "mta.log")) | token, tmp_path
        )
        stack.callback(running.close)
        yield running, archive, mail, chat


def spikes_of(services: Services, theme: str) -> list[Spike]:
    return [r for r in services.read(topics.SPIKES.name) if isinstance(r, Spike) and r.theme == theme]


def test_fourteen_months_of_a_real_feed(
    desk: tuple[Services, Archive, FakeSmtp, FakeSlack], reference_data: Path
) -> None:
    services, archive, mail, chat = desk
    end = archive.snapshots[-1].at + timedelta(hours=6)
    for service in ("stream", "alert"):
        services.start(service)
    services.start("produce", "--replay-from", archive.snapshots[0].at.isoformat(), "--replay-until", end.isoformat())

    kill_in_the_middle(services, end)
    assert services.wait("produce", WITHIN_S) == 0
    wait_until(lambda: watermark_reached(services, end), "the detector at the end of the archive", within_s=WITHIN_S)
    wait_until(lambda: all_delivered(services), "every alert delivered", within_s=WITHIN_S)

    articles = [r for r in services.read(topics.ARTICLES.name) if isinstance(r, Article)]
    check_releases(articles, read_items(reference_data))
    check_themes([r for r in services.read(topics.DESK_LOG.name) if isinstance(r, Classified)])
    check_alerts(services, mail, chat)


def kill_in_the_middle(services: Services, end: datetime) -> None:
    """Kill the worker while it counts and alerting while it sends, several times, and start them again."""
    for number in range(1, 4):
        before = len(services.read(topics.BUCKETS.name))
        wait_until(
            lambda before=before: len(services.read(topics.BUCKETS.name)) > before + 20_000, "buckets", every_s=2
        )
        services.kill("stream")
        services.start("stream")
        services.kill("alert")
        services.start("alert")
        assert not watermark_reached(services, end), f"the detector was through before kill {number}"


def watermark_reached(services: Services, end: datetime) -> bool:
    bucket = services.last(topics.BUCKETS.name)
    return isinstance(bucket, Bucket) and bucket.end >= end - timedelta(minutes=15)


def all_delivered(services: Services) -> bool:
    expected = {spike.spike_id for theme in ("ukraine-war", "taiwan") for spike in spikes_of(services, theme)}
    states = delivery_states(services.settings)
    known = {key.split("|")[0] for key in states}
    return expected <= known and set(states.values()) <= {DeliveryState.SENT, DeliveryState.FOLDED}


def read_items(reference_data: Path) -> dict[str, dict[str, Any]]:
    path = reference_data / "replay" / "state-dept-rss-2021-22" / "items.jsonl.gz"
    with gzip.open(path, "rt") as lines:
        return {item["guid"]: item for item in map(json.loads, lines)}


def check_releases(articles: list[Article], items: dict[str, dict[str, Any]]) -> None:
    """Every release once; its edits as revisions of the same article."""
    by_guid: dict[str, list[Article]] = defaultdict(list)
    for article in articles:
        by_guid[article.guid or ""].append(article)
    assert by_guid.keys() == items.keys()
    for guid, versions in by_guid.items():
        assert len({article.article_id for article in versions}) == 1, guid
        assert sorted(article.revision for article in versions) == list(range(len(versions))), guid
        assert len({article.content_hash for article in versions}) > 1 or len(versions) == 1, guid
    edited = {guid for guid, item in items.items() if item["revisions"]}
    ours = {guid for guid, versions in by_guid.items() if len(versions) > 1}
    # Six of the 126 edited releases change markup or white space only, which is no edit of the text.
    assert len(edited - ours) <= 6, edited - ours
    assert len(ours - edited) <= 3, ours - edited


def check_themes(classified: list[Classified]) -> None:
    """Articles whose titles leave no doubt have the right theme."""
    latest = {record.article.article_id: record for record in classified}
    themes = {record.article.title: {score.theme for score in record.themes} for record in latest.values()}

    def share(word: str, theme: str) -> float:
        found = [names for title, names in themes.items() if word in title]
        assert len(found) >= 2, word
        return sum(theme in names for names in found) / len(found)

    assert share("Taiwan", "taiwan") == 1
    assert share("Ukraine", "ukraine-war") >= 0.9
    assert share("Kremlin", "ukraine-war") == 1


def check_alerts(services: Services, mail: FakeSmtp, chat: FakeSlack) -> None:
    """One opening per episode and target, among them exactly one episode around the invasion."""
    war = spikes_of(services, "ukraine-war")
    assert all(count == 1 for count in Counter((s.spike_id, s.revision) for s in war).values())
    around = {s.spike_id for s in war if abs(s.detected_at - INVASION) < timedelta(days=3)}
    assert len(around) == 1, around
    (invasion,) = around

    states = delivery_states(services.settings)
    openings = [tuple(key.split("|")) for key in states if key.count("|") == 3 and key.split("|")[1] == "0"]
    assert Counter(f"{who}/{target}" for spike, _, who, target in openings if spike == invasion) == Counter(WAR_TARGETS)
    every = {s.spike_id for theme in ("ukraine-war", "taiwan") for s in spikes_of(services, theme)}
    assert {spike for spike, *_ in openings} == every
    sent = {key for key, state in states.items() if state is DeliveryState.SENT and not key.endswith("|edit")}
    assert Counter(chat.keys()) == Counter(key for key in sent if key.endswith("|slack"))
    mailed = Counter(str(one["Message-ID"]) for one in mail.mails())
    assert mailed == Counter(message_id(key, "localhost") for key in sent if key.endswith("|mail"))
    assert {message.get("thread_ts") is None for message in chat.messages} == {True, False}, "ends stand in threads"
