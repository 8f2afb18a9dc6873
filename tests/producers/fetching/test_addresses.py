from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.fetching.addresses import is_public, may_be_public, open_public_socket


@pytest.mark.parametrize("host", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8"])
def test_public_addresses(host: str) -> None:
    assert is_public(host)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::1", "::", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b:1::1", "2001::1", "2002:7f00:1::", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1",
        "2001:db8::1", "localhost", "",
    ],
)  # fmt: skip
def test_addresses_that_lead_inside_or_nowhere(host: str) -> None:
    assert not is_public(host)


def test_no_socket_is_opened_for_a_private_address() -> None:
    with pytest.raises(PermissionError, match=r"169\.254\.169\.254 is not a public address"):
        open_public_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80)))


def test_a_public_address_gets_its_socket() -> None:
    with open_public_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80))) as opened:
        assert opened.family is socket.AF_INET


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "2130706433", "localhost",
        "LOCALHOST.", "db.internal", "printer.local", "[::1]", "::ffff:127.0.0.1", "[::ffff:7f00:1]",
        "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::", "fe80::1%25eth0", "169.254.169.254", "0", "",
        "router", "a.localhost",
    ],
)  # fmt: skip
def test_hosts_that_show_without_a_lookup_that_they_are_not_public(host: str) -> None:
    assert not may_be_public(host)


@pytest.mark.parametrize(
    "host", ["feeds.example", "8.8.8.8", "134744072", "[2606:2800:220:1::1]", "xn--80ak6aa92e.com"]
)
def test_hosts_that_may_be_public(host: str) -> None:
    assert may_be_public(host)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_public_in_no_disguise_if_it_is_not_itself(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    assert is_public(f"::ffff:{address}") == is_public(str(address))
    assert may_be_public(str(number)) == may_be_public(hex(number)) == is_public(str(address))
    high, low = f"{number >> 16:x}", f"{number & 0xFFFF:x}"
    for disguise in (f"64:ff9b::{high}:{low}", f"2002:{high}:{low}::", f"::{address}", f"2001::{high}:{low}"):
        assert not is_public(disguise)
