"""Where a secret is, without being it: `$NAME` is a variable, anything else a file.

An address that is a secret stands in the configuration, in the ledger and in logs only as such a reference. It is
followed at each send, so that a secret may be exchanged while the service runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from alerting.settings import read_secret
from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError

VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def refer(env: str, file: str) -> str:
    """Return the reference to what a variable or a file holds."""
    return f"${env}" if env else file


def mistakes(env: str, file: str, what: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a reference, as a key (empty: both) and a message.

    What stands there may be the secret itself, and is not repeated.
    """
    if bool(env) == bool(file):
        yield "", f"needs either '{what}_env' or '{what}_file': the variable or the file that holds it"
    if env and not VARIABLE.fullmatch(env):
        yield f"{what}_env", "is no name of a variable; a secret itself must not stand here"
    if file and (not file.isprintable() or " " in file or "://" in file or file.startswith("$")):
        yield f"{what}_file", "is no path without spaces; a secret itself must not stand here"


def follow(reference: str, environ: Mapping[str, str], what: str) -> str:
    """Return the secret.

    Args:
        what: It is, for the error.

    Raises:
        ConfigError: there is none; it names the place, never what is there.
    """
    name = reference.removeprefix("$")
    is_variable = name != reference
    found = read_secret(environ, env=name if is_variable else "", file="" if is_variable else reference, what=what)
    if not (secret := found.strip()):
        raise ConfigError([Problem(reference, 1, 1, f"is empty, but should hold the {what}")])
    return secret


def follow_to_url(reference: str, environ: Mapping[str, str], what: str) -> str:
    """Return a secret web address; as `follow`, and it must be http or https, without a user's name."""
    url = follow(reference, environ, what)
    if not is_web_address(url):
        message = f"holds no address such as https://host/path, without a user's name, for the {what}"
        raise ConfigError([Problem(reference, 1, 1, message)])
    return url


def is_web_address(url: str) -> bool:
    """Return whether a request can go there. Private addresses may be meant: these are the operator's own."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises when it is no number
    except ValueError:
        return False
    is_plain = url.isascii() and url.isprintable() and " " not in url
    return is_plain and parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
