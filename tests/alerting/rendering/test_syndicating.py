"""The feeds of alerts, as a feed reader sees them."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import feedparser
import pytest
from fakes.hostile_headlines import hostile_headlines
from fakes.messages import Page, ended, grown, opened, withdrawn
from fakes.spikes import ONSET, make_headline, make_spike

from alerting.ledger.ledger import Ledger
from alerting.publishing import ENTRIES, RETRY, Feeds
from alerting.rendering.syndicating import describe, render_atom, render_json_feed
from alerting.rules.roster import Roster
from alerting.settings import AlertingSettings

SETTINGS = AlertingSettings(sender="alerts@desk.example", feed_url="https://desk.example/feeds/")
ATOM = "{http://www.w3.org/2005/Atom}"


def parse(raw: bytes) -> Any:
    found = feedparser.parse(raw)
    assert not found.bozo, found.get("bozo_exception")
    assert found.version == "atom10"
    return found


def check_atom(raw: bytes) -> None:
    """Assert what RFC 4287 demands of the elements that we write (4.1.1 and 4.1.2)."""
    feed = ElementTree.fromstring(raw)
    assert feed.tag == f"{ATOM}feed"
    for element in (feed, *feed.iter(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            [one] = element.findall(f"{ATOM}{name}")
            assert one.text
        datetime.fromisoformat(element.findtext(f"{ATOM}updated", ""))
        assert re.fullmatch(r"tag:[a-z.]+,2026:[!-~]+", element.findtext(f"{ATOM}id", ""))
    assert feed.findtext(f"{ATOM}author/{ATOM}name")
    for entry in feed.iter(f"{ATOM}entry"):
        assert len(entry.findall(f"{ATOM}content")) == 1
        assert all(link.get("href", "").startswith("https://") for link in entry.findall(f"{ATOM}link"))
        assert all(category.get("term") for category in entry.findall(f"{ATOM}category"))


def check_json_feed(raw: bytes) -> list[dict[str, Any]]:
    """Assert what JSON Feed 1.1 demands, and return the items."""
    feed = json.loads(raw)
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["title"]
    assert [author.keys() <= {"name", "url", "avatar"} for author in feed["authors"]] == [True]
    items: list[dict[str, Any]] = feed["items"]
    for item in items:
        assert isinstance(item["id"], str)
        assert item["content_html"]
        assert datetime.fromisoformat(item["date_published"]) <= datetime.fromisoformat(item["date_modified"])
        assert all(isinstance(tag, str) for tag in item["tags"])
    assert len({item["id"] for item in items}) == len(items)
    return items


def test_an_episode_is_an_entry_that_names_what_and_how_big() -> None:
    entries = [describe(opened(), "Taiwan", "desk.example")]
    raw = render_atom(entries, SETTINGS, ONSET)

    check_atom(raw)
    found = parse(raw)
    [entry] = found.entries
    assert found.feed.id == "tag:desk.example,2026:alerts"
    assert found.feed.links[0].href == "https://desk.example/feeds/alerts.atom"
    assert entry.id == "tag:desk.example,2026:spike/spike-1"
    assert entry.title.startswith("[HIGH] Taiwan: 14 reports in 1 h (normal 3.1)")
    assert entry.updated == "2026-11-24T14:02:00Z"
    assert "12 independent outlets" in entry.content[0].value
    assert "subscri" not in entry.content[0].value
    [item] = check_json_feed(render_json_feed(entries, SETTINGS))
    assert (item["id"], item["title"]) == (entry.id, entry.title)
    assert item["external_url"] == "https://news.example.org/1"


@pytest.mark.parametrize(("spike", "said"), [(grown(), "CRITICAL"), (ended(), "OVER"), (withdrawn(), "CORRECTION")])
def test_an_entry_changes_in_place_with_its_episode(spike: Any, said: str) -> None:
    before, after = (describe(one, "Taiwan", "desk.example") for one in (opened(), spike))

    assert after.id == before.id
    assert after.published == before.published
    assert after.updated > before.updated
    assert said in after.title


def test_a_feed_of_nothing_is_a_feed() -> None:
    raw = render_atom([], SETTINGS, ONSET)

    check_atom(raw)
    assert parse(raw).entries == []
    assert check_json_feed(render_json_feed([], SETTINGS)) == []


def test_no_hostile_headline_takes_effect_in_a_reader() -> None:
    entries = []
    for place, title in enumerate(hostile_headlines(500)):
        headline = make_headline(title=title, source=title, terms=(title,), language=title, url=f"javascript:{title}")
        spike = opened(spike_id=f"s{place}<&>\u202e {title}", headlines=(headline, make_headline()), config_hash=title)
        entries.append(describe(spike, title, "desk.example"))

    raw = render_atom(entries, SETTINGS, ONSET)
    check_atom(raw)
    contents = [entry.findtext(f"{ATOM}content", "") for entry in ElementTree.fromstring(raw).iter(f"{ATOM}entry")]
    items = check_json_feed(render_json_feed(entries, SETTINGS))
    assert len(contents) == len(items) == 500
    for html in (*contents, *(item["content_html"] for item in items)):
        page = Page(html)
        assert page.tags <= {"p", "ol", "li", "a"}
        assert page.attributes <= {"href", "rel"}
        assert set(page.links) == {"https://news.example.org/1"}


def test_the_check_would_see_what_takes_effect() -> None:
    page = Page("<p onclick='x'><script>EVIL</script><a href='https://evil.example'>")
    assert (page.tags, page.attributes) == ({"p", "script", "a"}, {"onclick", "href"})


def test_the_files_hold_the_newest_episodes_as_they_stand(ledger: Ledger, tmp_path: Path) -> None:
    directory = tmp_path / "served" / "feeds"
    settings = AlertingSettings(feed_dir=str(directory))
    feeds = Feeds(ledger, lambda: Roster(subscribers={}, subscriptions=(), titles={"taiwan": "The Strait"}), settings)
    for number in range(ENTRIES + 5):
        ledger.note_spike(make_spike(spike_id=f"s{number}"), float(number))
    ledger.note_spike(grown(spike_id="s50"), 1000.0)

    feeds.run(ONSET)

    items = check_json_feed((directory / "alerts.json").read_bytes())
    check_atom((directory / "alerts.atom").read_bytes())
    names = [item["id"].rpartition("/")[2] for item in items]
    assert names == [f"s{number}" for number in range(ENTRIES + 4, 4, -1)]
    assert "[CRITICAL] The Strait: 47 reports" in items[names.index("s50")]["title"]
    assert {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()} == {
        "alerts.atom": 0o644,
        "alerts.json": 0o644,
    }


def test_the_files_are_written_only_when_something_has_changed(ledger: Ledger, tmp_path: Path) -> None:
    feeds = Feeds(ledger, lambda: Roster(subscribers={}, subscriptions=()), AlertingSettings(feed_dir=str(tmp_path)))
    file = tmp_path / "alerts.json"
    feeds.run(ONSET)
    file.unlink()

    feeds.run(ONSET)
    assert not file.exists()
    feeds.touch()
    feeds.run(ONSET)
    assert file.exists()


def test_a_directory_that_cannot_be_written_keeps_back_no_alert_and_is_tried_again(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file is in the way")
    feeds = Feeds(ledger, lambda: Roster(subscribers={}, subscriptions=()), AlertingSettings(feed_dir=str(blocked)))

    feeds.run(ONSET)
    assert "feed.not_written" in capsys.readouterr().out
    blocked.unlink()
    feeds.run(ONSET + RETRY / 2)
    assert not blocked.exists()
    feeds.run(ONSET + RETRY)
    assert (blocked / "alerts.atom").exists()
