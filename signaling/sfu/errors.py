"""Stage 6, SFU errors: what can go wrong between an end and Janus, made of Janus's own numbers.

SignalingError
  RoomError
    NoSuchRoom       the room is not there (yet): a viewer waits for it
    RoomFull         it takes no more senders
  TokenError         the room wants another PIN or secret, Janus an API secret or token
  PluginMissing      this Janus does not run what is needed
  SfuRefused         any other refusal, in Janus's own words
  Unreachable        nobody answers, or the line broke (signaling.errors)
"""

from signaling.errors import RoomError, SignalingError, TokenError

__all__ = ["NoSuchFeed", "NoSuchRoom", "PluginMissing", "RoomExists", "RoomFull", "SfuRefused", "refusal"]


class NoSuchRoom(RoomError):
    """The room is not there."""


class RoomFull(RoomError):
    """The room takes no more senders."""


class PluginMissing(SignalingError):
    """This Janus does not run a plugin that is needed."""


class SfuRefused(SignalingError):
    """Janus refuses, for a reason that none of the others is."""

    def __init__(self, text: str, *, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


class RoomExists(SfuRefused):
    """The room is there already."""


class NoSuchFeed(SfuRefused):
    """The sender that was asked for has just left."""


# Core, VideoRoom and TextRoom each have numbers of their own, which do not meet where we use them.
_UNAUTHORIZED = {403, 405, 419, 433}
_NO_SUCH_ROOM = {417, 426}
_ROOM_EXISTS = {418, 427}
_NO_SUCH_FEED, _PUBLISHERS_FULL, _NO_SUCH_PLUGIN = 428, 432, 460


def refusal(code: int, text: str) -> SignalingError:
    """The error that stands for one of Janus's."""
    said = f"Janus refuses: {text} ({code})"
    if code in _UNAUTHORIZED:
        return TokenError(said)
    if code in _NO_SUCH_ROOM:
        return NoSuchRoom(said)
    if code in _ROOM_EXISTS:
        return RoomExists(said, code=code)
    if code == _NO_SUCH_FEED:
        return NoSuchFeed(said, code=code)
    if code == _PUBLISHERS_FULL:
        return RoomFull(said)
    if code == _NO_SUCH_PLUGIN:
        return PluginMissing(said)
    return SfuRefused(said, code=code)
