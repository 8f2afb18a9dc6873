from __future__ import annotations

import pytest
from fakes.spikes import make_headline, make_spike
from hypothesis import given
from hypothesis import strategies as st

from alerting.rules.matching import RANK, is_wanted, match, refusal
from alerting.rules.roster import Only, Placed, Roster, Subscriber, Subscription, Target
from deskwatch.records import Severity

THEMES = ("taiwan", "tariffs", "sanctions")
LANGUAGES = ("en", "en-GB", "zh", "zh-Hans", "ru", "und")

severities = st.sampled_from(list(Severity))
languages = st.lists(st.sampled_from(LANGUAGES), max_size=4).map(tuple)
subscribers = st.lists(st.sampled_from(["asia", "trade", "duty"]), min_size=1, unique=True).map(
    lambda names: {
        name: Subscriber(name=name, targets=(Target(name="mail", email=f"{name}@example.org"), SLACK)) for name in names
    }
)
SLACK = Target(name="slack", slack="#desk")


@st.composite
def rosters(draw: st.DrawFn) -> Roster:
    people = draw(subscribers)
    subscriptions = st.builds(
        Subscription,
        name=st.sampled_from(["one", "two"]),
        subscriber=st.sampled_from(sorted(people)),
        themes=st.lists(st.sampled_from(THEMES), min_size=1).map(tuple),
        min_severity=severities,
        only=st.builds(Only, languages=languages),
    )
    placed = st.builds(Placed, subscription=subscriptions, place=st.just("subscriptions/a.yaml:1"))
    return Roster(subscribers=people, subscriptions=tuple(draw(st.lists(placed, max_size=6))))


@given(rosters(), st.sampled_from(THEMES), severities, languages)
def test_a_target_is_matched_once_and_only_for_its_own_subscribers_wishes(
    roster: Roster, theme: str, severity: Severity, spoken: tuple[str, ...]
) -> None:
    matches = match(make_spike(theme=theme, severity=severity, languages=spoken), roster)

    names = [found.name for found in matches]
    assert names == sorted(set(names))
    for found in matches:
        assert found.because
        for placed in found.because:
            assert placed.subscription.subscriber == found.subscriber.name
            assert theme in placed.subscription.themes
            assert RANK[severity] >= RANK[placed.subscription.min_severity]


@given(
    st.builds(
        Subscription,
        name=st.just("s"),
        subscriber=st.just("d"),
        themes=st.just(("taiwan",)),
        min_severity=severities,
        only=st.builds(Only, languages=languages),
    ),
    severities,
    severities,
    languages,
)
def test_a_higher_minimum_never_adds_a_match_and_a_higher_severity_never_loses_one(
    subscription: Subscription, one: Severity, other: Severity, spoken: tuple[str, ...]
) -> None:
    lower, higher = sorted((one, other), key=RANK.__getitem__)

    if is_wanted("taiwan", lower, spoken, subscription):
        assert is_wanted("taiwan", higher, spoken, subscription)


@given(languages, languages)
def test_asking_for_more_languages_never_loses_a_match(asked: tuple[str, ...], spoken: tuple[str, ...]) -> None:
    narrow = Subscription(name="s", subscriber="d", themes=("taiwan",), only=Only(languages=asked))
    wide = Subscription(name="s", subscriber="d", themes=("taiwan",), only=Only(languages=(*asked, "ru")))

    if asked and is_wanted("taiwan", Severity.HIGH, spoken, narrow):
        assert is_wanted("taiwan", Severity.HIGH, spoken, wide)


def test_a_language_is_asked_for_with_its_variants_and_an_unknown_one_silences_nobody() -> None:
    subscription = Subscription(name="s", subscriber="d", themes=("taiwan",), only=Only(languages=("en",)))

    wanted = {
        spoken: is_wanted("taiwan", Severity.HIGH, spoken, subscription)
        for spoken in (("en-GB",), ("ru", "en"), ("ru",), ("und",), (), ("ru", "und"))
    }

    assert wanted == {
        ("en-GB",): True,
        ("ru", "en"): True,
        ("ru",): False,
        ("und",): True,
        (): True,
        ("ru", "und"): False,
    }


@given(st.floats(0.001, 1.0), st.floats(0.01, 10.0))
def test_subscription_that_accepts_fewer_false_alerts_waits_for_a_surer_episode(rate: float, accepted: float) -> None:
    subscription = Subscription(
        name="one", subscriber="asia", themes=THEMES, min_severity=Severity.LOW, false_alerts_per_month=accepted
    )
    assert is_wanted("taiwan", Severity.LOW, (), subscription, rate) == (rate <= accepted)
    assert is_wanted("taiwan", Severity.LOW, (), subscription)  # a record of an older version names no rate


@pytest.mark.parametrize(
    ("only", "is_matched"),
    [
        (Only(), True),
        (Only(outlets=("example wire",)), True),
        (Only(outlets=("Harbour Times", "Other")), True),
        (Only(outlets=("Other",)), False),
        (Only(terms=("PATROL boats",)), True),
        (Only(terms=("strait",)), True),
        (Only(terms=("tariff",)), False),
        (Only(terms=("patrol",), outlets=("Other",)), False),
    ],
)
def test_only_asks_for_outlets_and_for_words_of_the_headlines(only: Only, is_matched: bool) -> None:
    spike = make_spike(outlets=("Harbour Times",), headlines=(make_headline(terms=("Taiwan Strait",)),))

    assert bool(match(spike, roster_of(only))) is is_matched
    assert bool(refusal(roster_of(only).subscriptions[0].subscription, spike)) is not is_matched


def test_where_neither_outlets_nor_headlines_are_known_nobody_is_left_out() -> None:
    only = Only(outlets=("Other",), terms=("tariff",))

    assert match(make_spike(headlines=()), roster_of(only))


def roster_of(only: Only) -> Roster:
    desk = Subscriber(name="desk", targets=(Target(name="mail", email="a@b.example"),))
    subscription = Subscription(name="s", subscriber="desk", themes=("taiwan",), only=only)
    return Roster(subscribers={"desk": desk}, subscriptions=(Placed(subscription=subscription, place="a.yaml:1"),))
