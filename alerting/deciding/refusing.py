"""What the owner of a subscription file is told when an edit is refused: once, by mail, through the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from alerting.content.wording import clean
from alerting.delivery import Frozen
from alerting.rendering.mail import render_notice_mail
from alerting.settings import AlertingSettings
from deskwatch.configfile import Problem
from deskwatch.records import DeliveryKind

SHOWN: Final = 50  # problems; one slip in a shared file can make hundreds

_MAX_LINE: Final = 400


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration that was not taken over; `digest` tells one refused content from another."""

    digest: str
    problems: tuple[Problem, ...]
    config_dir: Path
    held_since: datetime


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A mail of plain text."""

    subject: str
    text: str


Tell = Callable[[str, Refusal], None]  # the owner's address, and what to tell


def compose_problems(problems: Sequence[Problem], config_dir: Path, held_since: datetime) -> Notice:
    """Return what is wrong, a line for each problem, and what holds meanwhile."""
    number = len(problems)
    counted = "1 problem" if number == 1 else f"{number} problems"
    lines = [clean(str(_beside(problem, config_dir)), _MAX_LINE) for problem in problems[:SHOWN]]
    more = [f"and {number - SHOWN} more"] if number > SHOWN else []
    text = "\n".join(
        [
            "The subscription files were changed, and the change was not taken over:",
            "",
            *(f"  {line}" for line in [*lines, *more]),
            "",
            f"Nothing is lost: what held since {held_since.astimezone(UTC):%Y-%m-%d %H:%M} UTC still holds, for",
            "everybody, until all files are in order again. Then the change is taken over by itself.",
            "`deskwatch check` says the same before you save.",
            "",
            "You get this because a subscription file names you as its owner.",
            "",
        ]
    )
    return Notice(subject=f"[CONFIG] Your change was not taken over: {counted}", text=text)


def freeze_refusal(refusal: Refusal, owner: str, settings: AlertingSettings, now: datetime) -> Frozen:
    """Return the mail to one owner in its final bytes, under the key `config|digest|owner|mail`."""
    notice = compose_problems(refusal.problems, refusal.config_dir, refusal.held_since)
    key = f"config|{refusal.digest}|{owner}|mail"
    body = render_notice_mail(
        notice.subject, notice.text, delivery_key=key, address=owner, created_at=now, settings=settings
    )
    return Frozen(
        key=key,
        spike_id="",
        revision=0,
        theme="",
        # Subscribers' names become parts of file names, which an address may not.
        subscriber=f"owner-{blake2b(owner.encode(), digest_size=6).hexdigest()}",
        target="mail",
        channel="mail",
        address=owner,
        body=body,
        summary=notice.subject,
        created_at=now.timestamp(),
        recorded_at=now.timestamp(),
        kind=DeliveryKind.CONFIG,
    )


def _beside(problem: Problem, config_dir: Path) -> Problem:
    path = Path(problem.file)
    if not path.is_relative_to(config_dir):
        return problem
    return msgspec.structs.replace(problem, file=path.relative_to(config_dir).as_posix())
