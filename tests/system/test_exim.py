"""Mails through a real exim4 on loopback: what it says in its log decides what goes again."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from fakes.frozen import make_frozen

from alerting.answers.bounces import Bounce, read_bounce
from alerting.channels.smtp import SmtpChannel
from alerting.delivery import Found, Frozen, Outcome
from alerting.rendering.mail import message_id
from alerting.settings import AlertingSettings
from deskwatch.records import DeliveryState

pytestmark = pytest.mark.system

EXIM_MISSING = "needs exim4: apt-get install exim4-daemon-light"
CONFIG = """\
primary_hostname = mx.example
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
spool_directory = {directory}/spool
log_file_path = {directory}/log/%slog
pid_file_path = {directory}/exim.pid
exim_user = {user}
exim_group = {group}
never_users =
log_selector = +received_recipients
tls_advertise_hosts =
prdr_enable = false
keep_environment =
acl_smtp_rcpt = check_rcpt
acl_smtp_data = accept
begin acl
check_rcpt:
  deny local_parts = nobody
       message = 5.1.1 no such user
  accept
begin routers
gone:
  driver = redirect
  local_parts = gone
  allow_fail
  data = :fail: no such user
all:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  directory = {directory}/box
  create_directory
  user = {user}
  group = {group}
begin retry
* * F,1h,5m
"""


@dataclass
class Exim:
    directory: Path
    port: int
    box: Path = field(init=False)

    def __post_init__(self) -> None:
        self.box = self.directory / "box"

    @property
    def log(self) -> Path:
        return self.directory / "log" / "mainlog"

    def mails(self) -> list[bytes]:
        return [path.read_bytes() for path in self.box.iterdir()] if self.box.exists() else []


@pytest.fixture(scope="module")
def exim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exim]:
    program = shutil.which("exim4", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip(EXIM_MISSING)
    directory = tmp_path_factory.mktemp("exim")
    user = pwd.getpwnam("Debian-exim") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for name in ("spool", "log"):
        (directory / name).mkdir()
    (directory / "exim.conf").write_text(
        CONFIG.format(directory=directory, port=port, user=user.pw_name, group=user.pw_gid)
    )
    if os.getuid() == 0:
        for parent in list(directory.parents)[:2]:  # pytest's own directories are closed to others
            parent.chmod(0o755)
        for path in (directory, *directory.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid)
    command = [program, "-C", str(directory / "exim.conf"), "-bdf", "-q1h"]
    with subprocess.Popen(
        command, user=user.pw_uid if os.getuid() == 0 else None, group=user.pw_gid if os.getuid() == 0 else None
    ) as process:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, "exim4 ended"
                assert time.monotonic() < deadline, "exim4 does not answer"
        yield Exim(directory, port)
        process.terminate()


class CutOff:
    """A relay on loopback that cuts the connection when the server answers the final dot."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.close()
        self._thread.join(5)

    def _run(self) -> None:
        client, _ = self._server.accept()
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            client.settimeout(10)
            server.settimeout(10)
            client.sendall(server.recv(4096))
            after_data = False
            while True:
                request = client.recv(65536)
                server.sendall(request)
                if after_data:
                    while not request.endswith(b"\r\n.\r\n"):
                        request += (more := client.recv(65536))
                        server.sendall(more)
                    server.recv(4096)  # it has taken the mail, and nobody hears of it
                    return
                answer = server.recv(4096)
                client.sendall(answer)
                after_data = answer.startswith(b"354")


def channel(exim: Exim, port: int | None = None) -> SmtpChannel:
    settings = AlertingSettings(
        smtp_port=port or exim.port, smtp_tls="none", smtp_timeout_s=10.0, reconcile_log=str(exim.log)
    )
    return SmtpChannel(settings, "")


def make_mail(number: int, address: str = "desk@example.org") -> Frozen:
    frozen = make_frozen(number, channel="mail", target="mail", address=address)
    identity = message_id(frozen.key, "localhost")
    body = f"From: a@localhost\r\nTo: {address}\r\nMessage-ID: {identity}\r\nSubject: t\r\n\r\n.dot\r\nend\r\n"
    return make_frozen(number, channel="mail", target="mail", address=address, body=body.encode())


def send(to: SmtpChannel, frozen: Frozen) -> Outcome:
    return asyncio.run(to.send(frozen))


def found(exim: Exim, frozen: Frozen) -> Found:
    return asyncio.run(channel(exim).look_up(frozen)).found


def wait_for_mail(exim: Exim, frozen: Frozen) -> bytes:
    identity = message_id(frozen.key, "localhost")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for raw in exim.mails():
            if str(message_from_bytes(raw, policy=default)["Message-ID"]) == identity:
                return raw
        threading.Event().wait(0.05)
    raise AssertionError("the mail was not delivered")


def test_a_mail_that_exim_takes_is_sent_and_stands_in_its_log(exim: Exim) -> None:
    frozen = make_mail(1)

    assert send(channel(exim), frozen).state is DeliveryState.SENT
    assert found(exim, frozen) is Found.YES
    assert wait_for_mail(exim, frozen).replace(b"\r\n", b"\n").endswith(b"\n\n.dot\nend\n")


def test_a_mail_whose_answer_is_lost_is_found_in_the_log_and_so_not_sent_again(exim: Exim) -> None:
    relay = CutOff(exim.port)
    frozen = make_mail(2)
    try:
        assert send(channel(exim, relay.port), frozen).state is DeliveryState.UNKNOWN
    finally:
        relay.close()
    wait_for_mail(exim, frozen)

    assert found(exim, frozen) is Found.YES
    assert found(exim, make_mail(3)) is Found.NO


def test_an_address_that_exim_refuses_is_dead(exim: Exim) -> None:
    frozen = make_mail(4, address="nobody@example.org")

    assert send(channel(exim), frozen).state is DeliveryState.DEAD
    assert found(exim, frozen) is Found.NO


def test_a_mail_that_comes_back_from_exim_is_read_as_final(exim: Exim) -> None:
    frozen = make_mail(5, address="gone@example.org")
    assert send(channel(exim), frozen).state is DeliveryState.SENT

    deadline = time.monotonic() + 20
    while not (bounces := [bounce for raw in exim.mails() if (bounce := read_bounce(raw))]):
        assert time.monotonic() < deadline, "nothing came back"
        threading.Event().wait(0.05)
    assert bounces == [Bounce(message_id=message_id(frozen.key, "localhost"), is_hard=True)]
