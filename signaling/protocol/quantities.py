"""Signaling, quantities: every number that a message may hold, with its range and its unit, in one table.

A number out of range makes its message malformed, like text in the place of a number: nothing that a peer says reaches
a clock, a file's time stamps or a terminal with hundreds of digits. `None` among the allowed values is how an end says
that it does not know; a value of its own that leaves the range (a delay against a clock that makes no sense) is that.
"""

from collections.abc import Mapping
from typing import Annotated, Any, get_args

from signaling.protocol.fields import Between, Longest, Named

__all__ = [
    "MOST_VIEWERS",
    "VIEWERS",
    "ClockUs",
    "Count",
    "DelayMs",
    "Figures",
    "Fps",
    "FrameNumber",
    "Load",
    "Loss",
    "Protocol",
    "PsnrDb",
    "ReferenceId",
    "ReferenceIds",
    "SectionIndex",
    "Sides",
    "SpreadMs",
    "Ticks",
    "Versions",
    "Viewers",
    "or_unknown",
]

MOST_VIEWERS = 32  # as many as a welcome can name

# name                                from .. to                           unit, and what the range is good for
Count = Annotated[int, Between(0, 2**53)]  # bytes, messages, packets since the call began
Ticks = Annotated[int, Between(0, 2**40)]  # 1/90000 s since the sender's first picture: 141 days
ClockUs = Annotated[int, Between(0, 2**53)]  # microseconds on an end's own clock: 285 years
Loss = Annotated[float, Between(0, 1)]  # fraction of what was sent
Load = Annotated[float, Between(0, 1e6)]  # work as a part of the time there is: above 1, some is late
Fps = Annotated[float, Between(0, 1e6)]  # pictures a second
DelayMs = Annotated[float, Between(-1e8, 1e8)]  # milliseconds, capture to display; below 0 while clocks are compared
SpreadMs = Annotated[float, Between(0, 1e8)]  # milliseconds: a day and more
PsnrDb = Annotated[float, Between(0, 100)]  # decibels; 100 stands for no difference
ReferenceId = Annotated[int, Between(0, 255)]  # number of a reference
FrameNumber = Annotated[int, Between(0, 255)]  # number of a frame, modulo 256
SectionIndex = Annotated[int, Between(0, 255)]  # place of a media section in an SDP
Protocol = Annotated[int, Between(0, 65_535)]  # counts changes
Version = Annotated[int, Between(0, 65_535)]  # of coded frames
Viewers = Annotated[int, Between(1, MOST_VIEWERS)]  # receivers of one sender
Side = Annotated[int, Between(1, 65_536)]  # pixels

ReferenceIds = Annotated[tuple[ReferenceId, ...], Longest(64)]
Versions = Annotated[tuple[Version, ...], Longest(16)]
Sides = Annotated[tuple[Side, ...], Longest(16)]

# Of the sender's figures those that more is done with than to show them; the others are shown.
VIEWERS = "viewers"  # through an SFU: how many the sender hears of
_FIGURES = {
    VIEWERS: Between(0, 2**20),
    "pts_origin_us": Between(0, 2**53),  # microseconds: the sender's clock at pts 0
    "h264_origin_pts": Between(0, 2**40),  # 1/90000 s: pts of the first H.264 packet
}
_SHOWN = Between(-1e9, 1e9)  # of whatever unit the figure's name ends with
Figures = Annotated[Mapping[str, float], Longest(64), Named(_FIGURES, _SHOWN)]


def or_unknown(value: float | None, quantity: Any) -> float | None:
    """`value` where the quantity's range holds it, else None: what an end says of its own when it cannot know."""
    between = next(limit for limit in get_args(quantity) if isinstance(limit, Between))
    return value if value is not None and between.low <= value <= between.high else None
