"""Items to stories: what was copied or updated is one, what tells of the same event in other words is not."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from deskwatch.cli import group
from streams.grouping import COMMON, REACH_H, Grouping, Text
from streams.likeness import LEAST_COPY, copy_probability, longest_run, signature

TEXT = (
    "The council of the old harbour town said on Monday that it would close the northern pier for two years, after "
    "divers found that its wooden piles, driven into the mud in 1911, had rotted to a third of their width. Ferries "
    "will leave from the fish market. Shopkeepers fear for the summer trade, and the mayor promised a second car park."
)


def like(one: tuple[str, str], other: tuple[str, str], hours: float = 1.0) -> float:
    return copy_probability(signature(*one), signature(*other), hours)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Harbour pier to close for two years", TEXT), ("Northern pier shut until 2028", "(Reuters) - " + TEXT)),
        (("Harbour pier to close for two years", TEXT), ("Harbour pier to close for two years", TEXT[:150])),
        (("Pier closes after divers find rot", ""), ("Pier closes after divers find rot - Harbour News", "")),
        (
            ("UPDATE 2-Pier closes after divers find rot in piles", ""),
            ("Pier closes after divers find rot in piles", ""),
        ),
        (("台国防部：20架大陆军机越过台海中线", ""), ("台国防部称20架大陆军机越过台海中线", "")),
    ],
)
def test_copies_and_updates_are_alike(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert like(one, other) >= LEAST_COPY
    assert like(other, one) == pytest.approx(like(one, other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Rotten piles shut northern pier in harbour town", "Ferries moved to fish market as pier is closed"),
        ("Minister visits flooded valley", "Minister visits burnt forest"),
        ("Live updates", "Live updates"),
        ("外交部发言人答记者问", "国防部发言人就演习答问"),
        ("", ""),
    ],
)
def test_other_words_for_the_same_event_and_short_titles_are_not(one: str, other: str) -> None:
    assert like((one, ""), (other, "")) < LEAST_COPY


def test_form_that_a_ministry_fills_in_anew_is_a_new_text() -> None:
    form = "The following is attributable to the spokesman: The secretary spoke today with the foreign minister of "
    one = "Norway about fish quotas in the north, the new ferry line, a treaty on seabirds, and a visit of the king. "
    other = "Chile about copper, the drought in the valleys, students from both countries, and a telescope on a hill. "
    more = "He thanked him for the talks, asked after the harvest, and both said that they would meet again. "
    first = ("Secretary's call with foreign minister of Norway", form + one + more)
    assert like(first, ("Secretary's call with foreign minister of Chile", form + other + other[::-1])) < LEAST_COPY
    assert like(first, ("Secretary of state calls Norway", form + one)) >= LEAST_COPY


def test_the_further_apart_the_less_alike() -> None:
    pair = ("Pier closes after divers find rot", ""), ("Harbour pier closes after divers find damage", "")
    assert like(*pair, hours=0.1) > like(*pair, hours=5) > like(*pair, hours=70)


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
def test_longest_run_is_what_a_search_of_all_runs_finds(one: list[str], other: list[str]) -> None:
    runs = {tuple(one[i:j]) for i in range(len(one)) for j in range(i + 1, len(one) + 1)}
    others = {tuple(other[i:j]) for i in range(len(other)) for j in range(i + 1, len(other) + 1)}
    assert longest_run(one, other) == max(map(len, runs & others), default=0)


@given(st.text(max_size=200), st.text(max_size=400), st.floats(0, 1e6))
def test_any_text_has_a_signature_and_a_probability(title: str, text: str, hours: float) -> None:
    assert 0 <= like((title, text), (text, title), hours) <= 1


def test_items_of_one_story_share_the_id_of_the_first_and_others_do_not() -> None:
    grouping = Grouping()
    assert grouping.add("a", Text("Pier closes after divers find rot in piles", TEXT), 0.0) == ("a", False)
    assert grouping.add("b", Text("Orchestra plays in the old power station", ""), 0.5) == ("b", False)
    assert grouping.add("c", Text("Pier closed", "(AP) " + TEXT), 1.0) == ("a", True)
    assert grouping.add("d", Text("Pier closes after divers find rot in piles", TEXT[:200]), 2.0) == ("a", True)


def test_what_is_older_than_the_reach_is_forgotten() -> None:
    grouping = Grouping()
    grouping.add("a", Text("Pier closes after divers find rot in piles", TEXT), 0.0)
    assert grouping.add("b", Text("Pier closes after divers find rot in piles", TEXT), REACH_H + 1) == ("b", False)
    assert grouping.add("c", Text("Orchestra plays in the old power station", ""), 9999.0) == ("c", False)


def test_phrase_that_everybody_uses_costs_no_time_and_unites_nobody() -> None:
    grouping = Grouping()
    titles = [f"Council of town number {i} says it will vote on {i * i} things" for i in range(3 * COMMON)]
    found = [grouping.add(str(i), Text(title, ""), i * 0.1) for i, title in enumerate(titles)]
    assert len({story for story, _ in found}) > COMMON


def lines(*items: dict[str, object]) -> bytes:
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


PIER = {
    "title": "Pier closes after divers find rot in piles",
    "summary": TEXT,
    "source": "A",
    "published": "2026-01-01",
}


def test_command_prints_story_and_copy(tmp_path: Path) -> None:
    given_lines = lines({"id": 1, **PIER}, {"id": "x", **PIER, "source": "B"}, {"id": "y", "title": None, "more": [1]})
    packed = tmp_path / "items.jsonl.gz"
    packed.write_bytes(gzip.compress(given_lines))
    expected = [
        {"id": 1, "story": "1", "copy": False},
        {"id": "x", "story": "1", "copy": True},
        {"id": "y", "story": "y", "copy": False},
    ]
    for arguments, stdin in ((["stories", str(packed)], None), (["stories"], given_lines)):
        result = CliRunner().invoke(group, arguments, input=stdin)
        assert result.exit_code == 0, result.output
        assert [json.loads(line) for line in result.stdout.splitlines()] == expected


def test_lines_that_are_no_items_are_named_and_passed_over() -> None:
    bad = b'{"title": "no id"}\nnot json\n\n' + lines({"id": "a", **PIER, "published": "yesterday"}) + b"\xff\xfe\n"
    result = CliRunner().invoke(group, ["stories"], input=bad)
    assert result.exit_code == 1
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ["a"]
    assert [line.split(":")[1] for line in result.stderr.splitlines()] == ["1", "2", "5"]


def test_cut_off_gzip_is_said(tmp_path: Path) -> None:
    path = tmp_path / "items.gz"
    path.write_bytes(gzip.compress(lines({"id": "a", **PIER}) * 500)[:-20])
    result = CliRunner().invoke(group, ["stories", str(path)])
    assert result.exit_code == 1
    assert "cut off" in result.stderr


def test_every_process_finds_the_same() -> None:
    program = (
        "from streams.likeness import signature; s = signature('Pier closes after divers find rot', 'x ' * 50);"
        "print(sorted(s.pairs), sorted(s.triples))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_labelled_pairs_are_told_apart(reference_data: Path) -> None:
    pairs = [json.loads(line) for line in (reference_data / "gold" / "story-pairs-dev.jsonl").read_bytes().splitlines()]
    items = {item["id"]: item for pair in pairs for item in (pair["a"], pair["b"])}
    ordered = sorted(items.values(), key=lambda item: item["published"])
    result = CliRunner().invoke(group, ["stories"], input=lines(*ordered))
    story = {found["id"]: found["story"] for found in map(json.loads, result.stdout.splitlines())}
    said = [(story[p["a"]["id"]] == story[p["b"]["id"]], p["label"] == "copy") for p in pairs if p["label"] != "unsure"]
    hits = sum(given and wanted for given, wanted in said)
    f1 = 2 * hits / (sum(given for given, _ in said) + sum(wanted for _, wanted in said))
    assert f1 >= 0.78


def test_forms_that_one_outlet_fills_in_anew_are_no_copies() -> None:
    form = (
        "The below is attributable to the spokesperson. The deputy secretary spoke today by telephone with {} of {}. "
    )
    form += "Both expressed concern about the war, agreed to go on with close consultations, and welcomed the unity of "
    form += "allies and partners, who will answer any further step together, with swift and severe consequences. {}"
    more = "They also spoke of energy, of harbours and visas for students, and of grain that waits in the straits."
    other = "On migration the two sides meet again in spring, in Bogota, with mayors of the towns on either side there."
    one, two = form.format("the minister", "Latvia", more), form.format("the vice president", "Colombia", other)
    titles = "Call with the minister of Latvia", "Call with the vice president of Colombia"
    of_one, of_two = Grouping(), Grouping()
    for grouping, owners in ((of_one, ("State", "State")), (of_two, ("State", "Paper"))):
        grouping.add("a", Text(titles[0], one, owners[0]), 0.0)
        grouping.add("b", Text(titles[1], two, owners[1]), 0.5)
    assert of_one.add("c", Text(titles[0], one + " Updated.", "State"), 1.0) == ("a", True)
    assert of_one.find(Text(titles[1], two, "State"), 1.0) == "b"
    assert of_two.find(Text(titles[1], two, "Other"), 1.0) == "a"  # of others it would be one text, shortened
