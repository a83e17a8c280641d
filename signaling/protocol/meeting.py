"""Signaling, meeting: the words of an end and the server, and of two ends through it, until their connection stands.

`room` names the place, `end` is the random name that one process chose for itself: a peer recognises a returning end by
it, the server by `secret` besides, which it tells nobody. `call` is the random name that the offering end gives one
attempt; answer, candidates and bye repeat it, and those of earlier attempts are left out. A room has one sender, and
one receiver or as many `viewers` as its sender said. Where that is more than one, the sender says in `to` which of them
a message is for, and knows by `call` who answers; receivers notice nothing of each other.

Or it has equals: each calls each of the others, and says in `to` whom and in `by` who it is, which the server checks.
Of two equals the one with the smaller name (as text) offers. With an end that is a sender or a receiver (of before
there were equals), one equal alone shares a room: it is the other role to it, and neither says `to` or needs `by`.

    hello         an end -> the server, first: room, role, end, token, secret
    welcome       the server -> an end: it is in; who is there already
    refused       the server -> an end: it is not in, or no longer; then the socket closes
    peer-joined, peer-left            the server -> an end: somebody it can call is there now; is not any more
    offer, answer, candidate, bye     relayed by the server to the other end as they came
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from signaling.protocol import quantities
from signaling.protocol.texts import CandidateText, Name, Names, Sdp, Text

__all__ = [
    "Answer",
    "Bye",
    "Candidate",
    "Hello",
    "Offer",
    "PeerJoined",
    "PeerLeft",
    "Refusal",
    "Refused",
    "Role",
    "Welcome",
]

Role = Literal["sender", "receiver", "equal"]
OlderRole = Literal["", "sender", "receiver"]
Refusal = Literal["token", "taken", "full", "name", "message", "expired", "closing", "busy"]


@dataclass(frozen=True, slots=True)
class Hello:
    """First word of an end: where it wants to be, and as what; `secret` proves that a seat there was its own.

    `viewers` of a sender: to how many receivers it sends at a time; of an equal: how many others it takes.
    """

    room: Name
    role: Role
    end: Name
    token: Text = dataclasses.field(default="", repr=False)
    secret: Text = dataclasses.field(default="", repr=False)
    viewers: quantities.Viewers = 1


@dataclass(frozen=True, slots=True)
class Welcome:
    """The end is in the room. `peer` names the other end, "" when nobody is there.

    `viewers` is how many receivers the room takes, or how many others with an equal; where that is more than one,
    `peers` tells the sender, or the equal, all of them. `peer_role` tells an equal what `peer` is, if it is no equal.
    """

    peer_present: bool
    peer: Name = ""
    viewers: quantities.Viewers = 1
    peers: Names = ()
    peer_role: OlderRole = ""


@dataclass(frozen=True, slots=True)
class PeerJoined:
    """The other role is taken by `peer` from now on; where it has one place, an earlier holder is gone.

    An equal is told what has come, and the others of an equal that it is what they wait for.
    """

    role: Role
    peer: Name


@dataclass(frozen=True, slots=True)
class PeerLeft:
    """The other role is empty from now on; with `peer`, that end of it has left, and others may be there."""

    role: Role
    peer: Name = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """SDP offer (RFC 3264, RFC 8829) opening the attempt `call`: the sender's, or of two equals the smaller name's."""

    sdp: Sdp
    call: Name = ""
    to: Name = ""
    by: Name = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """SDP answer to the offer of the same `call`."""

    sdp: Sdp
    call: Name = ""
    to: Name = ""
    by: Name = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One trickled ICE candidate (RFC 8838), `candidate` as in SDP; "" says that no more will come."""

    candidate: CandidateText
    sdp_mid: Name | None = None
    sdp_mline_index: quantities.SectionIndex | None = None
    call: Name = ""
    to: Name = ""
    by: Name = ""


@dataclass(frozen=True, slots=True)
class Bye:
    """The end hangs up."""

    reason: Text = ""
    call: Name = ""
    to: Name = ""
    by: Name = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The server lets an end go: `reason` for programs, `detail` for people. After `busy` it may try again later."""

    reason: Refusal
    detail: Text = ""
