"""Stages 4 and 8, reference picture <-> bytes: one persistent low-delay AV1 stream through PyAV, picture by picture.

An intra picture opens a stream, every later one is coded against the pictures before it. The channel is reliable and
ordered, so the chain is safe; each picture comes out of the encoder at once, and the encoder runs its own decoder.

Syntax of one coded picture:

    byte 0      qqqqqq cc   q: quality index of the picture, 1 .. 63, for the restoration after it (codec.networks); 0:
                            it is used as it is;
                            c: coder, 1 = AV1, 2 = H.264 (written only where PyAV was built without SVT-AV1), the same
                            in all pictures of a stream.
    AV1         an intra picture: 80 + the side / 8 for the usual sequence header, else the length of its OBU's payload
                and the payload; then, as in any other picture, the payload of one OBU_FRAME, its header told as in
                `codec.reference.picture_header`. Temporal delimiters, and the headers and sizes of the OBUs, say
                nothing that this syntax does not, and are left out (AV1 specification, section 5).
    H.264       the NAL units of one access unit in Annex B byte stream format, without SEI and delimiters.

Colour: `codec.reference.colour`.
"""

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from codec.errors import BitstreamError, ConfigError, PictureError, ReferenceMissing, TruncatedError
from codec.reference.av1 import open_av1, pack_av1, unpack_av1
from codec.reference.colour import rgb_to_yuv420, yuv420_to_rgb
from codec.reference.contexts import CODERS, Coder, PictureStream, available_coder, open_decoder
from codec.reference.h264 import open_h264, pack_h264
from codec.units import Image

__all__ = ["ReferenceDecoder", "ReferenceEncoder"]


