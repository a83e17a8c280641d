"""Stage 6, transport: an RTCPeerConnection fed with what a stranger wrote: descriptions, candidates, and its end.

aiortc's parser indexes, asserts and converts, and what it takes without a word can fail later, in a task that nobody
waits for: a section without fingerprint or direction, a bundle of sections that are not there, a port beyond 65535. So
a description is looked through before it is applied, and whatever applying or answering one raises is the stranger's
fault: PeerGone, with one line. A connection that was half set when that happened cannot be closed by aiortc either;
`close_connection` frees what it holds all the same.
"""

import asyncio
import contextlib
import ipaddress
import logging
from typing import Literal
from weakref import WeakKeyDictionary

from aiortc import RTCIceCandidate, RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import OperationError
from aiortc.sdp import MediaDescription, SessionDescription, candidate_from_sdp

from signaling.errors import MediaRefused, PeerGone
from signaling.printable import reason_of
from signaling.protocol.messages import Candidate

__all__ = ["MAX_CANDIDATES", "add_candidate", "answer", "apply_description", "close_connection"]

_log = logging.getLogger(__name__)

MAX_CANDIDATES = 64  # of a description, and trickled to one call: each is a place that we send datagrams to
_MAX_SECTIONS = 32  # each has sockets until it is bundled
_MAX_MID = 64  # characters, as in our own messages
_MAX_HEADER_EXTENSION = 255  # RFC 8285, two-byte header
_PATIENCE_S = 10.0  # to apply, answer or close; names of candidates are resolved meanwhile

_closings: "WeakKeyDictionary[RTCPeerConnection, asyncio.Task[None]]" = WeakKeyDictionary()


async def apply_description(pc: RTCPeerConnection, sdp: str, kind: Literal["offer", "answer"]) -> None:
    """Applies the other end's description. Raises PeerGone, or MediaRefused where an answer declines what we offer."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            description = SessionDescription.parse(sdp)
            if kind == "answer":
                _check_accepted(description)
            _check(description)
            await pc.setRemoteDescription(RTCSessionDescription(sdp=sdp, type=kind))
    except PeerGone:
        raise
    except OperationError as error:  # no codec in common
        kinds = {media for media in ("audio", "video") if media in str(error)}
        raise MediaRefused(kinds) if kind == "answer" else _unusable(kind, error) from error
    except Exception as error:  # whatever it is, the description brought it about
        raise _unusable(kind, error) from error


async def answer(pc: RTCPeerConnection) -> str:
    """The SDP of our answer to the offer that was applied. Raises PeerGone."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await pc.setLocalDescription()
    except Exception as error:
        raise _unusable("offer", error) from error
    return pc.localDescription.sdp


async def add_candidate(pc: RTCPeerConnection, message: Candidate) -> None:
    """Adds a trickled candidate; one that cannot be used is left out, others may do."""
    try:
        candidate = None
        if message.candidate:
            candidate = candidate_from_sdp(message.candidate.removeprefix("candidate:"))
            candidate.sdpMid, candidate.sdpMLineIndex = message.sdp_mid, message.sdp_mline_index
            _check_candidate(candidate)
        async with asyncio.timeout(_PATIENCE_S):
            await pc.addIceCandidate(candidate)
    except Exception as error:
        _log.warning("a candidate of the other end cannot be used: %s", reason_of(error))


async def close_connection(pc: RTCPeerConnection) -> None:
    """Closes `pc`, once however often it is asked for. A caller that is cancelled does not stop it."""
    closing = _closings.get(pc)
    if closing is None:
        closing = _closings[pc] = asyncio.create_task(_close(pc))
    await asyncio.shield(closing)  # whoever waits may be cancelled; a half-closed connection helps nobody


async def _close(pc: RTCPeerConnection) -> None:
    carriers = [transceiver.receiver for transceiver in pc.getTransceivers()] + ([pc.sctp] if pc.sctp else [])
    transports = {carrier.transport for carrier in carriers if carrier.transport is not None}
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await pc.close()
        return
    except Exception as error:
        _log.info("a connection that was half set up is taken apart: %s", reason_of(error))
    for transceiver in pc.getTransceivers():
        with contextlib.suppress(Exception):
            await transceiver.stop()
    for transport in transports:
        for part in (transport, transport.transport):
            with contextlib.suppress(Exception):
                await part.stop()


def _unusable(kind: str, error: Exception) -> PeerGone:
    return PeerGone(f"the other end's {kind} cannot be used: {reason_of(error)}")


def _check_accepted(answer: SessionDescription) -> None:
    """Raises MediaRefused where a section is rejected (RFC 3264, 6: its port is 0)."""
    refused = {media.kind for media in answer.media if media.port == 0}
    if refused:
        raise MediaRefused(refused)


def _check(description: SessionDescription) -> None:
    """Raises ValueError for what aiortc would stumble over once it has begun to apply it, or later."""
    sections = description.media
    if not 1 <= len(sections) <= _MAX_SECTIONS:
        raise ValueError(f"{len(sections)} media sections, not 1 to {_MAX_SECTIONS}")
    mids = [media.rtp.muxId for media in sections]
    if len(set(mids)) < len(mids) or not all(mid and len(mid) <= _MAX_MID for mid in mids):
        raise ValueError("media sections without a name (mid) of their own")
    for group in description.group:
        if group.semantic == "BUNDLE" and not set(group.items) <= set(mids):
            raise ValueError("a bundle of media sections that are not there")
    candidates = [candidate for media in sections for candidate in media.ice_candidates]
    if len(candidates) > MAX_CANDIDATES:
        raise ValueError(f"{len(candidates)} candidates, more than {MAX_CANDIDATES}")
    for candidate in candidates:
        _check_candidate(candidate)
    for media in sections:
        _check_section(media)


def _check_section(media: MediaDescription) -> None:
    if media.kind not in ("audio", "video", "application"):
        raise ValueError("a media section of another kind than audio, video and application")
    if media.dtls is None or not media.dtls.fingerprints:
        raise ValueError(f"a section of {media.kind} without a fingerprint or a role (setup)")
    if media.kind == "application":
        port = int(media.fmt[0]) if media.profile == "DTLS/SCTP" else media.sctp_port
        if port is None or not 1 <= port <= 65535:
            raise ValueError("data channels without a port of their own (sctp-port)")
        return
    if media.direction is None:
        raise ValueError(f"a section of {media.kind} without a direction")
    if not all(1 <= extension.id <= _MAX_HEADER_EXTENSION for extension in media.rtp.headerExtensions):
        raise ValueError("an RTP header extension of impossible number")
    if not all(0 < codec.clockRate < 1 << 31 for codec in media.rtp.codecs):
        raise ValueError("a codec of impossible clock rate")


def _check_candidate(candidate: RTCIceCandidate) -> None:
    """Raises ValueError: a candidate is an address, or a name of mDNS; others we do not ask a name server for."""
    if not candidate.ip.endswith(".local"):
        ipaddress.ip_address(candidate.ip)
    if not 0 <= candidate.port <= 65535:
        raise ValueError("a candidate of impossible port")
