"""What Slack's answers mean for a delivery: which refusals are sure, which pass, and which say nothing."""

from __future__ import annotations

from typing import Any, Final

from alerting.delivery import Outcome, Reason
from deskwatch.records import DeliveryState

RATE_LIMITED: Final = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
CREDENTIALS: Final = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "token_revoked",
        "token_expired",
        "account_inactive",
        "missing_scope",
        "no_permission",
        "ekm_access_denied",
        "access_denied",
        "org_login_required",
        "team_added_to_org",
        "team_access_not_granted",
    }
)
BAD_TARGET: Final = frozenset(
    {
        "channel_not_found",
        "channel_is_archived",
        "is_archived",
        "not_in_channel",
        "user_not_found",
        "messages_tab_disabled",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
    }
)
BAD_CONTENT: Final = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "msg_blocks_too_long",
        "msg_too_long",
        "metadata_too_large",
        "metadata_must_be_sent_from_app",
        "no_text",
        "too_many_attachments",
        "invalid_arguments",
        "invalid_json",
        "json_not_object",
    }
)
BAD_THREAD: Final = frozenset({"cannot_reply_to_message", "thread_not_found"})
NOTHING_TO_EDIT: Final = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
CREDENTIALS_RETRY_S: Final = 60.0


def judge(status: int, retry_after_s: float, answer: dict[str, Any] | None) -> Outcome:
    """Return what an answer of chat.postMessage means; what is not surely one thing is UNKNOWN."""
    error = str((answer or {}).get("error", ""))
    detail = f"HTTP {status} {error}".rstrip()
    if status == 429 or error in RATE_LIMITED:
        return Outcome(
            state=DeliveryState.RETRY,
            reason=Reason.RATE_LIMITED,
            detail=detail,
            retry_after_s=retry_after_s or 1.0,
        )
    if answer is None or status != 200:
        return unknown(Reason.SERVER_FAULT, detail)
    if answer.get("ok") is True:
        return Outcome(state=DeliveryState.SENT, provider_ref=str(answer.get("ts", "")))
    if error in CREDENTIALS:
        return Outcome(
            state=DeliveryState.RETRY, reason=Reason.CREDENTIALS, detail=detail, retry_after_s=CREDENTIALS_RETRY_S
        )
    if error in BAD_TARGET:
        return Outcome(state=DeliveryState.DEAD, reason=Reason.BAD_TARGET, detail=detail)
    if error in BAD_THREAD:
        return Outcome(state=DeliveryState.DEAD, reason=Reason.BAD_THREAD, detail=detail)
    if error in NOTHING_TO_EDIT:
        return Outcome(state=DeliveryState.DEAD, reason=Reason.NOT_FOUND, detail=detail)
    if error in BAD_CONTENT:
        return Outcome(state=DeliveryState.DEAD, reason=Reason.BAD_CONTENT, detail=detail)
    return unknown(Reason.SERVER_FAULT, detail)  # internal_error, fatal_error, and whatever Slack invents next


def unknown(reason: Reason, detail: str) -> Outcome:
    """Return the outcome of a send that may or may not have arrived."""
    return Outcome(state=DeliveryState.UNKNOWN, reason=reason, detail=detail)
