from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.corrections import MAX_CHARS, Correction, append, corrected, current, encode, read
from deskwatch.errors import ConfigError

AT = datetime(2026, 11, 25, 8, 30, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


def correction(id_: str = "a1", **fields: Any) -> Correction:
    return Correction(**{"id": id_, "title": "A title", "is_": ("taiwan",), "by": "ana", "at": AT, **fields})


def test_line_in_the_file_is_plain_json_for_people_and_git(tmp_path: Path) -> None:
    path = tmp_path / "corrections.jsonl"
    append(path, correction(not_=("tariffs",), note="the chips, not the duty"))
    assert json.loads(path.read_text()) == {
        "id": "a1",
        "title": "A title",
        "is": ["taiwan"],
        "not": ["tariffs"],
        "by": "ana",
        "at": "2026-11-25T08:30:00Z",
        "note": "the chips, not the duty",
    }


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=50).filter(str.strip), st.integers(-12, 12))
def test_what_is_appended_is_read_again(tmp_path_factory: Any, text: str, hours: int) -> None:
    path = tmp_path_factory.mktemp("c") / "corrections.jsonl"
    given_ = correction(title=text, text=text, at=AT.astimezone(timezone(timedelta(hours=hours))))
    append(path, given_)
    append(path, correction("a2"))
    filed, problems = read(path)
    assert problems == []
    assert [one.correction for one in filed] == [given_, correction("a2")]
    assert [one.line for one in filed] == [1, 2]


def test_no_file_holds_no_corrections(tmp_path: Path) -> None:
    assert read(tmp_path / "corrections.jsonl") == ([], [])


def test_long_and_broken_text_is_cut_and_stays_readable(tmp_path: Path) -> None:
    path = tmp_path / "corrections.jsonl"
    append(path, correction(title="half \ud83d\n\x00\u2028\u202e", text="x" * 1_000_000))
    (filed,), problems = read(path)
    assert problems == []
    assert filed.correction.title == "half ?\n\x00\u2028\u202e"
    assert filed.correction.text == "x" * MAX_CHARS
    line = path.read_text()
    assert line.count("\n") == 1
    assert line.rstrip("\n").isprintable()


def test_line_that_a_crash_left_unfinished_costs_no_other_one(tmp_path: Path) -> None:
    path = tmp_path / "corrections.jsonl"
    path.write_bytes(encode(correction("whole")) + encode(correction("torn"))[:20])
    append(path, correction("next"))
    filed, problems = read(path)
    assert [one.correction.id for one in filed] == ["whole", "next"]
    assert [str(problem).startswith(f"{path}:2:") for problem in problems] == [True]


def test_every_mistake_in_a_line_is_named_and_the_other_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "corrections.jsonl"
    good = encode(correction())
    bad = [
        b'{"id": "a", "title": "T", "is": ["x"], "at": "2026-11-25T08:30:00Z", "noot": ["y"]}',
        b'{"id": "a", "title": "T", "is": ["x"], "not": ["x"], "at": "yesterday"}',
        b'{"title": "T", "is": "x", "at": "2026-11-25T08:30:00"}',
        b'{"id": "a", "is": [], "at": "2026-11-25T08:30:00Z"}',
        b"null",
        b"\xff\x00",
    ]
    path.write_bytes(b"\xef\xbb\xbf" + good + b"\n".join(bad) + b"\n\n" + good)
    filed, problems = read(path)
    assert [one.line for one in filed] == [1, 9]
    assert [str(problem).removeprefix(f"{path}:") for problem in problems] == [
        "2:1: error: unknown key 'noot' (did you mean 'not'?)",
        "3:1: error: 'at': expected a time such as 2026-11-25T08:00:00Z",
        "3:1: error: 'x' stands under 'is' and under 'not'",
        "4:1: error: 'at': expected a time such as 2026-11-25T08:00:00Z",
        "4:1: error: 'is': expected a list of theme ids, got text",
        "4:1: error: key 'id' is missing",
        "4:1: error: key 'is' or 'not' is missing",
        "5:1: error: key 'is' or 'not' is missing",
        "5:1: error: key 'title' or 'summary' or 'text' is missing",
        "6:1: error: expected an object, got nothing",
        "7:1: error: not JSON: JSON is malformed: invalid character",
    ]


def test_later_word_on_the_same_article_and_theme_counts_and_withdrawal_takes_it_back(tmp_path: Path) -> None:
    path = tmp_path / "corrections.jsonl"
    append(path, correction(is_=("taiwan", "tariffs")))
    append(path, correction(is_=(), not_=("taiwan",)))
    append(path, correction("other", is_=("taiwan",)))
    append(path, correction("gone", is_=("taiwan",)))
    append(path, correction("gone", is_=(), withdrawn=("taiwan",)))
    filed, _ = read(path)
    assert [(one.line, one.correction.is_, one.correction.not_) for one in current(filed)] == [
        (1, ("tariffs",), ()),
        (2, (), ("taiwan",)),
        (3, ("taiwan",), ()),
    ]
    assert corrected(filed) == {("a1", "taiwan"), ("a1", "tariffs"), ("other", "taiwan")}


def test_several_processes_at_once_tear_no_line(tmp_path: Path) -> None:
    path = tmp_path / "corrections.jsonl"
    code = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from classifiers.corrections import Correction, append\n"
        "for i in range(25):\n"
        "    name = sys.argv[2]\n"
        "    said = Correction(id=f'{name}{i}', text=name * 4000, is_=('x',), at=datetime.now(UTC))\n"
        "    append(Path(sys.argv[1]), said)\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(path), name], cwd=ROOT) for name in "abc"]
    assert [process.wait(30) for process in running] == [0, 0, 0]
    filed, problems = read(path)
    assert problems == []
    assert sorted(one.correction.id for one in filed) == sorted(f"{name}{i}" for name in "abc" for i in range(25))
    assert {one.correction.text for one in filed} == {name * 4000 for name in "abc"}


def test_full_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "corrections.jsonl"
    append(path, correction())
    before = path.read_bytes()
    code = (
        "import resource, signal, sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from classifiers.corrections import Correction, append\n"
        "from deskwatch.errors import ConfigError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))\n"
        "try: append(Path(sys.argv[1]), Correction(id='b', text='x' * 4000, is_=('x',), at=datetime.now(UTC)))\n"
        "except ConfigError as error: print(error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "cannot be written: File too large" in ran.stdout
    assert path.read_bytes() == before


def test_place_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written: Is a directory"):
        append(tmp_path, correction())
    with pytest.raises(ConfigError, match="cannot be written: No such file"):
        append(tmp_path / "none" / "corrections.jsonl", correction())
    assert list(tmp_path.iterdir()) == []
