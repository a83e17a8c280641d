"""Signaling, texts: every text that a message may hold, with the most characters of it."""

from typing import Annotated

from signaling.protocol.fields import Longest

__all__ = ["CandidateText", "Name", "Names", "Sdp", "Text"]

Name = Annotated[str, Longest(64)]  # of a room, an end, an attempt, a file of weights
Text = Annotated[str, Longest(256)]  # for people
Sdp = Annotated[str, Longest(60_000)]
CandidateText = Annotated[str, Longest(1024)]
Names = Annotated[tuple[Name, ...], Longest(32)]
