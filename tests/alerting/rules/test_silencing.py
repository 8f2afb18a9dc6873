from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import msgspec

from alerting.rules.silencing import LONGEST, Silences
from deskwatch.records import Action, Verb

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
_ids = itertools.count()


def make_action(verb: Verb = Verb.SILENCE, **changes: object) -> Action:
    values = {
        "action_id": f"a{next(_ids)}",
        "verb": verb,
        "subscriber": "desk",
        "at": NOW,
        "spike_id": "spike-1",
    } | changes
    return Action(**values)  # type: ignore[arg-type]


def until(*actions: Action, subscriber: str = "desk", spike_id: str = "spike-1", at: datetime = NOW) -> datetime | None:
    silences = Silences()
    for action in actions:
        silences.take(action)
    return silences.until(subscriber, "taiwan", spike_id, at)


def test_a_silence_of_an_episode_is_for_one_subscriber_and_ends() -> None:
    end = NOW + timedelta(hours=4)
    silence = make_action(until=end)

    assert until(silence) == end
    assert until(silence, subscriber="other") is None
    assert until(silence, spike_id="spike-2") is None
    assert until(silence, at=end) is None


def test_a_silence_of_a_theme_holds_for_all_its_episodes_and_a_star_for_everybody() -> None:
    end = NOW + timedelta(hours=4)
    silence = make_action(theme="taiwan", subscriber="*", until=end)

    assert until(silence, subscriber="anybody", spike_id="spike-9") == end


def test_no_silence_lasts_longer_than_thirty_days() -> None:
    assert until(make_action(until=NOW + timedelta(days=400))) == NOW + LONGEST


def test_a_later_action_about_the_same_replaces_the_earlier() -> None:
    assert until(make_action(until=NOW + timedelta(hours=4)), make_action(until=NOW)) is None


def test_an_acknowledgement_silences_nothing() -> None:
    silences = Silences()
    silences.take(make_action(Verb.ACKNOWLEDGE))

    assert silences.until("desk", "taiwan", "spike-1", NOW) is None
    assert silences.is_acknowledged("desk", "spike-1")
    assert not silences.is_acknowledged("desk", "spike-2")


def taken(*actions: Action) -> Silences:
    silences = Silences()
    for action in actions:
        silences.take(action)
    return silences


def test_the_same_action_twice_is_once() -> None:
    first = make_action(until=NOW + timedelta(hours=4))
    again = msgspec.structs.replace(first, at=NOW + timedelta(hours=1), until=NOW + timedelta(hours=5))
    silences = Silences()

    assert silences.take(first)
    assert not silences.take(again)
    assert silences.until("desk", "taiwan", "spike-1", NOW) == first.until
    assert silences.known(first.action_id) == first


def test_an_unsubscription_is_for_one_target_and_theme_and_does_not_end() -> None:
    silences = taken(make_action(Verb.UNSUBSCRIBE, theme="taiwan", target="mail"))
    later = NOW + timedelta(days=400)

    assert silences.is_unsubscribed("desk", "mail", "taiwan", later)
    assert not silences.is_unsubscribed("desk", "slack", "taiwan", later)
    assert not silences.is_unsubscribed("desk", "mail", "tariffs", later)
    assert not silences.is_unsubscribed("other", "mail", "taiwan", later)
    assert silences.until("desk", "taiwan", "spike-1", NOW) is None
    assert [one.target for one in silences.current(later)] == ["mail"]


def test_an_unsubscription_without_a_target_is_for_all_and_can_be_taken_back() -> None:
    gone = make_action(Verb.UNSUBSCRIBE, theme="taiwan")
    back = make_action(Verb.UNSUBSCRIBE, theme="taiwan", until=NOW)

    assert taken(gone).is_unsubscribed("desk", "anything", "taiwan", NOW)
    assert not taken(gone, back).is_unsubscribed("desk", "anything", "taiwan", NOW)
    assert list(taken(gone, back).current(NOW)) == []


def test_what_is_said_of_an_episode_is_who_took_note_first_the_silence_that_holds_and_the_last_verdict() -> None:
    ann = make_action(Verb.ACKNOWLEDGE, by="ann")
    silence = make_action(theme="taiwan", until=NOW + timedelta(hours=4))
    verdict = make_action(Verb.NOT_USEFUL, by="bob", theme="taiwan")
    silences = taken(ann, make_action(Verb.ACKNOWLEDGE, by="bob"), silence, make_action(Verb.USEFUL, by="cat"), verdict)

    assert silences.about("desk", "taiwan", "spike-1", NOW) == (ann, silence, verdict)
    assert silences.about("desk", "taiwan", "spike-1", NOW + timedelta(hours=5)) == (ann, verdict)
    assert silences.about("desk", "taiwan", "spike-2", NOW) == (silence,)
    assert silences.about("other", "taiwan", "spike-1", NOW) == ()


def test_the_last_verdict_of_each_officer_about_each_episode_counts() -> None:
    verdicts = [
        make_action(Verb.USEFUL, by="ann", theme="taiwan"),
        make_action(Verb.NOT_USEFUL, by="ann", theme="taiwan"),
        make_action(Verb.NOT_USEFUL, by="bob", theme="taiwan"),
        make_action(Verb.USEFUL, by="ann", theme="taiwan", spike_id="spike-2"),
    ]

    assert taken(*verdicts).verdicts() == {("taiwan", Verb.NOT_USEFUL): 2, ("taiwan", Verb.USEFUL): 1}
