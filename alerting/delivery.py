"""What a channel is: it sends frozen bytes once, says honestly what became of them, and can look them up afterwards."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec

from deskwatch.records import DeliveryKind, DeliveryState


class Reason(StrEnum):
    """Why a send did not succeed; also the `reason` of a delivery and a metric label."""

    NONE = ""
    CONNECT = "connect"  # nothing was sent
    RATE_LIMITED = "rate_limited"
    REFUSED_FOR_NOW = "refused_for_now"
    CREDENTIALS = "credentials"
    NO_ANSWER = "no_answer"  # sent, but whether it arrived is not known
    SERVER_FAULT = "server_fault"
    INTERRUPTED = "interrupted"  # this service ended between intent and outcome
    NOT_FOUND = "not_found"  # looked up after an unknown outcome: it did not arrive
    CANNOT_TELL = "cannot_tell"  # the provider could not be asked
    BAD_TARGET = "bad_target"
    BAD_CONTENT = "bad_content"
    BAD_THREAD = "bad_thread"  # it cannot be answered any more
    EXPIRED = "expired"
    NOT_MIRRORED = "not_mirrored"  # the broker did not take the intent, without which nothing is sent
    LEASE_LOST = "lease_lost"  # it took too long to write down the intent: another service may have taken over

    QUIET_HOURS = "quiet_hours"  # why a message is held, as the next four
    RATE_CAP = "rate_cap"
    SILENCED = "silenced"
    TOO_LATE = "too_late"
    BELOW = "below"  # the subscription asks for more severity
    ESCALATION = "escalation"  # held until it is clear that nobody takes note
    FALLBACK = "fallback"  # it goes to another target than it was meant for
    ACKNOWLEDGED = "acknowledged"  # so that it need not be escalated
    SUPERSEDED = "superseded"  # why a message is folded, as the next four
    IN_DIGEST = "in_digest"
    OVER = "over"  # it ended before it could be told
    UNSUBSCRIBED = "unsubscribed"  # the target is in no subscription any more
    SAME_EVENT = "same_event"  # another theme's episode with the same reports has been told


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery as the ledger keeps it: the same bytes at every attempt. One that is held has none yet."""

    key: str
    spike_id: str
    revision: int
    theme: str
    subscriber: str
    target: str
    channel: str  # one of roster.CHANNELS
    address: str  # or where it is kept, if it is a secret
    body: bytes
    summary: str  # for the terminal
    created_at: float  # seconds since the epoch, as all times of the ledger
    recorded_at: float  # when the spike came onto its topic
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    not_before: float = 0.0
    intent_at: float = 0.0
    kind: DeliveryKind = DeliveryKind.OPENING
    thread: str = ""  # the key of the opening that it follows
    reason: Reason = Reason.NONE
    provider_ref: str = ""
    thread_ref: str = ""  # the provider's name of that opening; filled in when it is due

    @property
    def name(self) -> str:
        """Return `subscriber/target`."""
        return f"{self.subscriber}/{self.target}"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one attempt: SENT, RETRY (surely not sent), UNKNOWN (perhaps sent) or DEAD (never will be)."""

    state: DeliveryState
    reason: Reason = Reason.NONE
    detail: str = ""  # for the log
    provider_ref: str = ""  # Slack's ts, the mail's Message-ID
    retry_after_s: float = 0.0


class Found(StrEnum):
    """The answer to: did this delivery arrive?"""

    YES = "found"
    NO = "absent"
    CANNOT_TELL = "unknown"
    ASK_AGAIN = "ask_again"  # the provider does not answer at the moment


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says about a delivery."""

    found: Found
    provider_ref: str = ""


class Channel(Protocol):
    """A way to a target. Neither method raises for anything a provider can do."""

    async def send(self, frozen: Frozen) -> Outcome:
        """Send once, without any retry of its own."""

    async def look_up(self, frozen: Frozen) -> Lookup:
        """Say whether an earlier send of these bytes arrived."""

    async def close(self) -> None:
        """Give connections back."""
