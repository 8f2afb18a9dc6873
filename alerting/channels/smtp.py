"""The mail channel: one recipient per transaction, one connection per mail, and the MTA's log as the memory."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable
from email.utils import parseaddr
from pathlib import Path
from typing import Final

import aiosmtplib

from alerting.delivery import Found, Frozen, Lookup, Outcome, Reason
from alerting.rendering.mail import message_id
from alerting.settings import AlertingSettings
from deskwatch.records import DeliveryState

_TAIL_BYTES: Final = 32 * 1024 * 1024
_PASSING: Final = range(400, 500)  # SMTP's 4xx: try again


class SmtpChannel:
    """Submits mails to an MTA, which then owns queueing, bounces and signatures."""

    def __init__(self, settings: AlertingSettings, password: str) -> None:
        self._settings = settings
        self._password = password
        self._sender = parseaddr(settings.sender)[1]

    async def send(self, frozen: Frozen) -> Outcome:
        """Submit once; what happens after the final dot without an answer is UNKNOWN."""
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            use_tls=settings.smtp_tls == "implicit",
            start_tls=settings.smtp_tls == "starttls",
            username=settings.smtp_username or None,
            password=self._password or None,
            local_hostname=settings.domain,  # the library's default asks the DNS, which may take its time
            timeout=settings.smtp_timeout_s,
        )
        try:
            try:
                await client.connect()
            except aiosmtplib.SMTPAuthenticationError as error:
                return _retry(Reason.CREDENTIALS, error)
            except (aiosmtplib.SMTPException, OSError, ValueError) as error:
                return _retry(Reason.CONNECT, error)
            return await self._submit(client, frozen)
        finally:
            client.close()

    async def look_up(self, frozen: Frozen) -> Lookup:
        """Say whether the MTA's log has the mail's acceptance; without a log nobody can tell."""
        identity = message_id(frozen.key, self._settings.domain)
        if not self._settings.reconcile_log:
            return Lookup(found=Found.CANNOT_TELL)
        path = Path(self._settings.reconcile_log)
        try:
            lines = [*_tail(path.with_name(f"{path.name}.1"), required=False), *_tail(path)]
        except OSError:
            return Lookup(found=Found.CANNOT_TELL)
        accepted = is_accepted(lines, identity.strip("<>"))
        return Lookup(found=Found.YES if accepted else Found.NO, provider_ref=identity)

    async def close(self) -> None:
        """Do nothing: every mail has its own connection."""

    async def _submit(self, client: aiosmtplib.SMTP, frozen: Frozen) -> Outcome:
        """Go through one transaction; up to the final dot nothing has been sent, whatever happens."""
        try:
            await client.mail(self._sender)
            await client.rcpt(frozen.address)
        except aiosmtplib.SMTPSenderRefused as error:
            # That this sender may not send (or must log in first) is for ops to mend; the alert waits for it.
            return _retry(Reason.REFUSED_FOR_NOW if error.code in _PASSING else Reason.CREDENTIALS, error)
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error, Reason.BAD_TARGET)
        except (aiosmtplib.SMTPException, OSError) as error:
            return _retry(Reason.CONNECT, error)
        try:
            await client.data(frozen.body)
        except aiosmtplib.SMTPDataError as error:
            return _refused(error, Reason.BAD_CONTENT)
        except (aiosmtplib.SMTPException, OSError) as error:
            detail = f"{type(error).__name__}: {error}"
            return Outcome(state=DeliveryState.UNKNOWN, reason=Reason.NO_ANSWER, detail=detail)
        return Outcome(state=DeliveryState.SENT, provider_ref=message_id(frozen.key, self._settings.domain))


def is_accepted(lines: Iterable[str], identity: str) -> bool:
    """Return whether an MTA's log says that it took responsibility for the message with this Message-ID.

    Args:
        lines: Of exim's main log (`<= ... id=...`) or of Postfix (`message-id=<...>`, then the queue manager's line
            of the same queue id; a message that a filter refused has only the first).
        identity: Message-ID without angle brackets.
    """
    queued: set[str] = set()
    exim = re.compile(rf" <= .* id={re.escape(identity)}(?:\s|$)")
    cleanup = re.compile(rf"/cleanup\[\d+\]: (\w+): message-id=<{re.escape(identity)}>")
    manager = re.compile(r"/qmgr\[\d+\]: (\w+): from=<")
    for line in lines:
        if exim.search(line):
            return True
        if found := cleanup.search(line):
            queued.add(found[1])
        elif (found := manager.search(line)) and found[1] in queued:
            return True
    return False


def _tail(path: Path, *, required: bool = True) -> Iterable[str]:
    """Return the last lines of a log; no line if it need not be there."""
    if not required and not path.exists():
        return ()
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES), os.SEEK_SET)
        return deque(line.decode("utf-8", "replace") for line in file)


def _refused(error: aiosmtplib.SMTPResponseException, permanent: Reason) -> Outcome:
    detail = f"{error.code} {error.message}"
    if error.code in _PASSING:
        return Outcome(state=DeliveryState.RETRY, reason=Reason.REFUSED_FOR_NOW, detail=detail)
    return Outcome(state=DeliveryState.DEAD, reason=permanent, detail=detail)


def _retry(reason: Reason, error: Exception) -> Outcome:
    return Outcome(state=DeliveryState.RETRY, reason=reason, detail=f"{type(error).__name__}: {error}")
