"""Stage 4 to 6, fallback: libx264 at any bitrate as a track of coded packets, which aiortc packetises as they are.

An aiortc sender asks its track for frames and encodes them itself, at 500 kbps and more; what a track returns as
`av.Packet` is only packetised (RFC 6184). Picture loss indications and bitrate estimates end in aiortc's own encoder
and never reach such a track: key pictures are asked for on the control channel.

RTP timestamps begin at a random number, and aiortc's receiver counts them from the first it sees: the receiver is told
`FallbackTrack.first_pts`, and then knows the capture time of each picture.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import av.error
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCRtpTransceiver
from aiortc.mediastreams import MediaStreamError
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter

from codec.pictures.crop import Crop
from codec.pictures.psnr import psnr_db
from codec.stage_clock import StageClock
from codec.units import PTS_PER_S, Image
from sender.capture import Picture
from sender.errors import FallbackError
from sender.h264.resends import ResendBudget
from signaling.transport.costs import RTP_PAYLOAD
from signaling.transport.insides.internals import limit_packets, limit_resends

__all__ = ["FallbackTrack", "H264Encoder", "H264Picture", "H264Worker", "add_h264_track"]

_PRESET = "veryfast"  # half a millisecond a picture at 256x256, and 1.3 dB better than ultrafast
_FRAME_RATES = (5, 8, 12, 15, 20, 25, 30, 40, 50, 60)
_WAITING_PICTURES = 8
_STAY_TICKS = PTS_PER_S // 2  # between two pictures of one stay, at most


@dataclass(frozen=True, slots=True)
class H264Picture:
    """One coded picture: Annex B bytes, and the PSNR (RGB) of what a decoder makes of it."""

    data: bytes
    pts: int
    is_key: bool
    psnr_db: float

    @property
    def rtp_payloads(self) -> tuple[int, ...]:
        """Bytes of each RTP payload that aiortc makes of it (RFC 6184): NAL units that fit travel together (STAP-A),
        one that does not fit a packet is cut evenly (FU-A)."""
        sizes: list[int] = []
        together: list[int] = []
        for unit in [*map(len, _units(self.data)), 0]:
            if together and (not unit or 1 + sum(together) + unit + 2 > RTP_PAYLOAD):
                sizes.append(together[0] - 2 if len(together) == 1 else 1 + sum(together))
                together = []
            if unit > RTP_PAYLOAD:
                count = -(-(unit - 1) // (RTP_PAYLOAD - 2))
                sizes += [(unit - 1) // count + 2 + (i < (unit - 1) % count) for i in range(count)]
            elif unit:
                together.append(unit + 2)
        return tuple(sizes)


class H264Encoder:
    """libx264, zero latency, constrained baseline, with its own decoder behind it.

    x264's rate control spends a budget a picture, so it must know the frame rate: it is measured from the pts, and when
    it leaves the declared one for good, the encoder starts anew with a key picture. (x264 can follow timestamps, but
    only one picture late.)
    """

    def __init__(self, *, size: int, kbps: float, preset: str = _PRESET) -> None:
        self._size = size
        self._bits_per_s = round(kbps * 1000)
        self._preset = preset
        self._declared_fps = 25
        self._recent: deque[int] = deque(maxlen=50)  # pts
        self._count = 0
        # A converter for each way, and in our own thread: that of a frame makes threads anew for each picture.
        self._to_yuv, self._to_rgb = VideoReformatter(), VideoReformatter()
        self._open()

    def encode(self, image_rgb: Image, *, pts: int, force_key: bool = False) -> H264Picture:
        """Codes uint8 (size, size, 3), taken at `pts` (1/90000 s)."""
        self._follow_rate(pts)
        frame = self._to_yuv.reformat(
            av.VideoFrame.from_ndarray(image_rgb, format="rgb24"), format="yuv420p", threads=1
        )
        frame.pts, frame.time_base = self._count, Fraction(1, self._declared_fps)
        frame.pict_type = PictureType.I if force_key else PictureType.NONE
        self._count += 1
        data = b"".join(bytes(packet) for packet in self._encoder.encode(frame))
        units = [unit for unit in _units(data) if unit[0] & 31 not in (6, 9)]  # x264's name tag, delimiters
        is_key = any(unit[0] & 31 == 5 for unit in units)
        data = b"".join(b"\0\0\0\1" + unit for unit in units)
        return H264Picture(data, pts, is_key, self._psnr_db(image_rgb, data))

    def set_kbps(self, kbps: float) -> None:
        """Another bitrate, from the next picture on: libx264 takes it up as it goes."""
        bits_per_s = round(kbps * 1000)
        if bits_per_s != self._bits_per_s:
            self._bits_per_s = self._encoder.bit_rate = bits_per_s

    def _open(self) -> None:
        try:
            encoder: Any = av.CodecContext.create("libx264", "w")
        except (av.error.FFmpegError, ValueError):
            raise FallbackError("this build of PyAV has no libx264: no H.264 to fall back to") from None
        encoder.width = encoder.height = self._size
        encoder.pix_fmt = "yuv420p"
        encoder.bit_rate = self._bits_per_s
        encoder.time_base = Fraction(1, self._declared_fps)
        encoder.framerate = Fraction(self._declared_fps, 1)
        encoder.profile = "Baseline"
        encoder.options = {
            "preset": self._preset,
            "tune": "zerolatency",
            "forced-idr": "1",
            "maxrate": str(self._bits_per_s),
            "bufsize": str(self._bits_per_s),  # one second: a key picture fits
            # Key pictures only when asked for: losses are repaired by retransmission, or asked for.
            "x264-params": "keyint=infinite:scenecut=0:threads=1",
        }
        self._encoder, self._count = encoder, 0
        decoder: Any = av.CodecContext.create("h264", "r")
        decoder.thread_count = 1
        self._decoder = decoder

    def _follow_rate(self, pts: int) -> None:
        if self._recent and pts - self._recent[-1] > _STAY_TICKS:
            self._recent.clear()  # it was away: what passed meanwhile is no time between pictures
        self._recent.append(pts)
        span = self._recent[-1] - self._recent[0]
        if span < 2 * PTS_PER_S and len(self._recent) < 50:
            return
        fps = (len(self._recent) - 1) * PTS_PER_S / max(span, 1)
        nearest = min(_FRAME_RATES, key=lambda rate: abs(rate - fps))
        if max(fps / self._declared_fps, self._declared_fps / max(fps, 0.1)) > 1.3 and nearest != self._declared_fps:
            self._declared_fps = nearest
            self._open()
        self._recent.clear()

    def _psnr_db(self, image_rgb: Image, data: bytes) -> float:
        frames = self._decoder.decode(av.Packet(data))
        if not frames:
            return 0.0
        decoded = self._to_rgb.reformat(frames[-1], format="rgb24", threads=1).to_ndarray()
        return psnr_db(np.asarray(decoded, np.uint8), image_rgb)


def _units(data: bytes) -> list[bytes]:
    """The NAL units of an Annex B stream (ITU-T H.264, B.1), without start codes and trailing zeros."""
    return [unit.rstrip(b"\0") for unit in data.split(b"\0\0\1") if unit.strip(b"\0")]


class H264Worker:
    """Owns the H.264 encoder's thread: it neither waits for the codec nor for the event loop."""

    def __init__(self, *, size: int, kbps: float) -> None:
        self._size = size
        self.kbps = kbps
        self._encoder = H264Encoder(size=size, kbps=kbps)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="h264")
        self._stages = StageClock(clock=time.perf_counter)

    async def encode(self, picture: Picture, crop: Crop, *, force_key: bool) -> tuple[H264Picture, dict[str, float]]:
        """The coded crop of `picture`, and milliseconds by stage."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, picture, crop, force_key)

    def close(self) -> None:
        """Lets the thread end after the picture in hand."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _work(self, picture: Picture, crop: Crop, force_key: bool) -> tuple[H264Picture, dict[str, float]]:
        with self._stages.stage("h264"):
            square_rgb = crop.extract(picture.image_rgb, self._size)
            self._encoder.set_kbps(self.kbps)
            coded = self._encoder.encode(square_rgb, pts=picture.pts, force_key=force_key)
        return coded, self._stages.take_totals()


