from __future__ import annotations

import json
import shutil
import struct
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from click.testing import CliRunner

from alerting.commands import subscriptions
from alerting.content.languages.speaking import words_for
from alerting.rendering.photographing import BROWSERS, WIDTH, PhotographError, photograph
from alerting.rendering.previewing import FORMATS, LANGUAGES, OCCASIONS, PICTURES, example_draft, render_preview
from alerting.rules.roster import CHANNELS
from alerting.settings import AlertingSettings

NOW = datetime(2026, 11, 25, 7, 30, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n"
HAS_BROWSER = any(shutil.which(name) for name in BROWSERS)


@pytest.mark.parametrize("occasion", OCCASIONS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_occasion_is_shown_in_every_language_on_every_surface(occasion: str, language: str) -> None:
    draft = example_draft("tariffs", language, OCCASIONS[occasion], AlertingSettings(), NOW)
    mark = words_for(language)

    shown = {kind: render_preview(draft, kind) for kind in FORMATS if kind not in PICTURES}

    assert all(shown.values())
    subject = message_from_bytes(shown["mail"], policy=default)["Subject"]
    assert subject == message_from_bytes(shown["eml"], policy=default)["Subject"]
    assert json.loads(shown["slack"])["channel"] == "#desk"
    expected = {
        "opening": mark.severities["high"].upper(),
        "update": mark.update,
        "resolution": mark.over,
        "correction": mark.correction,
        "digest": mark.digest,
        "all-quiet": mark.quiet,
    }
    assert expected[occasion] in subject
    assert expected[occasion] in shown["text"].decode()


def test_the_same_moment_gives_the_same_preview() -> None:
    made = [example_draft("tariffs", "en", OCCASIONS["update"], AlertingSettings(), NOW) for _ in range(2)]
    assert render_preview(made[0], "mail") == render_preview(made[1], "mail")


def test_the_chart_alone_needs_no_browser() -> None:
    draft = example_draft("tariffs", "en", OCCASIONS["opening"], AlertingSettings(), NOW)
    assert render_preview(draft, "chart").startswith(PNG)


def test_without_a_browser_it_is_said_what_to_install_and_what_works(tmp_path: Path) -> None:
    with pytest.raises(PhotographError, match=r"apt-get install chromium.*--format html, or chart"):
        photograph("<p>a</p>", path=str(tmp_path))


def test_a_browser_that_fails_is_named_with_what_it_says(tmp_path: Path) -> None:
    browser = tmp_path / BROWSERS[0]
    browser.write_text("#!/bin/sh\necho 'no display' >&2\nexit 3\n")
    browser.chmod(0o755)

    with pytest.raises(PhotographError, match=r"chromium made no picture: no display"):
        photograph("<p>a</p>", path=str(tmp_path))


@pytest.mark.system
@pytest.mark.skipif(not HAS_BROWSER, reason="no Chromium here: apt-get install chromium")
def test_the_page_is_as_tall_as_what_is_on_it() -> None:
    pages = [f"<!doctype html><div style='height:{tall}px'></div>" for tall in (500, 900)]
    sizes = [struct.unpack(">II", photograph(page)[16:24]) for page in pages]

    assert [width for width, _ in sizes] == [WIDTH, WIDTH]
    assert sizes[1][1] - sizes[0][1] == 400


@pytest.mark.parametrize("kind", ["text", "eml", *CHANNELS])
def test_the_command_prints_data_alone(kind: str) -> None:
    shown = CliRunner().invoke(
        subscriptions, ["preview", "--format", kind, "--language", "fr", "--occasion", "all-quiet"]
    )
    assert shown.exit_code == 0, shown.output
    assert shown.stdout
    assert shown.stderr == ""


def test_a_digest_has_no_chart() -> None:
    shown = CliRunner().invoke(subscriptions, ["preview", "--format", "chart", "--occasion", "digest"])
    assert shown.exit_code == 2
    assert "there is no chart in --occasion digest" in shown.stderr
