from __future__ import annotations

from pathlib import Path

import pytest

from deskwatch.errors import ConfigError
from producers.feeds.config import Feed, check, is_http, load

REPOSITORY = Path(__file__).parents[3]


def write(directory: Path, text: str) -> Path:
    (directory / "feeds.yaml").write_text(text)
    return directory


def test_the_shipped_feeds_are_right() -> None:
    assert check(REPOSITORY / "config") == []
    assert len(load(REPOSITORY / "config")) >= 30


def test_feeds_are_loaded_in_order(tmp_path: Path) -> None:
    feeds = load(
        write(
            tmp_path,
            "feeds:\n"
            "  - {id: a, url: 'https://a.example/rss', source: A}\n"
            "  - {id: b, url: 'http://b.example', source: B, language: zh, timezone: Asia/Taipei, interval_s: 60}\n",
        )
    )
    assert feeds[0] == Feed(id="a", url="https://a.example/rss", source="A")
    assert (feeds[1].interval_s, str(feeds[1].zone())) == (60, "Asia/Taipei")


def test_every_problem_is_found_at_once_with_its_place(tmp_path: Path) -> None:
    directory = write(
        tmp_path,
        "feeds:\n"
        "  - {id: a, url: 'https://a.example', source: A}\n"
        "  - {id: a, url: 'https://a.example', source: ' '}\n"
        "  - id: Upper\n"
        "    url: ftp://c.example\n"
        "    source: C\n"
        "    language: english!\n"
        "    timezone: Mars/Base\n"
        "    interval_s: 5\n",
    )
    assert [str(problem).removeprefix(f"{directory}/feeds.yaml:") for problem in check(directory)] == [
        "3:10: error: id 'a' is taken by the feed in line 2",
        "3:18: error: the same URL as feed 'a'",
        "3:47: error: source must name the outlet",
        "4:9: error: id 'Upper' must be lower-case letters, digits, '.', '_' or '-'",
        "5:10: error: 'ftp://c.example' is no http or https URL",
        "7:15: error: 'english!' is no language tag such as 'en' or 'zh-Hant'",
        "9:17: error: interval_s must be between 60 and 86400, not 5",
        "8:15: error: 'Mars/Base' is no time zone such as 'Asia/Shanghai'",
    ]
    with pytest.raises(ConfigError):
        load(directory)


def test_an_unknown_key_names_the_nearest_one(tmp_path: Path) -> None:
    (problem,) = check(write(tmp_path, "feeds:\n  - {id: a, url: 'https://a.example', source: A, intervall_s: 60}\n"))
    assert "did you mean 'interval_s'" in str(problem)


def test_a_missing_file_is_one_problem(tmp_path: Path) -> None:
    assert [problem.file for problem in check(tmp_path)] == [str(tmp_path / "feeds.yaml")]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "post.example/rss",
        "file:///etc/passwd",
        "http://",
        "http://h:99999/",
        "http://a b/",
        "http://[x",
        "h" * 3000,
    ],
)
def test_what_is_no_http_url(url: str) -> None:
    assert not is_http(url)
