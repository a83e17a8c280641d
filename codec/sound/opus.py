"""Stages 4 and 8, sound: mono samples <-> Opus packets (RFC 6716), with its silence, concealment and FEC.

A frame is 40 or 60 ms: longer ones than the 20 ms of RTP spend fewer bits on framing, and are carried several a message
in any case. Where nobody speaks the encoder sends next to nothing (DTX, RFC 6716, 2.1.9): such a frame is empty here,
and the decoder makes comfort noise of it.
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import opuslib_next
from opuslib_next.exceptions import OpusError

from codec.errors import BitstreamError, ConfigError
from codec.units import Floats

__all__ = ["SAMPLE_RATE", "FrameMs", "Samples", "SoundConfig", "SoundDecoder", "SoundEncoder"]

SAMPLE_RATE = 48_000  # Hz, of all samples here: mono float32 in -1..1, (N,)
Samples = Floats
FrameMs = Literal[40, 60]

_COMPLEXITY = 9  # of 10
_MAX_PACKET = 1275  # bytes, RFC 6716, 3.4
_SILENT = 2  # bytes: a packet of no more than that need not be sent, says libopus
_LOUDEST = 32_767


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundConfig:
    """How sound is coded. Raises ConfigError on values out of range."""

    kbps: float = 8.0
    frame_ms: FrameMs = 40
    dtx: bool = True
    fec: bool = False  # repeats a coarse copy of each frame in the next one; off where messages repeat frames anyway

    def __post_init__(self) -> None:
        if not 6 <= self.kbps <= 24:
            raise ConfigError(f"sound at {self.kbps:g} kbps: 6 to 24")
        if self.frame_ms not in get_args(FrameMs):
            raise ConfigError(f"sound frames of {self.frame_ms} ms: 40 or 60")

    @property
    def frame_samples(self) -> int:
        """Samples a frame."""
        return SAMPLE_RATE * self.frame_ms // 1000


class SoundEncoder:
    """One voice into packets, a frame at a time."""

    def __init__(self, config: SoundConfig | None = None) -> None:
        self.config = config or SoundConfig()
        self._opus = opuslib_next.Encoder(SAMPLE_RATE, 1, opuslib_next.APPLICATION_VOIP)
        self._opus.bitrate = round(1000 * self.config.kbps)
        self._opus.complexity = _COMPLEXITY
        self._opus.signal = opuslib_next.SIGNAL_VOICE
        self._opus.dtx = int(self.config.dtx)
        self._opus.inband_fec = int(self.config.fec)

    def expect_loss(self, fraction: float) -> None:
        """The part of the packets that get lost: FEC spends bits by it. Raises ConfigError outside 0..1."""
        if not 0 <= fraction <= 1:
            raise ConfigError(f"a loss of {fraction}: 0 to 1")
        self._opus.packet_loss_perc = round(100 * fraction)

    def set_kbps(self, kbps: float) -> None:
        """Another bitrate, from the next frame on. Raises ConfigError outside 6..24."""
        self.config = replace(self.config, kbps=kbps)
        self._opus.bitrate = round(1000 * kbps)

    @property
    def lookahead(self) -> int:
        """Samples by which what is decoded lags behind what was encoded."""
        return int(self._opus.lookahead)

    def encode(self, samples: Samples) -> bytes:
        """The packet of one frame, float32 (frame_samples,) in -1..1; b"" where it need not be sent (DTX).

        What is not finite is silence. Raises ConfigError for another number of samples.
        """
        if samples.shape != (self.config.frame_samples,):
            raise ConfigError(f"a sound frame of shape {samples.shape}, not ({self.config.frame_samples},)")
        finite = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        whole = np.rint(np.clip(finite, -1, 1) * _LOUDEST).astype(np.int16)
        packet: bytes = self._opus.encode(whole.tobytes(), len(whole))
        return packet if len(packet) > _SILENT else b""


class SoundDecoder:
    """Packets of one voice into samples, a frame at a time and in order; a frame that is lost is made up."""

    def __init__(self, frame_ms: FrameMs = 40) -> None:
        """`frame_ms` is what the stream's messages say."""
        self._frame = SAMPLE_RATE * frame_ms // 1000
        self._opus = opuslib_next.Decoder(SAMPLE_RATE, 1)

    @property
    def frame_samples(self) -> int:
        """Samples a frame."""
        return self._frame

    def decode(self, packet: bytes) -> Samples:
        """float32 (frame_samples,) of a packet; b"" is a frame that was silent.

        Raises BitstreamError for a packet that is none, or is of another length. The decoder can be used on.
        """
        if not packet:
            return self.conceal()
        return self._decode(packet, fec=False)

    def recover(self, following: bytes) -> Samples:
        """A lost frame from the copy that the packet after it may hold (FEC); without one it is concealed.

        Raises BitstreamError as `decode` does. The packet is to be decoded as itself afterwards.
        """
        return self._decode(following, fec=True) if following else self.conceal()

    def conceal(self) -> Samples:
        """A frame that nothing is known of: the voice before it drawn on and faded, or comfort noise after silence."""
        return _floats(self._opus.decode(b"", self._frame))

    def _decode(self, packet: bytes, *, fec: bool) -> Samples:
        try:
            samples = _floats(self._opus.decode(packet, self._frame, fec))
        except OpusError as error:
            raise BitstreamError(f"not an Opus packet of one frame: {error}") from None
        if len(samples) != self._frame:
            raise BitstreamError(f"an Opus packet of {len(samples)} samples, not {self._frame}")
        return samples


def _floats(whole: bytes) -> Samples:
    return np.frombuffer(whole, np.int16).astype(np.float32) * np.float32(1 / (_LOUDEST + 1))
