from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from classifiers import linting
from classifiers.linting import find_unlearnt, lint, used_languages
from classifiers.themes import read as read_themes

SEA = """\
title: Sea
definition: The sea.
terms:
  en:
    decisive: [lighthouse*, sea lion]
    strong: [reef*, import*]
  zh:
    strong: [灯塔, 燈塔, 海狮]
words:
  acts: [ban*, spoke]
combinations:
  - all: [acts, [whale*]]
must_match: [The lighthouse]
must_not_match: [The hill]
"""
HUT = """\
title: Hut
definition: Huts.
terms:
  en:
    decisive: [mountain hut, Sea-Lion]
must_match: [A mountain hut]
must_not_match: [A sea]
"""
FILLER = {"title": "The mayor spoke of the weather"}


def write(root: Path, **files: str) -> Path:
    (root / "themes").mkdir(exist_ok=True)
    for name, content in files.items():
        (root / "themes" / f"{name}.yaml").write_text(content, encoding="utf-8")
    (root / "feeds.yaml").write_text("feeds: [{id: a, language: en-GB}, {id: b}]\n")
    return root


def corpus(root: Path, articles: Iterable[dict[str, Any]], name: str = "corpus.jsonl") -> Path:
    text = "\n".join(json.dumps(article) for article in articles)
    path = root / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def told(problems: Iterable[object]) -> list[str]:
    return [str(problem).partition("/themes/")[2].replace("error: ", "") for problem in problems]


def test_theme_files_without_anything_odd_get_no_warning(tmp_path: Path) -> None:
    assert lint(write(tmp_path, sea=SEA)) == []


def test_theme_that_lacks_a_language_of_the_feeds_is_named(tmp_path: Path) -> None:
    weak = "  fr:\n    weak: [plage]\n"
    write(tmp_path, sea=SEA.replace("words:", f"{weak}words:"), hut=HUT.replace(", Sea-Lion", ""))
    (tmp_path / "feeds.yaml").write_text("feeds: [{language: zh-TW}, {language: EN}, {language: fr}, 7, {language: 3}]")
    assert used_languages(tmp_path) == ("en", "fr", "zh")
    assert told(lint(tmp_path)) == [
        "hut.yaml:3:1: has no decisive or strong terms in fr, zh: articles in it are found by chance only",
        "sea.yaml:3:1: has no decisive or strong terms in fr: articles in it are found by chance only",
    ]


@pytest.mark.parametrize("feeds", ["feeds: []", "feeds: 3", "{", "- a", "feeds: [{id: a}]", None])
def test_feeds_that_name_no_language_may_be_in_any(tmp_path: Path, feeds: str | None) -> None:
    if feeds is not None:
        (tmp_path / "feeds.yaml").write_text(feeds)
    assert len(used_languages(tmp_path)) == 9


def test_term_that_is_decisive_in_two_themes_is_named_however_it_is_written(tmp_path: Path) -> None:
    write(tmp_path, sea=SEA, hut=HUT)
    assert told(lint(tmp_path)) == [
        "sea.yaml:5:29: 'sea lion' is decisive in 'hut' too: a decisive term means one theme only"
    ]
    write(tmp_path, hut=HUT + "parents: [sea]\n")
    assert lint(tmp_path) == []


def test_term_that_no_article_has_is_named_once_there_are_enough_in_its_language(tmp_path: Path) -> None:
    write(tmp_path, sea=SEA)
    articles = [FILLER] * 498 + [{"title": "The reefs and the import", "text": "of lighthouses, bans of whales"}]
    assert told(lint(tmp_path, [corpus(tmp_path, articles)])) == []
    path = corpus(tmp_path, [*articles, FILLER], "corpus.jsonl.gz")
    assert told(lint(tmp_path, [path])) == ["sea.yaml:5:29: 'sea lion' is in none of 500 articles in en"]


def test_article_is_in_the_language_that_it_says(tmp_path: Path) -> None:
    write(tmp_path, sea=SEA)
    for key in ("lang", "language"):
        assert lint(tmp_path, [corpus(tmp_path, [FILLER | {key: "fr-CA"}] * 500)]) == []
    assert len(lint(tmp_path, [corpus(tmp_path, [{"title": "Mayor", "lang": "en-GB"}] * 500)])) == 4


def test_chinese_term_in_the_other_way_of_writing_is_not_missed(tmp_path: Path) -> None:
    write(tmp_path, sea=SEA)
    articles = [{"title": "海边的狮子", "lang": "zh"}] * 499 + [{"title": "灯塔", "lang": "zh"}]
    assert told(lint(tmp_path, [corpus(tmp_path, articles)])) == [
        "sea.yaml:8:22: '海狮' is in none of 500 articles in zh"
    ]


