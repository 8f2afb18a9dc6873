from __future__ import annotations

import json
from typing import Any

import pytest
from fakes.frozen import make_frozen
from fakes.socketmode import block_actions
from hypothesis import given
from hypothesis import strategies as st

from alerting.answers.clicking import Click, Disconnect, Envelope, Hello, Ignored, is_of, read_message
from deskwatch.records import Verb

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


def read(payload: Any, kind: str = "interactive") -> Click | None:
    message = read_message(json.dumps({"envelope_id": "e1", "type": kind, "payload": payload}))
    assert isinstance(message, Envelope)
    assert message.envelope_id == "e1"
    return message.click


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return a press with something else at a path; None removes it."""
    payload = block_actions()
    *parents, name = path.split(".")
    place: Any = payload
    for parent in parents:
        place = place[int(parent) if parent.isdigit() else parent]
    if value is None:
        del place[name]
    else:
        place[name] = value
    return payload


def test_a_press_is_a_verb_on_a_message_by_somebody() -> None:
    click = read(block_actions("not_useful", user="bob", ts="1764.5"))

    assert click is not None
    assert (click.verb, click.key, click.by) == (Verb.NOT_USEFUL, "spike-1|0|china-desk|slack", "bob")
    assert click.message_ts == "1764.5"


def test_the_same_button_pressed_again_by_the_same_person_is_the_same_action() -> None:
    ids = [
        click.action_id
        for press in ({}, {}, {"user": "bob"}, {"verb": "silence"}, {"ts": "2.5"})
        if (click := read(block_actions(**press))) is not None
    ]

    assert len(ids) == 5
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


def test_hello_and_disconnect_are_known() -> None:
    assert read_message('{"type":"hello","num_connections":1}') == Hello()
    assert read_message('{"type":"disconnect","reason":"refresh_requested"}') == Disconnect("refresh_requested")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("type", "view_submission"),
        ("user", None),
        ("user.id", 7),
        ("user.id", ""),
        ("message", None),
        ("message.ts", {"$gt": ""}),
        ("actions", []),
        ("actions", {"0": {}}),
        ("actions.0.action_id", "deskwatch.grant"),
        ("actions.0.action_id", "acknowledge"),
        ("actions.0.action_id", "deskwatch.open"),
        ("actions.0.value", None),
        ("actions.0.value", ["spike-1|0|china-desk|slack"]),
        ("actions.0.value", "x" * 5000),
    ],
)
def test_what_is_no_press_of_our_buttons_is_acknowledged_and_nothing_else(path: str, value: Any) -> None:
    assert read(changed(path, value)) is None


def test_other_kinds_of_envelopes_are_no_clicks() -> None:
    assert read(block_actions(), "slash_commands") is None
    assert read(None) is None


def test_a_hostile_name_is_tamed() -> None:
    click = read(changed("user.username", "<!channel>\n\u202eann" + "x" * 900))

    assert click is not None
    assert len(click.by) <= 40
    assert "\n" not in click.by
    assert "\u202e" not in click.by


@given(json_values)
def test_no_payload_raises(payload: Any) -> None:
    assert read(payload) is None


@given(st.text(max_size=200) | json_values.map(json.dumps))
def test_no_frame_raises(text: str) -> None:
    assert isinstance(read_message(text), Ignored | Hello | Disconnect | Envelope)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "\ud800", "", "null"])
def test_absurd_frames_are_ignored(text: str) -> None:
    assert read_message(text) == Ignored()


def test_a_key_counts_only_on_its_own_message() -> None:
    click = read(block_actions(ts="1.5"))

    assert click is not None
    assert is_of(click, make_frozen(provider_ref="1.5"))
    assert not is_of(click, make_frozen(provider_ref="1.6"))
    assert not is_of(click, make_frozen(channel="mail", provider_ref="1.5"))
