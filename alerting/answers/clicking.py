"""What Slack sends over Socket Mode, read without trust: of a click what is needed, of all else that it came. Pure."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from alerting.content.tokens import action_id
from alerting.content.wording import clean
from alerting.delivery import Frozen
from alerting.rendering.slack import ACTION, OPEN
from deskwatch.records import Verb

Short = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]

_NAME: Final = 40


class Click(msgspec.Struct, frozen=True, kw_only=True):
    """A press of one of our buttons: on which message (the key of its delivery), and by whom."""

    verb: Verb
    key: str
    user: str
    by: str
    message_ts: str

    @property
    def action_id(self) -> str:
        """Return the id of its action: the same button of the same message, pressed by the same person, is one."""
        return action_id(f"slack|{self.message_ts}|{self.user}|{self.verb}")


class Hello(msgspec.Struct, frozen=True):
    """The connection stands."""


class Disconnect(msgspec.Struct, frozen=True):
    """Slack is about to end the connection."""

    reason: str


class Envelope(msgspec.Struct, frozen=True):
    """Something that has to be acknowledged; None if it is no click of ours, or one that needs nothing."""

    envelope_id: str
    click: Click | None


class Ignored(msgspec.Struct, frozen=True):
    """Nothing that we know."""


Message = Hello | Disconnect | Envelope | Ignored


class _Frame(msgspec.Struct):
    type: str = ""
    reason: str = ""
    envelope_id: str = ""
    payload: msgspec.Raw = msgspec.Raw(b"null")


class _User(msgspec.Struct):
    id: Short
    username: str = ""
    name: str = ""


class _Action(msgspec.Struct):
    action_id: Short
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]  # as long as Slack lets a button's be


class _Message(msgspec.Struct):
    ts: Short


class _Payload(msgspec.Struct):
    type: Literal["block_actions"]
    user: _User
    message: _Message
    actions: Annotated[list[_Action], msgspec.Meta(min_length=1, max_length=25)]


def read_message(text: str | bytes) -> Message:
    """Return what a frame is; whatever it holds, this raises nothing."""
    try:
        frame = msgspec.json.decode(text, type=_Frame)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return Ignored()
    if frame.envelope_id and len(frame.envelope_id) <= 500:
        return Envelope(frame.envelope_id, _read_click(frame.payload) if frame.type == "interactive" else None)
    if frame.type == "hello":
        return Hello()
    return Disconnect(clean(frame.reason, _NAME)) if frame.type == "disconnect" else Ignored()


def _read_click(raw: msgspec.Raw) -> Click | None:
    try:
        payload = msgspec.json.decode(raw, type=_Payload)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    pressed = payload.actions[0]
    name = pressed.action_id.removeprefix(ACTION)
    if name == pressed.action_id or name == OPEN or name not in set(Verb):
        return None
    return Click(
        verb=Verb(name),
        key=pressed.value,
        user=payload.user.id,
        by=clean(payload.user.username or payload.user.name or payload.user.id, _NAME),
        message_ts=payload.message.ts,
    )


def is_of(click: Click, opening: Frozen) -> bool:
    """Return whether a click is on the message that its key names."""
    return opening.channel == "slack" and opening.provider_ref in ("", click.message_ts)
