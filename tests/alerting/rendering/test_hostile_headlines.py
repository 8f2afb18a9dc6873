"""Five hundred hostile headlines, as title, outlet, term and feed, on every surface: none takes effect, all go out."""

from __future__ import annotations

import json
import re
import unicodedata
from html import unescape
from itertools import islice

import pytest
from fakes.hostile_headlines import ATTACKS, hostile_headlines
from fakes.messages import LANGUAGES, Page, Seen, every_alert, every_digest, see, slack_links, slack_texts
from fakes.slack import refusal
from fakes.spikes import make_headline

TITLES = list(hostile_headlines(500))
TAGS = {"html", "head", "meta", "title", "body", "div", "table", "tbody", "tr", "td", "strong", "br", "a", "bdi", "img"}
UNSEEN = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\u2028\u2029\U000e0000-\U000e007f]")


def faults(seen: Seen) -> list[str]:
    """Return what of a message takes effect that should not, by surface."""
    page, payload = Page(seen.html), seen.slack
    shown = {"text": seen.text, "html": page.text, "slack": slack_texts(payload), "terminal": seen.terminal}
    found = [f"{surface} has unseen or control characters" for surface, text in shown.items() if _unseen(text)]
    if page.tags - TAGS or any(name.startswith("on") for name in page.attributes):
        found.append(f"html has {page.tags - TAGS} and {page.attributes}")
    if {link for link in page.links if not link.startswith("https://news.example.org/")}:
        found.append(f"html links to {page.links}")
    if (
        seen.mail["Bcc"]
        or seen.mail.defects
        or len(seen.mail.get_all("Subject")) != 1
        or len(seen.mail["Subject"]) > 110
    ):
        found.append("mail has other headers than ours")
    if (
        len(seen.raw) >= 100_000
        or max(map(len, seen.raw.split(b"\r\n"))) > 998
        or b"\n" in seen.raw.replace(b"\r\n", b"")
    ):
        found.append("mail is not fit to be sent")
    return found + _slack_faults(seen)


def _slack_faults(seen: Seen) -> list[str]:
    payload = seen.slack
    found = [f"Slack says {refusal(payload)}"] if refusal(payload) else []
    if re.search(r"[<>]|&(?!amp;|lt;|gt;)", payload["text"]) or payload["mrkdwn"] is not False:
        found.append("Slack's notification may hold a mention or a link")
    if "mrkdwn" in json.dumps(payload["blocks"]):
        found.append("Slack reads markup")
    if not all(link.startswith("https://news.example.org/") for link in slack_links(payload)):
        found.append(f"Slack links to {slack_links(payload)}")
    header = payload["blocks"][0]["text"]["text"]
    if len(payload["blocks"]) > 10 or len(slack_texts(payload)) > 6000 or len(header) > 150:
        found.append("Slack gets too much")
    return found


def _unseen(text: str) -> bool:
    return bool(UNSEEN.search(text)) or any(unicodedata.category(c) in ("Cc", "Cs") for c in text if c != "\n")


@pytest.mark.parametrize("start", range(0, 500, 50))
def test_no_hostile_headline_takes_effect_or_keeps_a_message_from_going_out(start: int) -> None:
    for place, title in enumerate(TITLES[start : start + 50], start):
        headline = make_headline(title=title, source=title, terms=(title, "strait"), language=title)
        changes = {"headlines": (headline,), "feeds_late": (title,), "learnt_from": title, "config_hash": title}
        language = LANGUAGES[place // 5 % len(LANGUAGES)]
        alert = next(islice(every_alert(language, **changes), place % 5, None))  # each occasion in turn
        for message in (alert, next(every_digest(language, **changes))):
            assert faults(see(message)) == [], (place, title)


def test_the_corpus_holds_every_attack_and_the_check_would_see_them() -> None:
    assert len(TITLES) == 500
    assert len(set(TITLES)) > 450
    assert all(any(attack in title for title in TITLES) for attack in ATTACKS)
    seen = see(next(every_alert("en")))
    assert faults(seen) == []
    html = seen.html.replace("</body>", "<script>EVIL</script></body>")
    slack = seen.slack | {"text": "<!channel>"}
    assert len(faults(seen._replace(html=html, slack=slack, terminal="\x1b[2J", text=unescape("&#x202e;")))) == 4
