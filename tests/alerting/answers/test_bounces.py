from __future__ import annotations

import pytest
from fakes.dsn import ANSWER, FROM_EXIM, FROM_POSTFIX, make_dsn
from hypothesis import given
from hypothesis import strategies as st

from alerting.answers.bounces import MAX_BYTES, Bounce, read_bounce

ID = "<0123456789abcdef01234567@desk.example>"


@pytest.mark.parametrize("template", [FROM_POSTFIX, FROM_EXIM])
@pytest.mark.parametrize(
    ("status", "action", "is_hard"),
    [("5.1.1", "failed", True), ("5.7.26", "failed", True), ("4.4.7", "failed", False), ("4.4.1", "delayed", False)],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_report_names_our_message_and_whether_it_is_final(
    template: str, status: str, action: str, is_hard: bool, line_end: str
) -> None:
    raw = make_dsn(ID, template=template, status=status, action=action).replace(b"\n", line_end.encode())

    assert read_bounce(raw) == Bounce(message_id=ID, is_hard=is_hard)


def test_a_report_of_several_recipients_is_final_if_one_is() -> None:
    other = b"Final-Recipient: rfc822; x@example.org\nAction: relayed\nStatus: 2.1.5\n\nFinal-Recipient"
    raw = make_dsn(ID).replace(b"Final-Recipient", other, 1)

    assert read_bounce(raw) == Bounce(message_id=ID, is_hard=True)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        make_dsn(ID, template=ANSWER),
        make_dsn(ID, action="delivered"),
        make_dsn(ID, action="relayed"),
        make_dsn(ID, status="five"),
        make_dsn(ID, status="5"),
        make_dsn(""),
        make_dsn("no id"),
        make_dsn("<" + "a" * 5000 + "@b>"),
        make_dsn(ID).replace(b"message/delivery-status", b"text/plain"),
        make_dsn(ID).replace(b"text/rfc822-headers", b"text/plain"),
        make_dsn(ID).replace(b"multipart/report", b"multipart/mixed"),
        make_dsn(ID).replace(b"boundary=", b"nothing="),
        b"Content-Type: multipart/report; boundary=a\n\n" + b"--a\n" * 100_000,
        b"Content-Type: multipart/report; boundary=a\n" + b"--a\nContent-Type: message/rfc822\n\n" * 20_000,
        b"X: y\n" * 200_000,
    ],
    ids=lambda raw: repr(raw[-20:]),
)
def test_what_is_no_report_of_a_failure_is_none(raw: bytes) -> None:
    assert read_bounce(raw) is None


def test_what_lies_beyond_the_bound_is_not_read() -> None:
    raw = make_dsn(ID).replace(b"no such user\n", b"no such user\n" + b"x" * 70 * (MAX_BYTES // 70 + 1), 1)

    assert read_bounce(raw) is None


@given(st.binary(max_size=400), st.integers(0, len(make_dsn(ID))))
def test_no_bytes_raise(junk: bytes, place: int) -> None:
    raw = make_dsn(ID)
    read_bounce(junk)
    read_bounce(b"Content-Type: multipart/report; boundary=a\n\n--a\n" + junk)

    found = read_bounce(raw[:place] + junk + raw[place:])
    assert found is None or found.message_id.endswith(">")


@given(st.lists(st.tuples(st.integers(0, len(make_dsn(ID)) - 1), st.binary(min_size=1, max_size=1)), max_size=30))
def test_no_changed_report_raises(changes: list[tuple[int, bytes]]) -> None:
    raw = bytearray(make_dsn(ID, template=FROM_EXIM))
    for place, byte in changes:
        raw[place : place + 1] = byte
    found = read_bounce(bytes(raw))

    assert found is None or isinstance(found.is_hard, bool)
