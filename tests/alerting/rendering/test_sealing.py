"""DKIM signatures, verified against a DNS that is a dictionary."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.messages import make_match, opened, see
from fakes.spikes import ONSET

from alerting.content.message import compose
from alerting.content.offering import Offerer
from alerting.content.tokens import Signer
from alerting.rendering.sealing import create_seal
from alerting.settings import AlertingSettings
from deskwatch.errors import ConfigError

MISSING = "needs the extra dkim: pip install 'deskwatch[dkim]'"
OFFERER = Offerer(signer=Signer(b"a secret of the desk"), public_url="https://desk.example")

Seal = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def dkim() -> Any:
    return pytest.importorskip("dkim", reason=MISSING)


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a new private key."""
    file = tmp_path_factory.mktemp("dkim") / "key.pem"
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", file, "2048"], check=True, capture_output=True)
    return file


@pytest.fixture(scope="module")
def dns(key_file: Path) -> Callable[..., bytes]:
    """Return a DNS with the public key."""
    command = ["openssl", "rsa", "-in", key_file, "-pubout", "-outform", "DER"]
    public = subprocess.run(command, check=True, capture_output=True).stdout
    records = {b"news._domainkey.desk.example.": b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)}
    return lambda name, timeout=5: records.get(name, b"")


def settings(key_file: Path, **changes: str) -> AlertingSettings:
    values = {"sender": "Night Desk <alerts@desk.example>", "dkim_selector": "news", "dkim_key_file": str(key_file)}
    return AlertingSettings(**(values | changes))


def signed(key_file: Path) -> bytes:
    offer = OFFERER.offer("desk", "mail", "taiwan", "spike-1", ONSET)
    seal = create_seal(settings(key_file))
    assert seal is not None
    return seal(see(compose(opened(), make_match(), title="Taiwan", offer=offer)).raw)


def test_a_signed_mail_is_verified(dkim: Any, key_file: Path, dns: Callable[..., bytes]) -> None:
    mail = signed(key_file)

    assert mail.startswith(b"DKIM-Signature: ")
    assert dkim.verify(mail, dnsfunc=dns)
    header = mail.partition(b"\r\nFrom:")[0].lower()
    assert b"list-unsubscribe-post" in header.replace(b"\r\n ", b"").replace(b" ", b"")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click", b"List-Unsubscribe-Post: List-Unsubscribe=Two-Click"),
        (b"List-Unsubscribe: <https://desk.example", b"List-Unsubscribe: <https://evil.example"),
        (b"To: desk@example.org", b"To: rival@example.org"),
        (b"Subject: ", b"Subject: Fw: "),
        (b"Subject: ", b"From: Chief <chief@evil.example>\r\nSubject: "),
        (b"14 reports", b"99 reports"),
    ],
    ids=["post", "address", "recipient", "subject", "second sender", "text"],
)
def test_what_was_changed_on_the_way_is_not(
    dkim: Any, key_file: Path, dns: Callable[..., bytes], old: bytes, new: bytes
) -> None:
    mail = signed(key_file)
    assert old in mail

    assert not dkim.verify(mail.replace(old, new, 1), dnsfunc=dns)


def test_a_key_that_is_none_is_refused_at_the_start(dkim: Any, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    with pytest.raises(ConfigError, match="No such file or directory, but holds the key for DKIM"):
        create_seal(settings(file))
    for text in ("", "no key", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"):
        file.write_text(text)
        with pytest.raises(ConfigError, match="is no key for DKIM"):
            create_seal(settings(file))


def test_without_a_selector_nothing_is_signed() -> None:
    assert create_seal(AlertingSettings()) is None


def test_without_the_extra_the_error_says_how_to_get_it(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dkim", None)  # as Python marks what cannot be imported

    with pytest.raises(ConfigError, match=r"pip install 'deskwatch\[dkim\]'"):
        create_seal(settings(key_file))
