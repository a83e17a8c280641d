"""Signaling, address: where a rendezvous server is, and how that is shown and trusted."""

import re
import ssl
from pathlib import Path

from signaling.errors import OptionsError, Unreachable
from signaling.printable import printable

__all__ = ["check_address", "trust", "without_login"]


def check_address(url: str) -> None:
    """Raises Unreachable unless `url` is ws://HOST:PORT or wss://HOST:PORT; a login before the host is allowed."""
    if not re.fullmatch(r"wss?://[^/\s?#]+/?", url):
        raise Unreachable(f"not the address of a signaling server: {without_login(url)!r} (expected ws://HOST:PORT)")


def without_login(url: str) -> str:
    """`url` as it may be shown: without what may be a password, before the host or after a question mark.

    What is no URL may be one that was mistyped: everything up to its last @ goes.
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        scheme, rest = "", url
    host = re.split(r"[?#]", rest.rpartition("@")[2])[0]
    return printable(f"{scheme}{mark}{host}")


def trust(url: str, ca: str) -> ssl.SSLContext | None:
    """What a server at `url` has to prove itself by, None where nothing is encrypted: a certificate for its name.

    `ca` is a file of certificates (PEM) that are trusted instead of the system's. Raises OptionsError where it cannot
    be used.
    """
    if not url.startswith("wss://"):
        if ca:
            raise OptionsError(f"--ca {ca}: only wss:// is verified")
        return None
    if ca and not Path(ca).is_file():
        raise OptionsError(f"--ca {ca}: no such file")
    try:
        return ssl.create_default_context(cafile=ca or None)
    except (OSError, ValueError):
        raise OptionsError(f"--ca {ca}: no certificates in PEM form in it") from None
