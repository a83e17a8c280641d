"""Tests of signaling.address: what a server's address is, and that its login is not shown."""

import pytest

from signaling.address import check_address, without_login
from signaling.errors import Unreachable


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ws://host:8765", "ws://host:8765"),
        ("wss://me:hush@host/", "wss://host/"),
        ("ws://me:hu/sh@host:1", "ws://host:1"),
        ("ws://me:hu@sh@host:1", "ws://host:1"),
        ("ws://host:1/?token=hush", "ws://host:1/"),
        ("ws://host:1#hush", "ws://host:1"),
        ("me:hush@host", "host"),
        ("ws://host\x1b]0;owned\x07", "ws://host ]0;owned"),
    ],
)
def test_a_login_is_not_shown(url: str, shown: str) -> None:
    assert without_login(url) == shown


@pytest.mark.parametrize("url", ["ws://host", "ws://host:8765", "wss://[::1]:1/", "wss://me:hush@host"])
def test_an_address_is_one(url: str) -> None:
    check_address(url)


@pytest.mark.parametrize("url", ["http://me:hush@host", "ws://me:hush@host/path", "ws://host?token=hush", "ws://"])
def test_what_is_none_is_told_without_its_login(url: str) -> None:
    with pytest.raises(Unreachable) as caught:
        check_address(url)
    assert "hush" not in str(caught.value)
