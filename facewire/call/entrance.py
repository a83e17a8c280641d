"""All stages, entrance: how a call gets into its room, as one of equals or as servers of before know it."""

from collections.abc import Callable

from facewire.call.options import CallOptions
from signaling.client import SignalingClient
from signaling.errors import RoomError
from signaling.protocol.messages import Role

__all__ = ["enter"]


async def enter(options: CallOptions, *, say: Callable[[str], None]) -> SignalingClient:
    """The line to the room, as one of equals; at a server of before there were any, on a free one of its two seats.

    Raises RoomError where there is no place.
    """

    async def sit(role: Role, *, others: int = 1) -> SignalingClient:
        return await SignalingClient.connect(
            options.signal,
            room=options.room,
            role=role,
            token=options.token,
            ca=options.ca,
            viewers=others,
            news=say,
        )

    try:
        return await sit("equal", others=options.others)
    except RoomError as error:
        if error.reason != "message":  # which it is to a server that knows no equals
            raise
    if options.others > 1:
        say("the signaling server is of an older version: it lets two call each other, no more")
    try:
        return await sit("sender")
    except RoomError as first:
        try:
            return await sit("receiver")
        except RoomError as second:
            both = "has a" in str(first) and "has a" in str(second)
            raise RoomError(f"room {options.room} is full: two ends are in it") from None if both else second