def test_words_that_a_star_caught_by_mistake_are_named_the_most_frequent_first(tmp_path: Path) -> None:
    write(tmp_path, sea=SEA)
    titles = {
        "The import of the ships": 5,
        "The most important of the days": 4,
        "The importance of the day, the important day": 2,
        "The imports and the importers of the day": 20,
        "The bank of the town": 3,
        "The reefs of the town": 3,
        "Der importante Bank": 9,  # German: not what the English term is for
    }
    articles = [{"title": title} for title, times in titles.items() for _ in range(times)]
    assert told(lint(tmp_path, [corpus(tmp_path, articles)])) == [
        "sea.yaml:6:21: 'import*' also caught important (6), importance (2): 8 of 53 finds are no form of it",
        "sea.yaml:10:10: 'ban*' also caught bank (12): 12 of 12 finds are no form of it",
    ]


def test_a_mistake_now_and_then_is_not_worth_a_word(tmp_path: Path) -> None:
    write(tmp_path, sea=SEA)
    articles = [{"title": "The import of the day"}] * 151 + [{"title": "The important day of the week"}] * 3
    assert lint(tmp_path, [corpus(tmp_path, articles)]) == []
    assert len(lint(tmp_path, [corpus(tmp_path, articles[4:])])) == 1
    assert lint(tmp_path, [corpus(tmp_path, articles[140:-1])]) == []


def test_themes_with_nearly_the_same_articles_are_named(tmp_path: Path) -> None:
    other = (
        SEA.replace("title: Sea", "title: Coast").replace("lighthouse*, sea lion", "lighthouse*").replace("sea", "c")
    )
    write(tmp_path, sea=SEA.replace("lighthouse*, ", "").replace("reef*", "lighthouse*, coral"), coast=other)
    both, one = [{"title": "The lighthouse of the town"}] * 81, [{"title": "The coral of the town"}] * 19
    problems = lint(tmp_path, [corpus(tmp_path, both + one)])
    assert told(problems) == [
        "coast.yaml:1:1: 81 of the 81 articles with this theme have 'sea' too (of 100 read): are they two themes?"
    ]
    assert lint(tmp_path, [corpus(tmp_path, both[:19])]) == []
    assert len(lint(tmp_path, [corpus(tmp_path, both[:20])])) == 1
    write(tmp_path, coast=other + "parents: [sea]\n")
    assert lint(tmp_path, [corpus(tmp_path, both + one)]) == []


def test_overlap_of_four_fifths_is_allowed(tmp_path: Path) -> None:
    write(tmp_path, sea=SEA, hut=HUT.replace("mountain hut, Sea-Lion", "hut"))
    shared, own = [{"title": "The hut by the lighthouse"}] * 80, [{"title": "The hut"}, {"title": "A lighthouse"}] * 20
    assert lint(tmp_path, [corpus(tmp_path, shared + own)]) == []
    assert len(lint(tmp_path, [corpus(tmp_path, shared + own[:-2])])) == 1


def test_themes_that_the_model_does_not_know_or_knew_otherwise_are_named(tmp_path: Path) -> None:
    files, _ = read_themes(write(tmp_path, sea=SEA, hut=HUT))
    assert told(find_unlearnt(files, ["hut", "sea"])) == []
    assert told(find_unlearnt(files, ["hut", "gone"], ["hut"])) == [
        "hut.yaml:1:1: the terms have changed since the model learnt this theme: train it again",
        "sea.yaml:1:1: the model has not learnt this theme: its terms judge alone",
    ]


def test_lines_that_are_no_articles_are_warned_of_and_the_others_read(tmp_path: Path) -> None:
    write(tmp_path, sea=SEA)
    path = corpus(tmp_path, [FILLER, {"title": ""}, {"title": [1]}, *[{"title": "The important import of all"}] * 3])
    path.write_bytes(path.read_bytes() + b"\n\xff\x00\n{}\n{}\n[]\n" + b"7\n" * 1_000)
    found = [str(problem).removeprefix(str(path)) for problem in lint(tmp_path, [path])]
    assert found[0] == ":2:1: error: no title, no summary, no text: passed over"
    assert [line.split(":")[1] for line in found[:-1]] == ["2", "3", "3", "7", "8", "1010"]
    assert found[-2].endswith("and 1,002 lines more")
    assert "important (3)" in found[-1]


@pytest.mark.parametrize("content", [b"", b"\x1f\x8bjunk", b"\n\n", b"[" * 100_000])
def test_corpus_that_is_none_does_not_stop_the_rest(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, sea=SEA, hut=HUT)
    path = tmp_path / "corpus.jsonl.gz"
    path.write_bytes(content)
    assert told(lint(tmp_path, [path]))[-1].startswith("sea.yaml:5:29")


def test_theme_files_with_problems_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, sea=SEA, hut="title: 5\n")
    assert lint(tmp_path, [corpus(tmp_path, [FILLER])]) == []
    assert linting.lint(tmp_path / "none", [corpus(tmp_path, [FILLER])]) == []


def test_hostile_articles_are_counted_like_others(tmp_path: Path) -> None:
    write(tmp_path, sea=SEA)
    texts = ["a" * 1_000_000, "\x00\x01\x1c import\u202eant \u2028", "🙂 reef🙂 灯塔 منارة", "ا" * 100_000]
    assert lint(tmp_path, [corpus(tmp_path, [{"text": text} for text in texts])]) == []
