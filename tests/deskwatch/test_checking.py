from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deskwatch.checking import Lint, find_files, find_problems, find_warnings, load_checks, load_lints
from deskwatch.configfile import Problem


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("a: 1\n")


def test_problems_of_all_checks_come_once_and_in_order_of_place(tmp_path: Path) -> None:
    late, early = Problem("b.yaml", 9, 1, "late"), Problem("b.yaml", 2, 1, "early")
    other = Problem("a.yaml", 1, 1, "other")
    assert find_problems(tmp_path, [lambda _: [late, other], lambda _: [early, late]]) == [other, early, late]


def test_file_that_nobody_reads_is_a_problem(tmp_path: Path) -> None:
    write(
        tmp_path, "feeds.yaml", "themes/taiwan.yaml", "subscriptions/china.yaml", "settings.yaml", "model/groups.yaml"
    )
    assert find_problems(tmp_path, []) == []
    write(tmp_path, "themes/tariffs.yml", "theme/x.yaml", "themes/old/y.yaml", "themes/readme.md")
    unread = [Path(problem.file).relative_to(tmp_path).as_posix() for problem in find_problems(tmp_path, [])]
    assert unread == ["theme/x.yaml", "themes/old/y.yaml", "themes/tariffs.yml"]


def test_files_are_found_at_any_depth(tmp_path: Path) -> None:
    write(tmp_path, "b.yaml", "a/c.yml", "a/readme.md")
    assert find_files(tmp_path) == [tmp_path / "a/c.yml", tmp_path / "b.yaml"]


def test_every_package_with_config_brings_a_check(tmp_path: Path) -> None:
    checks = load_checks()
    assert {check.__module__.split(".")[0] for check in checks} == {"deskwatch", "producers", "classifiers", "alerting"}
    for check in checks:
        assert all(isinstance(problem, Problem) for problem in check(tmp_path))


def test_warnings_of_all_lints_come_once_and_in_order_of_place(tmp_path: Path) -> None:
    late, early, corpus = Problem("b.yaml", 9, 1, "late"), Problem("b.yaml", 2, 1, "early"), tmp_path / "corpus.jsonl"
    asked: list[object] = []

    def lint(config_dir: Path, corpora: Sequence[Path]) -> list[Problem]:
        asked.append((config_dir, corpora))
        return [late]

    lints: list[Lint] = [lint, lambda *_: [early, late]]
    assert find_warnings(tmp_path, [corpus], lints) == [early, late]
    assert asked == [(tmp_path, [corpus])]


def test_themes_bring_a_lint(tmp_path: Path) -> None:
    assert [lint.__module__ for lint in load_lints()] == ["classifiers.linting"]
    assert load_lints()[0](tmp_path, []) == []
