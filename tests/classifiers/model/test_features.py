"""What the model sees of an article."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.model.features import Places, Vocabulary, features_of, words_of
from classifiers.model.groups import Groups
from classifiers.tokens import Tokens

GROUPS = Groups({"US": ["washington", "white house", "america*"], "China": ["beijing", "foreign minist*", "中国"]})
WORDS = st.sampled_from(
    [
        "washington",
        "white",
        "house",
        "american",
        "beijing",
        "foreign",
        "ministry",
        "tariffs",
        "of",
        "2024",
        ".",
        "战",
        "中",
    ]
)


def features(title: str, body: str = "") -> set[str]:
    return features_of(words_of(Tokens(title)), words_of(Tokens(body)), GROUPS)


def test_title_gives_words_pairs_stems_and_the_same_once_more_as_title() -> None:
    assert features("New tariffs") == {
        *("new", "tariffs", "tarif…", "new tariffs"),
        *("title: new", "title: tariffs", "title: tarif…"),
    }


def test_groups_are_found_by_word_stem_and_pair_and_meet_in_pairs() -> None:
    found = features("White House answers", "Americans ask the foreign ministry")
    assert {"{US}", "title: {US}", "{China}", "{US} {China}"} <= found
    assert not {"title: {China}", "title: {US} {China}"} & found


def test_no_pair_reaches_across_the_end_of_a_sentence_or_from_title_to_body() -> None:
    found = features("Talks end", "Beijing waits. Washington too")
    assert not {"end beijing", "waits washington"} & found
    assert {"beijing waits", "washington too"} <= found


def test_numbers_are_no_features_of_their_own() -> None:
    assert "2024" not in features("Talks in 2024")


def test_word_that_occurs_often_says_so_whether_in_title_or_body() -> None:
    found = features("Oil", "oil and oil. Oil and 2024 and 2024")
    assert {name for name in found if "×" in name} == {"oil×2", "oil×4", "and×2"}


@given(st.lists(WORDS, max_size=12), st.lists(WORDS, max_size=40))
def test_quick_way_finds_exactly_the_features_that_the_slow_way_names(title: list[str], body: list[str]) -> None:
    every = sorted(features_of(title, body, GROUPS) | {"elsewhere", "title: elsewhere", "no where"})
    numbers, _ = Vocabulary(every, GROUPS).find(title, body)
    assert {every[i] for i in numbers} == features_of(title, body, GROUPS)
    assert len(numbers) == len(set(numbers))


@given(st.lists(WORDS, min_size=1, max_size=30))
def test_every_feature_has_a_place_that_holds_it(words: list[str]) -> None:
    tokens = Tokens(" ".join(words))
    places = Places(tokens, GROUPS)
    for feature in features_of(words_of(tokens), [], GROUPS):
        at = places.of(feature)
        assert at is not None
        first, count = at
        assert first >= 0
        assert first + count <= len(words_of(tokens))


@pytest.mark.parametrize(
    ("feature", "where"),
    [
        ("tariffs", "tariffs"),
        ("tarif…", "tariffs"),
        ("title: {US}", "white house"),
        ("{China} {US}", "foreign ministry"),
        ("the white", "the White"),
    ],
)
def test_place_of_a_feature_points_into_the_text(feature: str, where: str) -> None:
    text = "Now the White House sees new tariffs, says the foreign ministry."
    tokens = Tokens(text)
    at = Places(tokens, GROUPS).of(feature)
    assert at is not None
    start, end = tokens.span(*at)
    assert text[start:end].casefold() == where.casefold()


def test_share_of_known_words_counts_different_words() -> None:
    known = Vocabulary(["talks", "in"], GROUPS)
    assert known.find(words_of(Tokens("talks in talks")), [])[1] == 1.0
    assert known.find(words_of(Tokens("talks unheard")), [])[1] == 0.5
    assert known.find([], [])[1] == 0.0


@pytest.mark.parametrize("written", ["white house lawn party x", "a *b", "!!!"])
def test_group_refuses_words_it_could_never_find(written: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Groups({"US": [written]})
