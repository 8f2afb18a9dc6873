"""An MTA on 127.0.0.1 (aiosmtpd) that keeps what it accepts, writes exim's log lines, and has faults."""

from __future__ import annotations

import random
import time
from collections import deque
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True, kw_only=True)
class Faults:
    """How often, in 0..1, a transaction goes wrong in a way."""

    later_recipient: float = 0.0  # 451 at RCPT
    later_data: float = 0.0  # 452 after the final dot, nothing accepted
    drop_after: float = 0.0  # accepted, then the connection ends without an answer

    def kinds(self) -> dict[str, float]:
        """Return the probability of each kind."""
        return {name: getattr(self, name) for name in ("later_recipient", "later_data", "drop_after")}


@dataclass
class FakeSmtp:
    """A server; a context manager. `script` holds faults for the next transactions, before those of chance.

    Beside the faults of chance it knows `no_such_user` (550 at RCPT), `refuse_data` (554) and `sender_refused` (550).
    """

    faults: Faults = field(default_factory=Faults)
    seed: int = 0
    log: Path | None = None
    script: deque[str] = field(default_factory=deque)
    accepted: list[tuple[str, bytes]] = field(default_factory=list)  # recipient, message
    accepted_at: list[float] = field(default_factory=list)
    transactions: int = 0
    port: int = 0

    def __enter__(self) -> FakeSmtp:
        self._random = random.Random(self.seed)
        self._controller = _Controller(_Handler(self), hostname="127.0.0.1", port=0, server_hostname="mx.example")
        self._controller.start()
        self.port = self._controller.port
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def mails(self) -> list[EmailMessage]:
        """Return the accepted mails, parsed."""
        return [message_from_bytes(raw, policy=default) for _, raw in self.accepted]  # type: ignore[misc]

    def accept(self, recipient: str, raw: bytes) -> None:
        """Take responsibility for a message."""
        self.accepted.append((recipient, raw))
        self.accepted_at.append(time.time())
        if self.log is not None:
            identity = str(message_from_bytes(raw)["Message-ID"]).strip("<>")
            with self.log.open("a") as log:
                log.write(f"2026-11-24 14:02:00 1xY-0 <= a@b.example H=localhost P=esmtp S=1 id={identity}\n")

    def fault(self) -> str:
        """Return what goes wrong with the next transaction."""
        if self.script:
            return self.script.popleft()
        drawn = self._random.random()
        for kind, probability in self.faults.kinds().items():
            if drawn < probability:
                return kind
            drawn -= probability
        return ""


class _Controller(Controller):
    def _trigger_server(self) -> None:
        """Learn the port before the controller probes it: it would probe port 0."""
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class _Handler:
    def __init__(self, fake: FakeSmtp) -> None:
        self._fake = fake

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self._fake.transactions += 1
        envelope.fault = self._fake.fault()  # type: ignore[attr-defined]
        if envelope.fault == "sender_refused":  # type: ignore[attr-defined]
            return "550 5.7.1 not from here"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Any, address: str, options: list[str]) -> str:
        if envelope.fault == "later_recipient":
            return "451 4.7.1 come back later"
        if envelope.fault == "no_such_user":
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Any) -> str:
        if envelope.fault == "later_data":
            return "452 4.3.1 disk full"
        if envelope.fault == "refuse_data":
            return "554 5.6.0 not this"
        for recipient in envelope.rcpt_tos:
            self._fake.accept(recipient, envelope.original_content)
        if envelope.fault == "drop_after":
            server.transport.abort()
        return "250 OK queued"
