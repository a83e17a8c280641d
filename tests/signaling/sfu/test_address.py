"""Tests of where an SFU is, and which room of it is meant."""

import pytest

from signaling.errors import OptionsError
from signaling.sfu.address import numbered, sfu_url


@pytest.mark.parametrize("url", ["ws://host:8188", "wss://user:word@host/janus", "ws://[::1]:8188/"])
def test_what_follows_janus_is_the_address(url: str) -> None:
    assert sfu_url(f"janus:{url}") == url


@pytest.mark.parametrize(
    "text", ["", "janus:", "ws://host", "janus:http://host", "janus:ws://", "medooze:ws://u:secret@h"]
)
def test_anything_else_is_refused_and_no_password_repeated(text: str) -> None:
    with pytest.raises(OptionsError, match="expected janus:ws://HOST:PORT") as refused:
        sfu_url(text)
    assert "secret" not in str(refused.value)


def test_a_room_that_is_a_number_is_that_one_and_a_name_always_the_same() -> None:
    assert numbered("1234") == 1234
    assert numbered("facewire") == 4754286266791149
    assert len({numbered(name) for name in ("0", "-1", "01", "a", "b", str(2**53))}) == 6
    assert all(0 < numbered(name) < 2**53 for name in ("0", "", "ä", str(2**53), "9" * 16))
