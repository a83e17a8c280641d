"""Signaling, errors: what can go wrong while two ends meet.

    SignalingError
      MessageError (ValueError)      bytes that are not a message we know, or a message too large to send
      RoomError                      the room refuses us: the role is taken, the server is full, a bad name
      TokenError                     the server wants another token
      Unreachable (ConnectionError)  nobody answers at the server's address, or nobody does any more
      PeerGone (ConnectionError)     the other end hung up, vanished, or cannot be reached
        MediaRefused                 ... or is there, but declines the video or the channels that were offered
      BindError (OSError)            the server cannot listen at the address it was given

    OptionsError (ValueError)        an option, or a combination of options, that makes no sense, at either end

Each carries one line of text that can be shown to a user as it stands.
"""

from collections.abc import Iterable

from signaling.printable import printable

__all__ = [
    "BindError",
    "MediaRefused",
    "MessageError",
    "OptionsError",
    "PeerGone",
    "RoomError",
    "SignalingError",
    "TokenError",
    "Unreachable",
]


class SignalingError(Exception):
    """Anything that goes wrong between two ends that want to meet.

    Its text is printable whoever wrote it: it may hold words of the server or of the other end.
    """

    def __str__(self) -> str:
        return printable(super().__str__(), longest=400)


class OptionsError(ValueError):
    """An option, or a combination of options, that makes no sense; both ends have one of this kind."""


class MessageError(SignalingError, ValueError):
    """Bytes that are not a message of this version, or a message that may not be sent."""


class RoomError(SignalingError):
    """The room refuses us: the role is taken, the server is full, or the name is not allowed.

    `reason` is the server's word for programs (`Refusal`): "message" where it does not understand what we ask for.
    """

    def __init__(self, detail: str, *, reason: str = "") -> None:
        super().__init__(detail)
        self.reason = reason


class TokenError(SignalingError):
    """The server refuses our token."""


class Unreachable(SignalingError, ConnectionError):
    """The rendezvous server does not answer."""


class PeerGone(SignalingError, ConnectionError):
    """The other end of the call hung up, vanished, or never became reachable."""


class MediaRefused(PeerGone):
    """The other end declines some of what was offered: `kinds` of "audio", "video" and "application" (channels)."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self.kinds = frozenset(kinds)
        names = {"application": "data channels"}
        super().__init__(f"the other end takes no {' and no '.join(names.get(kind, kind) for kind in sorted(kinds))}")


class BindError(SignalingError, OSError):
    """The server cannot listen at its address: the port is in use, or the address is not ours."""
