from __future__ import annotations

from pathlib import Path

import pytest

from alerting.rules.references import follow, follow_to_url, is_web_address, refer
from deskwatch.errors import ConfigError


def test_a_reference_leads_to_a_variable_or_a_file_and_to_what_is_there_now(tmp_path: Path) -> None:
    file, environ = tmp_path / "key", {"KEY": " of a variable\n"}
    file.write_text("of a file\n")
    reference = refer("", str(file))

    assert (refer("KEY", ""), reference) == ("$KEY", str(file))
    assert follow("$KEY", environ, "key") == "of a variable"
    assert follow(reference, environ, "key") == "of a file"
    file.write_text("exchanged")
    assert follow(reference, environ, "key") == "exchanged"


def test_what_is_not_there_is_named_by_its_place(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text(" \n")

    for reference, problem in [
        ("$KEY", r"^\$KEY:1:1: error: is not set, but holds the key of it"),
        (str(tmp_path / "none"), r"/none:1:1: error: No such file or directory, but holds the key of it"),
        (str(empty), r"/empty:1:1: error: is empty, but should hold the key of it"),
        (str(tmp_path), r"error: Is a directory"),
    ]:
        with pytest.raises(ConfigError, match=problem):
            follow(reference, {}, "key of it")


def test_an_address_that_is_none_is_not_repeated() -> None:
    with pytest.raises(ConfigError, match=r"^\$URL:1:1: error: holds no address such as https://host/path") as refused:
        follow_to_url("$URL", {"URL": "https://user:hush@host/"}, "webhook")
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "can_go"),
    [
        ("https://hooks.example.org/a?sig=b%2Bc", True),
        ("http://127.0.0.1:8080/", True),  # an operator's own may be private
        ("http://10.0.0.1/", True),
        ("http://[::1]:8080/", True),
        ("HTTPS://host", True),
        ("https://user@host/", False),
        ("https://user:password@host/", False),
        ("ftp://host/", False),
        ("file:///etc/passwd", False),
        ("host/path", False),
        ("https:///path", False),
        ("https://host:port/", False),
        ("https://host/ path", False),
        ("https://host/\r\nX: y", False),
        ("https://[host/", False),
        ("https://хост.example/", False),
        ("", False),
    ],
)
def test_a_request_goes_to_http_and_https_without_a_user_only(url: str, can_go: bool) -> None:
    assert is_web_address(url) is can_go
