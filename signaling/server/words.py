"""Signaling, words: how the server tells one end of another, by what the two are. Pure.

A sender and a receiver know no equals: to them it is the role that they wait for.
"""

from signaling.protocol.meeting import PeerJoined, PeerLeft, Role

__all__ = ["arrived", "departed"]

_WAITS_FOR: dict[Role, Role] = {"sender": "receiver", "receiver": "sender"}


def arrived(role: Role, end: str, *, to: Role) -> PeerJoined:
    """`end` has come, told to a `to`."""
    return PeerJoined(_WAITS_FOR.get(to, role), end)


def departed(role: Role, end: str, *, to: Role, is_one_of_many: bool) -> PeerLeft:
    """`end` has left, told to a `to`; by its name to equals, and where there may be others of its role."""
    is_named = to == "equal" or (role != "equal" and is_one_of_many)
    return PeerLeft(_WAITS_FOR.get(to, role), end if is_named else "")
