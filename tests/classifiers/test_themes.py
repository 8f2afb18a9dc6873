"""Theme files are read, and refused at the exact place of what is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from classifiers import themes
from deskwatch.errors import ConfigError

GOOD = """\
title: Sea
definition: The sea.
terms:
  en:
    strong: [sea, reef*]
must_match:
  - By the sea
must_not_match:
  - On the hill
"""


def write(root: Path, content: str, name: str = "sea.yaml") -> Path:
    path = root / "themes" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return root


def test_good_file_is_loaded_under_its_name(tmp_path: Path) -> None:
    loaded = themes.load(write(tmp_path, GOOD))
    assert loaded["sea"].terms["en"].strong == ("sea", "reef*")
    assert themes.check(tmp_path) == []


def test_adding_a_theme_is_adding_a_file(tmp_path: Path) -> None:
    write(write(tmp_path, GOOD), GOOD.replace("sea", "hut").replace("hill", "pier"), "hut.yaml")
    assert set(themes.load(tmp_path)) == {"sea", "hut"}


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "message", "suggestion"),
    [
        ("terms:", "trems:", 3, 1, "unknown key 'trems'", "terms"),
        ("strong:", "stronk:", 5, 5, "unknown key 'stronk'", "strong"),
        ("reef*]", "5]", 5, 19, "expected text, got '5'", '"5"'),
        ("reef*]", "re*ef]", 5, 19, "'re*ef': a * may stand only at the end of a word", ""),
        ("reef*]", "Sea]", 5, 19, "'Sea' is the same as the term in line 5", ""),
        ("  en:", "  English:", 4, 3, "'English' is no language code such as en or zh", ""),
        ("The sea.", "''", 2, 13, "'definition' is empty", ""),
        ("  - By the sea", "  []", 7, 3, "'must_match' is empty", ""),
        ("  - By the sea", "  - {text: ''}", 7, 5, "an example needs a title, a summary or a text", ""),
        ("  - By the sea", "  - By the lake", 7, 5, "this example must match, but scores 0: no term occurs", ""),
        (
            "  - On the hill",
            "  - On the sea",
            9,
            5,
            "this example must not match, but scores 1.02 of 1 (sea +1.02 in title)",
            "",
        ),
        (
            "  - By the sea",
            "  - {title: A day, text: by the sea}",
            7,
            5,
            "this example must match, but scores 0.60 of 1 (sea +0.60 in text)",
            "",
        ),
        ("title: Sea", "title: Sea\nparents: [see]", 2, 11, "no theme 'see'", "sea"),
        ("title: Sea", "title: Sea\nparents: [sea]", 2, 11, "'sea' has 'sea' above it already: a cycle", ""),
        ("title: Sea", "title: Sea\nmeasured: {f1: {value: 0.9}}", 2, 11, "key 'precision' is missing", ""),
        ("title: Sea", "title: Sea\nthreshold: 0", 2, 12, "a threshold is above 0", ""),
        ("title: Sea", "title: Sea\nthreshold: .nan", 2, 12, "a threshold is above 0", ""),
        ("title: Sea", "title: Sea\nweights: {against: 1}", 2, 20, "'against' lies between -100 and 0", ""),
        ("title: Sea", "title: Sea\nwords: {navy: [navy]}", 2, 9, "no combination uses 'navy'", ""),
        ("title: Sea", "title: Sea\nwords: {navy: []}\ncombinations: [{all: [navy, [sea]]}]", 2, 15, "is empty", ""),
        (
            "title: Sea",
            "title: Sea\nwords: {navy: [navy]}\ncombinations: [{all: [nawy, navy]}]",
            3,
            23,
            "no list 'nawy' under 'words'",
            "navy",
        ),
        (
            "title: Sea",
            "title: Sea\ncombinations: [{all: [[a, b]]}]",
            2,
            22,
            "a combination needs two groups or more; a single one is a term",
            "",
        ),
        (
            "title: Sea",
            "title: Sea\ncombinations: [{all: [[a], [b]], near: 0}]",
            2,
            40,
            "'near' lies between 1 and 200 words",
            "",
        ),
        (
            "title: Sea",
            "title: Sea\ncombinations: [{all: [[a], [b]], strength: strnog}]",
            2,
            44,
            "'strnog' is none of decisive, strong, weak",
            "strong",
        ),
    ],
)
def test_problem_is_named_with_its_place(
    tmp_path: Path, old: str, new: str, line: int, column: int, message: str, suggestion: str
) -> None:
    assert old in GOOD
    found = themes.check(write(tmp_path, GOOD.replace(old, new)))
    assert (line, column, message, suggestion) in [(p.line, p.column, p.message, p.suggestion) for p in found]
    assert {p.file for p in found} == {str(tmp_path / "themes" / "sea.yaml")}


def test_cycle_of_parents_is_a_problem_of_each_theme_in_it(tmp_path: Path) -> None:
    for name, parent in (("sea", "water"), ("water", "earth"), ("earth", "sea"), ("reef", "sea")):
        write(tmp_path, f"{GOOD}parents: [{parent}]\n", f"{name}.yaml")
    found = [p for p in themes.check(tmp_path) if "cycle" in p.message]
    assert {Path(problem.file).stem for problem in found} == {"sea", "water", "earth"}


def test_parent_whose_file_is_wrong_is_not_called_unknown(tmp_path: Path) -> None:
    write(write(tmp_path, f"{GOOD}parents: [water]\n"), "title: [", "water.yaml")
    assert {Path(problem.file).stem for problem in themes.check(tmp_path)} == {"water"}


def test_example_of_a_parent_may_match_by_its_child(tmp_path: Path) -> None:
    write(tmp_path, f"{GOOD}parents: [water]\n")
    write(tmp_path, GOOD.replace("[sea, reef*]", "[lake]"), "water.yaml")
    assert themes.check(tmp_path) == []


def test_problems_of_all_files_come_at_once(tmp_path: Path) -> None:
    write(write(tmp_path, "title: [", "a.yaml"), GOOD.replace("sea", "5", 1).replace("terms", "trems"), "b.yaml")
    with pytest.raises(ConfigError) as caught:
        themes.load(tmp_path)
    assert {Path(problem.file).name for problem in caught.value.problems} == {"a.yaml", "b.yaml"}


def test_failing_example_is_a_matter_of_check_not_of_load(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("By the sea", "By the lake"))
    assert set(themes.load(tmp_path)) == {"sea"}
    assert len(themes.check(tmp_path)) == 1


@pytest.mark.parametrize("name", ["South China Sea.yaml", "Sea.yaml", "sea_level.yaml"])
def test_name_of_a_file_must_be_a_theme_id(tmp_path: Path, name: str) -> None:
    (problem,) = themes.check(write(tmp_path, GOOD, name))
    assert "is no theme id" in problem.message


def test_file_with_the_other_ending_is_not_ignored_silently(tmp_path: Path) -> None:
    (problem,) = themes.check(write(tmp_path, GOOD, "sea.yml"))
    assert problem.suggestion == "sea.yaml"


def test_missing_or_empty_directory_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such directory"):
        themes.load(tmp_path)
    (tmp_path / "themes").mkdir()
    with pytest.raises(ConfigError, match="holds no theme file"):
        themes.load(tmp_path)


def test_theme_of_the_guide_is_valid_and_its_examples_hold(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "theme-writing.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    assert [str(problem) for problem in themes.check(write(tmp_path, block, "arctic.yaml"))] == []
