"""Stage 6, transport: a description without what nobody needs: on a line of 12 kbit/s each kilobyte is .7 s."""

import re

__all__ = ["trimmed"]

_SECTION = re.compile(r"(?m)^(?=m=)")
_FINGERPRINT = re.compile(r"(?m)^a=fingerprint:(?!sha-256 ).*\r?\n")


def trimmed(sdp: str) -> str:
    """The same offer or answer, with one fingerprint a section, the SHA-256 that every end knows (RFC 8122, 5).

    aiortc gives three of the same certificate, and the longer ones are a quarter of all that it says.
    """
    parts = _SECTION.split(sdp)
    return "".join(_FINGERPRINT.sub("", part) if "a=fingerprint:sha-256 " in part else part for part in parts)
