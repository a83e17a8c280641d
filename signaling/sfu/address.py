"""Stage 6, SFU address: what `--sfu` says, janus:ws://HOST:PORT, and the name of a room as Janus wants it."""

import hashlib
import re

from signaling.address import without_login
from signaling.errors import OptionsError

__all__ = ["numbered", "sfu_url"]

_KIND = "janus:"
_MOST = 1 << 53  # JSON's numbers are exact below


def sfu_url(text: str) -> str:
    """The WebSocket's URL in `text`. Raises OptionsError for anything but janus:ws://... or janus:wss://..."""
    url = text.removeprefix(_KIND)
    if not text.startswith(_KIND):
        raise OptionsError(f"--sfu {without_login(text)}: expected janus:ws://HOST:PORT")
    if not re.fullmatch(r"wss?://[^/\s?#]+(/[^\s?#]*)?", url):
        raise OptionsError(f"--sfu janus:{without_login(url)}: expected janus:ws://HOST:PORT or janus:wss://HOST:PORT")
    return url


def numbered(room: str) -> int:
    """The number of a room for a Janus that knows rooms by numbers: the name itself, if it is one, else drawn from it.

    Different names have different numbers but for one pair in about 95 million names (53 bits).
    """
    if re.fullmatch(r"[1-9][0-9]{0,15}", room) and int(room) < _MOST:
        return int(room)
    digest = hashlib.sha256(room.encode()).digest()
    return int.from_bytes(digest[:8], "big") % (_MOST - 1) + 1
