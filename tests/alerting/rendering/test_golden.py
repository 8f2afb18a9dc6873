"""Every message as it reads, in files to be looked at: a change of a word shows in the difference.

Where a change is meant, the new file lies under the path that the failure names.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes.messages import LANGUAGES, every_alert, every_digest, see
from fakes.spikes import make_headline

GOLDEN = Path(__file__).parent / "golden"
HEADLINES = (
    make_headline(title="Coast guard reports unusual number of vessels", copies=6, terms=("coast guard", "strait")),
    make_headline(title="外交部发言人就相关问题答记者问", source="样本日报", language="zh", url="javascript:alert(1)"),
)
CHANGES = {"feeds_late": ("wire-zh", "daily"), "learnt_from": "backtest of 2025.jsonl", "config_hash": "3f9ac2d1e0b7aa"}


def compare(name: str, said: str, tmp_path: Path) -> None:
    said = "\n".join(line.rstrip() for line in said.splitlines()) + "\n"
    if not (GOLDEN / name).exists() or (GOLDEN / name).read_text(encoding="utf-8") != said:
        (tmp_path / name).write_text(said, encoding="utf-8")
        pytest.fail(f"tests/alerting/golden/{name} is not what is said now: {tmp_path / name}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_texts_of_all_mails_read_as_they_did(language: str, tmp_path: Path) -> None:
    messages = [*every_alert(language, headlines=HEADLINES, **CHANGES), *every_digest(language, headlines=HEADLINES)]
    said = [f"Subject: {seen.mail['Subject']}\n\n{seen.text}" for seen in map(see, messages)]

    compare(f"mails-{language}.txt", f"\n{'=' * 100}\n".join(said), tmp_path)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_blocks_for_the_terminal_read_as_they_did(language: str, tmp_path: Path) -> None:
    messages = [*every_alert(language, headlines=HEADLINES, **CHANGES), *every_digest(language, headlines=HEADLINES)]

    compare(f"terminal-{language}.txt", "\n\n".join(see(message).terminal for message in messages), tmp_path)


def test_slack_gets_what_it_got(tmp_path: Path) -> None:
    first, *_ = every_alert("en", headlines=HEADLINES, **CHANGES)
    digest, *_ = every_digest("en", headlines=HEADLINES)

    for name, message in (("opening", first), ("digest", digest)):
        compare(f"slack-{name}.json", json.dumps(see(message).slack, ensure_ascii=False, indent=1), tmp_path)


def test_a_page_is_written_as_it_was(tmp_path: Path) -> None:
    first, *_ = every_alert("en", headlines=HEADLINES, **CHANGES)

    compare("opening.html", see(first).html, tmp_path)
