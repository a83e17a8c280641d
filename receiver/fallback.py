"""Stage 7, fallback: which of a connection's video tracks is the sender's H.264, once the sender has said so."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpReceiver
from aiortc.stats import RTCTransportStats

from signaling.messages import Capabilities

__all__ = ["FallbackSource"]


class FallbackSource:
    """The sender's H.264 track, and what the connection counts of it.

    An application may receive tracks of its own over the same connection (a camera, a screen): the sender names its
    track by media id (RFC 8843) in its Capabilities, and nothing else is ever taken for it.
    """

    def __init__(self, pc: RTCPeerConnection | None = None, *, track: MediaStreamTrack | None = None) -> None:
        """A track that is given stands for itself."""
        self._pc = pc
        self._receiver: RTCRtpReceiver | None = None
        self._track = track
        self._known = asyncio.Event()
        if track is not None:
            self._known.set()
        if pc is not None:
            pc.on("connectionstatechange", self._on_state)

    def _on_state(self) -> None:
        """A connection without channels has nobody to say which track it is: H.264 alone is sent, the first video."""
        if self._pc is not None and self._pc.connectionState == "connected" and self._pc.sctp is None:
            self.settle(None)

    def settle(self, sender: Capabilities | None) -> None:
        """The sender has said what it sends; one that says nothing (version 0.1) sends the first video track."""
        if self._pc is None or self._track is not None or (sender is not None and sender.h264_mid is None):
            return
        for transceiver in self._pc.getTransceivers():
            wanted = transceiver.mid == sender.h264_mid if sender is not None else transceiver.kind == "video"
            if wanted and transceiver.kind == "video" and transceiver.receiver.track is not None:
                self._receiver, self._track = transceiver.receiver, transceiver.receiver.track
                self._known.set()
                return

    async def track(self) -> MediaStreamTrack:
        """The track, as soon as it is known; waits for good where there is none."""
        await self._known.wait()
        assert self._track is not None
        return self._track

    async def stats(self) -> Mapping[str, Any]:
        """The statistics of that track and of the connection, without those of other tracks (W3C webrtc-stats)."""
        if self._receiver is not None:
            return await self._receiver.getStats()
        report = {} if self._pc is None else await self._pc.getStats()
        return {name: entry for name, entry in report.items() if isinstance(entry, RTCTransportStats)}
