"""Signaling, capabilities: whether a sender and a receiver understand each other, from what each has said it can."""

from signaling.printable import printable
from signaling.protocol.messages import Capabilities

__all__ = ["ARRIVALS", "LOAD", "PLAIN", "PROTOCOL", "SOUND", "why_not"]

LOAD = "load"  # a feature: the sender heeds load reports
SOUND = "sound"  # a feature: the receiver takes sound messages, version 1, and motion that rides on them
ARRIVALS = "arrivals"  # a feature: the receiver tells when messages came, the sender heeds it
PLAIN = "plain"  # a feature: the receiver takes references that are not to be restored (docs/bitstream.md, q 0)
PROTOCOL = 1  # of the messages in a call; raised when what one of them means changes


def why_not(sender: Capabilities, receiver: Capabilities) -> str | None:
    """Why keypoints cannot go from one to the other, in a line for people; None where they can.

    What an end has not said (an empty list) is no hindrance.
    """
    if sender.protocol != receiver.protocol:
        return f"the sender speaks protocol {sender.protocol}, the receiver {receiver.protocol}"
    for what, sent, read in (
        ("bitstream version", sender.bitstreams, receiver.bitstreams),
        ("weights", sender.weights, receiver.weights),
        ("size", sender.sizes, receiver.sizes),
    ):
        if sent and read and not set(sent) & set(read):
            return f"the sender has {what} {_listed(sent)}, the receiver {_listed(read)}"
    return None


def _listed(values: tuple[object, ...]) -> str:
    """What an end has said, for people: it is the other end's text."""
    return printable(", ".join(map(str, values)))
