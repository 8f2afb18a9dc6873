"""`deskwatch classify`: JSON lines in, verdicts out, bad lines named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from classifiers.commands import classify

CONFIG = str(Path(__file__).parents[2] / "config")
GOOD: dict[str, Any] = {
    "id": "a1",
    "title": "EU envoys agree on new sanctions package",
    "summary": "Envoys met.",
    "extra": [1, 2],
}


def run(*arguments: str, data: bytes | str = b"") -> Result:
    return CliRunner().invoke(classify, ["--config", CONFIG, *arguments], input=data, obj=None)


def test_assigned_themes_come_with_score_and_evidence() -> None:
    result = run(data=json.dumps(GOOD))
    assert result.exit_code == 0
    line = json.loads(result.stdout)
    assert line["id"] == "a1"
    assert [one["theme"] for one in line["themes"]] == ["sanctions"]
    assert line["themes"][0]["score"] >= 1
    first = line["themes"][0]["evidence"][0]
    assert GOOD["title"][first["start"] : first["end"]].casefold().startswith(first["term"].rstrip("*").casefold())
    assert set(first) == {"term", "field", "start", "end", "weight"}


def test_article_without_a_theme_keeps_its_line() -> None:
    result = run(data='{"id": 7, "title": "Chess club wins cup", "text": "The final took six hours."}\n')
    assert json.loads(result.stdout) == {"id": 7, "themes": []}


@pytest.mark.parametrize(
    "bad",
    [
        b"not json",
        b'{"title": "no id", "text": "x"}',
        b'{"id": "x", "text": "no title"}',
        b'{"id": "x", "title": 5, "text": "x"}',
        b'{"id": null, "title": "x"}',
        b'["id"]',
        b'{"id": "x", "title": "\xff"}',
        b'{"id": "x", "title": "cut off',
        b"[" * 100_000,
    ],
)
def test_bad_line_is_named_and_the_rest_goes_on(bad: bytes, tmp_path: Path) -> None:
    file = tmp_path / "articles.jsonl"
    good = json.dumps(GOOD).encode()
    file.write_bytes(good + b"\n" + bad + b"\n\n" + good)
    result = run(str(file))
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 2
    (message,) = result.stderr.splitlines()
    assert message.startswith(f"{file}:2: ")


def test_byte_order_mark_and_windows_line_ends_are_taken() -> None:
    result = run(data=b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r\n\r\n")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1


def test_null_summary_counts_as_none() -> None:
    result = run(data='{"id": "x", "title": "Taiwan Strait drills", "summary": null, "text": null}')
    assert [one["theme"] for one in json.loads(result.stdout)["themes"]] == ["taiwan"]


def test_empty_input_gives_empty_output() -> None:
    result = run(data=b"")
    assert (result.exit_code, result.stdout) == (0, "")


def test_missing_config_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(classify, ["--config", str(tmp_path / "nowhere")], input=b"")
    assert result.exit_code != 0
    assert "nowhere" in str(result.exception)
