from __future__ import annotations

from pathlib import Path

import pytest

from deskwatch.errors import ConfigError
from producers.feeds.config import Feed, check, is_http, load, zone_of

REPOSITORY = Path(__file__).parents[3]


def write(directory: Path, text: str) -> Path:
    (directory / "feeds.yaml").write_text(text, encoding="utf-8")
    return directory


def problems(directory: Path) -> list[str]:
    return [str(problem).removeprefix(f"{directory}/feeds.yaml:") for problem in check(directory)]


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
    assert (feeds[1].interval_s, str(zone_of(feeds[1].timezone))) == (60, "Asia/Taipei")
    assert feeds[0].interval_s is None, "as often as the feed deserves"


def test_the_nearest_word_counts(tmp_path: Path) -> None:
    feeds = load(
        write(
            tmp_path,
            "domains:\n"
            "  state.example: {user_agent: Ministry Reader, interval_s: 900, connections: 1, throttle: host}\n"
            "  rss.state.example: {interval_s: 600, ports: [8443], conditional: false}\n"
            "  192.0.2.7: {spacing_s: 0.5}\n"
            "feeds:\n"
            "  - {id: own, url: 'https://RSS.state.example/a', source: S, interval_s: 120, connections: 3}\n"
            "  - {id: host, url: 'https://rss.state.example:8443/b', source: S, conditional: true}\n"
            "  - {id: below, url: 'https://x.rss.state.example/c', source: S}\n"
            "  - {id: domain, url: 'https://www.state.example/d', source: S}\n"
            "  - {id: address, url: 'http://192.0.2.7/e', source: S}\n"
            "  - {id: other, url: 'https://estate.example/f', source: S, wire: true, identity: url}\n",
        )
    )
    own, host, below, domain, address, other = feeds
    assert (own.interval_s, own.connections, own.user_agent, own.conditional) == (120, 3, "Ministry Reader", False)
    assert (host.interval_s, host.connections, host.ports, host.conditional) == (600, 1, (8443,), True)
    assert (below.interval_s, below.ports) == (600, (8443,))
    assert (domain.interval_s, domain.ports, domain.throttle) == (900, (), "host")
    assert address.spacing_s == 0.5
    assert other == Feed(id="other", url="https://estate.example/f", source="S", wire=True, identity="url")


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
    assert sorted(problems(directory)) == [
        "3:10: error: id 'a' is taken by the feed in line 2",
        "3:18: error: the same URL as feed 'a'",
        "3:47: error: source must name the outlet",
        "4:9: error: id 'Upper' must be lower-case letters, digits, '.', '_' or '-'",
        "5:10: error: 'ftp://c.example' is no http or https URL",
        "7:15: error: 'english!' is no language tag such as 'en' or 'zh-Hant'",
        "8:15: error: 'Mars/Base' is no time zone such as 'Asia/Shanghai'",
        "9:17: error: interval_s must be between 60 and 86400, not 5",
    ]
    with pytest.raises(ConfigError):
        load(directory)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ('user_agent: "a\\r\\nX-Evil: 1"', "user_agent must be 1 to 256 printable ASCII characters on one line"),
        ("user_agent: ''", "user_agent must be"),
        ("user_agent: Обозреватель", "user_agent must be"),
        ("proxy: proxy.example:3128", "proxy must be 'http://host:port'"),
        ("proxy: http://proxy.example", "proxy must be 'http://host:port'"),
        ("proxy: http://proxy.example:3128/path", "proxy must be 'http://host:port'"),
        ("proxy: http://proxy.example:99999", "proxy must be 'http://host:port'"),
        ("proxy: socks5://proxy.example:1080", "proxy must be 'http://host:port'"),
        ("proxy: http://me:hunter2@proxy.example:3128", "proxy must not carry a password"),
        ("ports: [8080, 0]", "a port is between 1 and 65535, not 0"),
        ("ports: [65536]", "a port is between 1 and 65535, not 65536"),
        ("ports: 8080", "expected a list"),
        ("connections: 0", "connections must be between 1 and 64, not 0"),
        ("connections: true", "expected a number"),
        ("spacing_s: -1", "spacing_s must be between 0 and 3600, not -1"),
        ("spacing_s: .nan", "spacing_s must be between 0 and 3600, not nan"),
        ("interval_s: 59", "interval_s must be between 60 and 86400, not 59"),
        ("throttle: hosts", "'hosts' is none of"),
    ],
)
def test_settings_are_checked_where_they_stand(tmp_path: Path, setting: str, expected: str) -> None:
    of_feed = f"feeds:\n  - id: a\n    url: https://a.example\n    source: A\n    {setting}\n"
    (problem,) = problems(write(tmp_path, of_feed))
    assert problem.startswith("5:")
    assert expected in problem
    assert "hunter2" not in problem
    of_domain = f"feeds: []\ndomains:\n  a.example:\n    {setting}\n"
    (problem,) = problems(write(tmp_path, of_domain))
    assert problem.startswith("4:")
    assert expected in problem


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("co.uk", "'co.uk' is a public suffix"),
        ("com", "'com' is a public suffix"),
        ("https://www.post.example/rss", "(did you mean 'www.post.example'?)"),
        ("Post.example", "(did you mean 'post.example'?)"),
        ("post.example:8080", "(did you mean 'post.example'?)"),
        ("bücher.example", "(did you mean 'xn--bcher-kva.example'?)"),
        ("a b", "is no host or domain"),
    ],
)
def test_a_domain_must_be_one(tmp_path: Path, name: str, expected: str) -> None:
    (problem,) = problems(write(tmp_path, f'feeds: []\ndomains:\n  "{name}": {{connections: 1}}\n'))
    assert problem.startswith("3:3: error: ")
    assert expected in problem


@pytest.mark.parametrize(
    ("line", "hint"),
    [("intervall_s: 60", "interval_s"), ("user-agent: x", "user_agent"), ("identity: urls", "url")],
)
def test_an_unknown_word_names_the_nearest_one(tmp_path: Path, line: str, hint: str) -> None:
    (problem,) = problems(write(tmp_path, f"feeds:\n  - {{id: a, url: 'https://a.example', source: A, {line}}}\n"))
    assert f"did you mean '{hint}'" in problem


def test_what_belongs_to_one_feed_is_no_setting_of_a_domain(tmp_path: Path) -> None:
    (problem,) = problems(write(tmp_path, "feeds: []\ndomains:\n  a.example: {timezone: Asia/Taipei}\n"))
    assert "unknown key 'timezone'" in problem


def test_a_wire_with_a_pace_of_its_own_is_refused(tmp_path: Path) -> None:
    text = "feeds:\n  - {id: a, url: 'https://a.example', source: A, wire: true, interval_s: 120}\n"
    (problem,) = problems(write(tmp_path, text))
    assert "'wire' would mean nothing" in problem


def test_a_missing_file_is_one_problem(tmp_path: Path) -> None:
    assert [problem.file for problem in check(tmp_path)] == [str(tmp_path / "feeds.yaml")]


@pytest.mark.parametrize("name", ["", "Mars/Base", "Asia", "../../etc/passwd", "Asia/Taipei\0"])
def test_what_is_no_zone(name: str) -> None:
    assert zone_of(name) is None


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
