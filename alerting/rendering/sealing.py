"""DKIM signatures, for where no MTA makes them; needs the extra `dkim`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from alerting.settings import AlertingSettings
from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError

Seal = Callable[[bytes], bytes]

# RFC 8058 asks for both headers of the unsubscription; what is signed twice cannot be added once more on the way.
SIGNED: Final = tuple(
    b"from from to subject subject date message-id mime-version content-type auto-submitted list-id list-unsubscribe"
    b" list-unsubscribe-post reply-to in-reply-to references".split()
)


def create_seal(settings: AlertingSettings) -> Seal | None:
    """Return what signs a mail; None if the MTA does.

    Raises:
        ConfigError: the extra is not installed, or the key cannot be read or used.
    """
    if not settings.dkim_selector:
        return None
    try:
        import dkim
    except ImportError as error:
        message = "dkim_selector is set, but dkimpy is not installed: pip install 'deskwatch[dkim]'"
        raise ConfigError([Problem("alerting settings", 1, 1, message)]) from error
    file = settings.dkim_key_file
    try:
        key = Path(file).read_bytes()
    except OSError as error:
        raise ConfigError([Problem(file, 1, 1, f"{error.strerror}, but holds the key for DKIM")]) from error
    selector, domain = settings.dkim_selector.encode(), (settings.dkim_domain or settings.domain).encode()

    def seal(mail: bytes) -> bytes:
        present = {line.partition(b":")[0].lower() for line in mail.partition(b"\r\n\r\n")[0].split(b"\r\n")}
        headers = [name for name in SIGNED if name in present]
        signature: Any = dkim.sign(
            mail, selector, domain, key, canonicalize=(b"relaxed", b"relaxed"), include_headers=headers
        )
        return bytes(signature) + mail

    try:
        seal(b"From: a@b.example\r\n\r\n")
    except (dkim.DKIMException, ValueError, UnicodeError) as error:
        raise ConfigError([Problem(file, 1, 1, f"is no key for DKIM: {error}")]) from error
    return seal