class ReferenceEncoder:
    """Codes reference pictures of one call, each against those before it.

    `crf` is the coder's quality index, 1 (best) .. 63; it may be set at any time and holds from the next picture on, or
    from the next intra picture where the encoder keeps its step for the length of a stream. `intra_offset` (-64 .. 63,
    in units of AV1's qindex, four to a crf) moves intra pictures against the others: everything later leans on them, so
    the default spends more on them. `preset` is SVT-AV1's speed: 4 takes about 60 ms for an intra picture and 20 ms for
    another at 256x256, 150 and 50 ms at 512x512.
    Where `restored` is false the next pictures say so. `reconstruction` is what a `ReferenceDecoder` shows for the last
    picture, bit for bit.
    """

    def __init__(
        self, *, size: int, crf: int = 50, intra_offset: int = -40, preset: int = 4, coder: Coder | None = None
    ) -> None:
        if size < 64 or size % 8:
            raise ConfigError(f"reference size {size} is not a multiple of 8 from 64 on")
        if not -64 <= intra_offset <= 63 or not 0 <= preset <= 13:
            raise ConfigError(f"intra offset {intra_offset} or preset {preset} is out of range")
        self._size = size
        self._intra_offset = intra_offset
        self._preset = preset
        self._coder = available_coder() if coder is None else coder
        self._stream: PictureStream | None = None
        self._count = 0  # pictures in it
        self._decoder = ReferenceDecoder(size=size)
        self.crf = self._coded_crf = crf
        self.restored = True
        self.reconstruction: Image = np.zeros((size, size, 3), np.uint8)

    @property
    def crf(self) -> int:
        return self._crf

    @crf.setter
    def crf(self, crf: int) -> None:
        if not 1 <= crf <= 63:
            raise ConfigError(f"crf {crf} is not in 1..63")
        self._crf = crf

    @property
    def coded_crf(self) -> int:
        """The quality index that the last picture was coded at."""
        return self._coded_crf

    @property
    def told_crf(self) -> int:
        """The one that its bytes say, for its restoration; 0 where there is none."""
        return self._decoder.crf

    def encode(self, image_rgb: Image, *, intra: bool) -> bytes:
        """Code one picture, uint8 (size, size, 3); `intra` begins a new stream.

        Raises PictureError on another shape or type, ReferenceMissing if the first picture of all is not intra.
        """
        if image_rgb.shape != (self._size, self._size, 3) or image_rgb.dtype != np.uint8:
            raise PictureError(
                f"a reference is uint8 ({self._size}, {self._size}, 3), not {image_rgb.dtype} {image_rgb.shape}"
            )
        if intra:
            self._restart()
        if self._stream is None:
            raise ReferenceMissing("the first reference must be an intra picture")
        unit, self._coded_crf = self._stream.encode(rgb_to_yuv420(image_rgb), crf=self._crf)
        told_crf = self._coded_crf if self.restored else 0
        if self._coder == "av1":
            packed = pack_av1(unit, size=self._size, count=self._count, crf=told_crf)
        else:
            packed = pack_h264(unit)
        self._count += 1
        data = bytes([told_crf << 2 | CODERS[self._coder]]) + packed
        self.reconstruction = self._decoder.decode(data, intra=intra)
        return data

    def _restart(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._count = 0
        open_stream = open_av1 if self._coder == "av1" else open_h264
        self._stream = open_stream(self._size, self._crf, self._intra_offset, self._preset)


class ReferenceDecoder:
    """Decodes what `ReferenceEncoder` wrote, picture by picture, in order."""

    def __init__(self, *, size: int) -> None:
        self._size = size
        self._codec: VideoCodecContext | None = None
        self._head = 0  # byte 0 of the last picture
        self._count = 0  # pictures of the stream so far

    @property
    def crf(self) -> int:
        """The quality index that the last picture is to be restored by; 0 where it is not."""
        return self._head >> 2

    def decode(self, data: bytes, *, intra: bool) -> Image:
        """Decode one picture to uint8 (size, size, 3).

        Raises BitstreamError if the data is malformed or shows another size; the stream is then broken, so that
        ReferenceMissing follows for every picture until the next intra one. An intra picture always starts afresh.
        """
        codec = None if intra else self._codec
        self._codec = None  # until this picture has decoded, nothing may build on it
        if not intra and codec is None:
            raise ReferenceMissing("a reference builds on an earlier one that is not held")
        if len(data) < 2:
            raise TruncatedError(f"a reference of {len(data)} bytes")
        crf, coder = data[0] >> 2, data[0] & 3
        if coder not in CODERS.values() or (not intra and coder != self._head & 3):
            raise BitstreamError(f"reference coder {coder} is unknown or not the one of its stream")
        count = 0 if intra else self._count
        unit = data[1:]
        if coder == CODERS["av1"]:
            unit = unpack_av1(unit, count=count, crf=crf)
        if codec is None:
            codec = open_decoder(coder, self._size)
        image_rgb = self._decode_unit(codec, unit)
        self._codec, self._head, self._count = codec, data[0], count + 1
        return image_rgb

    def _decode_unit(self, codec: VideoCodecContext, unit: bytes) -> Image:
        try:
            frames = codec.decode(av.Packet(unit))
        except (av.error.FFmpegError, MemoryError) as error:
            raise BitstreamError(f"a reference does not decode: {error}") from error
        if len(frames) != 1:
            raise BitstreamError(f"a reference holds {len(frames)} pictures")
        frame = frames[0]
        # PyAV hands out the flag for damage that FFmpeg concealed; a concealed picture would not match the sender's.
        if frame.is_corrupt:
            raise BitstreamError("a reference is damaged")
        if (frame.width, frame.height) != (self._size, self._size):
            raise BitstreamError(f"a reference of {frame.width}x{frame.height}, not {self._size}x{self._size}")
        if frame.format.name not in ("yuv420p", "yuvj420p"):
            raise BitstreamError(f"a reference in {frame.format.name}, not 8-bit 4:2:0")
        return yuv420_to_rgb(frame.to_ndarray().astype(np.uint8, copy=False))
