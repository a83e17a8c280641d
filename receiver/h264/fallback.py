"""Stage 7, fallback: which of a connection's video tracks is the sender's H.264, and its pictures within limits."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpReceiver
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from codec.errors import MediaError
from codec.input.converter import Converter
from codec.units import PTS_PER_S, Image
from receiver.h264.h264 import H264Track, divert
from signaling.protocol.messages import Capabilities
from signaling.transport.insides.internals import connection_stats
from signaling.transport.insides.wire import WireCount

__all__ = ["FallbackSource"]


class FallbackSource:
    """The sender's H.264 track, and what the connection counts of it.

    An application may receive tracks of its own over the same connection (a camera, a screen): the sender names its
    track by media id (RFC 8843) in its Capabilities, and nothing else is ever taken for it. From then on its pictures
    are decoded here and not by aiortc.

    `alone`: nobody else receives anything over this connection, and what a stranger sends beside is not even decoded.
    """

    def __init__(
        self, pc: RTCPeerConnection | None = None, *, track: MediaStreamTrack | None = None, alone: bool = False
    ) -> None:
        """A track that is given stands for itself."""
        self._pc = pc
        self._receiver: RTCRtpReceiver | None = None
        self._track = track
        self._known = asyncio.Event()
        self._held: dict[RTCRtpReceiver, H264Track] = {}  # of which one may be the sender's
        self._told: Callable[[], None] = lambda: None
        self.counts: Counter[str] = Counter()  # see H264Track
        if track is not None:
            self._known.set()
        if pc is not None:
            pc.on("connectionstatechange", self._on_state)
            if alone:
                pc.on("track", self._on_track)

    def watch_gaps(self, callback: Callable[[], None]) -> None:
        """`callback` learns of pictures that are lost or cannot be decoded: only a key picture helps."""
        self._told = callback

    def settle(self, sender: Capabilities | None) -> None:
        """The sender has said what it sends; one that says nothing (version 0.1) sends the first video track."""
        if self._pc is None or self._track is not None or (sender is not None and sender.h264_mid is None):
            return
        for transceiver in self._pc.getTransceivers():
            wanted = transceiver.mid == sender.h264_mid if sender is not None else transceiver.kind == "video"
            if wanted and transceiver.kind == "video" and transceiver.receiver.track is not None:
                self._receiver = transceiver.receiver
                track = self._held.get(transceiver.receiver) or self._hold(transceiver.receiver)
                if track is not None:
                    track.begin()
                self._track = track or transceiver.receiver.track
                self._known.set()
                return

    async def pictures(self) -> AsyncIterator[tuple[int, Image]]:
        """Time since the first packet in 1/90000 s, and uint8 RGB (H, W, 3), until the track ends.

        Waits for good where there is none.
        """
        await self._known.wait()
        assert self._track is not None
        converter = Converter()
        while True:
            try:
                frame = await self._track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, VideoFrame) and frame.pts is not None and frame.time_base is not None:
                try:
                    image_rgb = converter.rgb(frame)
                except MediaError:
                    self.counts["h264_malformed"] += 1
                    continue
                yield round(frame.pts * frame.time_base * PTS_PER_S), image_rgb

    async def stats(self) -> Mapping[str, Any]:
        """The statistics of that track and of the connection, without those of other tracks (W3C webrtc-stats)."""
        report = {} if self._pc is None else await connection_stats(self._pc)
        kept: dict[str, Any] = {} if self._receiver is None else dict(await self._receiver.getStats())
        return {**kept, **{name: entry for name, entry in report.items() if isinstance(entry, WireCount)}}

    async def close(self) -> None:
        """Drops what waits, and ends the thread that decodes after the picture in hand."""
        for track in self._held.values():
            track.stop()
            await track.joined()

    def _on_state(self) -> None:
        """A connection without channels has nobody to say which track it is: H.264 alone is sent, the first video."""
        if self._pc is not None and self._pc.connectionState == "connected" and self._pc.sctp is None:
            self.settle(None)

    def _on_track(self, track: MediaStreamTrack) -> None:
        """Before anything of it has come: each video waits, within bounds, until the sender says which is its own."""
        assert self._pc is not None
        for transceiver in self._pc.getTransceivers():
            if transceiver.receiver.track is track:
                if track.kind == "video" and not self._held:
                    self._hold(transceiver.receiver)
                else:
                    divert(transceiver.receiver, None)

    def _hold(self, receiver: RTCRtpReceiver) -> H264Track | None:
        track = H264Track(counts=self.counts, gap=lambda: self._told())
        if not divert(receiver, track):
            track.stop()
            return None
        self._held[receiver] = track
        return track