class FallbackTrack(MediaStreamTrack):
    """The H.264 stream as a track; gives packets while there are any, and waits otherwise.

    When the transport is too slow, all waiting pictures go at once, and `on_overflow` asks for a key picture: a gap in
    an H.264 stream spoils what follows it.
    """

    kind = "video"

    def __init__(self, *, on_overflow: Callable[[], None] | None = None) -> None:
        super().__init__()
        self._pictures: deque[H264Picture] = deque()
        self._arrived = asyncio.Event()
        self._on_overflow = on_overflow
        self.dropped = 0
        self.first_pts: int | None = None  # of the first picture that was fetched
        self.transceiver: RTCRtpTransceiver | None = None  # where it is sent, if over a connection
        self.resends = ResendBudget()

    @property
    def mid(self) -> str | None:
        """The media id (RFC 8843) that it has in the connection, once that is negotiated."""
        return None if self.transceiver is None else self.transceiver.mid

    def set_overflow(self, callback: Callable[[], None]) -> None:
        """Who is told when pictures had to go."""
        self._on_overflow = callback

    def deliver(self, coded: H264Picture) -> None:
        """Queues one coded picture."""
        if len(self._pictures) >= _WAITING_PICTURES:
            self.dropped += len(self._pictures)
            self._pictures.clear()
            if self._on_overflow is not None:
                self._on_overflow()
            if not coded.is_key:
                self.dropped += 1
                return
        self._pictures.append(coded)
        self._arrived.set()

    async def recv(self) -> Any:
        """The next coded picture. Raises MediaStreamError once the track is stopped."""
        while not self._pictures:
            if self.readyState != "live":
                raise MediaStreamError
            self._arrived.clear()
            await self._arrived.wait()
        coded = self._pictures.popleft()
        if self.first_pts is None:
            self.first_pts = coded.pts
        self.resends.sent(len(coded.rtp_payloads))
        packet = av.Packet(coded.data)
        packet.pts = packet.dts = coded.pts
        packet.time_base = Fraction(1, PTS_PER_S)
        packet.is_keyframe = coded.is_key
        return packet

    def stop(self) -> None:
        """Ends the track; a waiting `recv` raises."""
        super().stop()
        self._arrived.set()


def add_h264_track(pc: RTCPeerConnection) -> FallbackTrack:
    """Adds the H.264 stream to `pc`, before the offer or answer, as a track in H.264 only.

    The other end may send something of its own in the same place (its camera, or its own fallback): aiortc pairs
    transceivers by their order, and one that were for sending alone would keep that back.
    """
    track = FallbackTrack()
    transceiver = pc.addTransceiver(track, direction="sendrecv")
    codecs = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences(
        [codec for codec in codecs if codec.mimeType == "video/H264"]
        + [codec for codec in codecs if codec.mimeType == "video/rtx"]
    )
    track.transceiver = transceiver
    limit_packets()
    limit_resends(transceiver.sender, track.resends.may_resend)
    return track
