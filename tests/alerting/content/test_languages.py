"""The three catalogues say the same, and numbers and times are said as each language says them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.content.languages.filling import Plural
from alerting.content.languages.speaking import LANGUAGES, Speaker, words_for
from alerting.content.languages.words import HELD, MISSED, Words
from deskwatch.records import Severity

EN, FR, ZH = (words_for(language) for language in ("en", "fr", "zh"))
UTC_ZONE, SHANGHAI, PARIS = ZoneInfo("UTC"), ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Paris")
START = datetime(2026, 11, 24, 17, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def phrases(words: Words) -> Iterator[tuple[str, str]]:
    """Yield every phrase of a language by its path."""

    def walk(path: str, value: Any) -> Iterator[tuple[str, str]]:
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, Plural):
            for form in ("one", "many", "none"):
                yield f"{path}.{form}", getattr(value, form)
        elif isinstance(value, dict):
            for name, child in value.items():
                yield from walk(f"{path}.{name}", child)
        elif isinstance(value, tuple):
            yield f"{path}.{len(value)}", ""
        else:
            raise TypeError(f"{path} is a {type(value).__name__}")

    for field in msgspec.structs.fields(Words):
        yield from walk(field.name, getattr(words, field.name))


def braces(phrase: str) -> set[str]:
    return set(re.findall(r"\{(\w*)\}", phrase))


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_each_phrase_with_the_same_braces(language: str) -> None:
    ours, english = dict(phrases(LANGUAGES[language])), dict(phrases(EN))

    assert ours.keys() == english.keys()
    assert {path: braces(phrase) for path, phrase in ours.items()} == {
        path: braces(phrase) for path, phrase in english.items()
    }
    empty = {path for path, phrase in ours.items() if not phrase} - {path for path, said in english.items() if not said}
    assert empty <= {"gap"}  # Chinese sentences follow each other without a space


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_names_each_severity_and_reason(language: str) -> None:
    words = LANGUAGES[language]

    assert set(words.severities) == set(Severity)
    assert len(set(words.severities.values())) == len(Severity)
    assert set(words.held) == set(HELD)
    assert set(words.reasons) == set(MISSED)
    assert len(words.months) == 12


@pytest.mark.parametrize("language", ["fr", "zh"])
def test_no_sentence_was_left_in_english(language: str) -> None:
    ours, english = dict(phrases(LANGUAGES[language])), dict(phrases(EN))

    same = {path for path in ours if ours[path] == english[path] and re.search("[a-z]{4}", ours[path])}
    letters = {path for path in same if re.search("[a-z]{4}", re.sub(r"\{\w+\}", "", ours[path]))}
    assert letters <= {"articles.one", "articles.many", "configuration"}  # the same in French


def test_french_marks_stand_after_a_space_that_does_not_break() -> None:
    for path, phrase in phrases(FR):
        assert not re.search(
            r"(?<![\xa0\u202f])[;?!»]|[^\xa0\d}]: |«(?!\xa0)|(?<!\xa0)%", phrase.replace("all_quiet: ", "")
        ), path


def test_chinese_uses_its_own_marks() -> None:
    for path, phrase in phrases(ZH):
        assert not re.search(r"[一-鿿][,;:()?!]|[,;:()?!][一-鿿]", phrase), path


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("en", "en"),
        ("fr-CA", "fr"),
        ("fr_BE", "fr"),
        ("FR", "fr"),
        ("zh", "zh-Hans"),
        ("zh-Hant-TW", "zh-Hans"),
        ("ru", "en"),
        ("", "en"),
        ("frr", "en"),
    ],
)
def test_a_language_is_chosen_whatever_its_region_and_else_it_is_english(code: str, language: str) -> None:
    assert words_for(code).language == language


@pytest.mark.parametrize(
    ("said", "english", "french", "chinese"),
    [
        (lambda say: say.amount(0.0), "0", "0", "0"),
        (lambda say: say.amount(0.04), "0", "0", "0"),
        (lambda say: say.amount(0.3), "0.3", "0,3", "0.3"),
        (lambda say: say.amount(3.04), "3", "3", "3"),
        (lambda say: say.amount(9.94), "9.9", "9,9", "9.9"),
        (lambda say: say.amount(9.96), "10", "10", "10"),
        (lambda say: say.amount(1234.5), "1,234", "1\u202f234", "1,234"),
        (lambda say: say.share(0.8), "80%", "80\xa0%", "80%"),
        (lambda say: say.share(0.999), "99%", "99\xa0%", "99%"),
        (lambda say: say.share(1.0), "100%", "100\xa0%", "100%"),
        (lambda say: say.span(3600), "1 h", "1\xa0h", "1 小时"),
        (lambda say: say.span(1800), "30 min", "30\xa0min", "30 分钟"),
        (lambda say: say.span(5400), "90 min", "90\xa0min", "90 分钟"),
        (lambda say: say.span(86_400), "1 day", "1 jour", "1 天"),
        (lambda say: say.span(172_800), "2 days", "2 jours", "2 天"),
        (lambda say: say.duration(timedelta(seconds=20)), "1 min", "1\xa0min", "1 分钟"),
        (lambda say: say.duration(timedelta(minutes=72)), "1 h 12 min", "1\xa0h 12\xa0min", "1 小时 12 分钟"),
        (lambda say: say.duration(timedelta(hours=5)), "5 h", "5\xa0h", "5 小时"),
        (lambda say: say.duration(timedelta(hours=51)), "2 days 3 h", "2 jours 3\xa0h", "2 天 3 小时"),
        (lambda say: say.count(say.words.reports, 0), "no reports", "aucune parution", "没有报道"),
        (lambda say: say.count(say.words.stories, 1), "1 separate story", "1 sujet distinct", "1 个不同报道主题"),
        (lambda say: say.count(say.words.outlets, 1200), "1,200 outlets", "1\u202f200 médias", "1,200 家媒体"),
        (lambda say: say.names(["a"], 3), "a", "a", "a"),
        (lambda say: say.names([], 3), "", "", ""),
        (lambda say: say.names(["a", "b", "c"], 3), "a, b and c", "a, b et c", "a、b 和 c"),
        (lambda say: say.names(list("abcde"), 3), "a, b, c and 2 more", "a, b, c et 2 de plus", "a、b、c等，另有 2 个"),
        (lambda say: say.moment(START, START), "17:30 UTC", "17:30 UTC", "17:30 UTC"),
        (
            lambda say: say.moment(START, START - 24 * HOUR),
            "17:30, 24 Nov UTC",
            "17:30, 24 nov. UTC",
            "11月24日 17:30 UTC",
        ),
    ],
)
def test_numbers_and_names_read_as_people_say_them(said: Any, english: str, french: str, chinese: str) -> None:
    assert [said(Speaker(words, UTC_ZONE)) for words in (EN, FR, ZH)] == [english, french, chinese]


@given(st.integers(min_value=0, max_value=10**9), st.sampled_from(sorted(LANGUAGES)))
def test_a_whole_number_keeps_its_digits(number: int, language: str) -> None:
    say = Speaker(LANGUAGES[language], UTC_ZONE)

    assert re.sub(r"\D", "", say.number(number)) == str(number)
    assert str(number)[-3:] in say.count(say.words.reports, number) or number == 0


def test_a_period_is_told_in_the_readers_zone_with_utc_beside() -> None:
    utc, london, shanghai = (Speaker(EN, ZoneInfo(zone)) for zone in ("UTC", "Europe/London", "Asia/Shanghai"))

    assert utc.period(START, HOUR) == "17:30–18:30 UTC, 24 Nov"
    assert london.period(START, HOUR) == "17:30–18:30 UTC, 24 Nov"
    assert shanghai.period(START, HOUR) == "01:30–02:30 in Shanghai, 25 Nov (17:30–18:30 UTC, 24 Nov)"
    assert shanghai.period(START - 9 * HOUR, HOUR) == "16:30–17:30 in Shanghai, 24 Nov (08:30–09:30 UTC)"
    assert shanghai.period(START, 24 * HOUR) == (
        "01:30, 25 Nov – 01:30, 26 Nov in Shanghai (17:30, 24 Nov – 17:30, 25 Nov UTC)"
    )
    assert Speaker(FR, PARIS).period(START, HOUR) == "18:30–19:30 à Paris, 24 nov. (17:30–18:30 UTC)"
    assert Speaker(ZH, SHANGHAI).period(START - 9 * HOUR, HOUR) == (
        "11月24日 Shanghai 时间 16:30–17:30（08:30–09:30 UTC）"
    )


def test_a_moment_is_told_with_its_day_where_that_is_another() -> None:
    say = Speaker(EN, SHANGHAI)

    assert say.moment(START, START) == "01:30 (17:30 UTC)"
    assert say.moment(START, START - 2 * HOUR) == "01:30, 25 Nov (17:30 UTC)"


def test_a_period_across_a_change_of_the_clocks_has_its_true_length() -> None:
    start = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    assert Speaker(EN, PARIS).period(start, HOUR) == "02:30–02:30 in Paris, 25 Oct (00:30–01:30 UTC)"
