"""Stage 8, for comparison: streams that others have coded, found by a pattern, decoded, their bytes counted.

A pattern is a path with `{clip}` for a clip's name, `{size}` for the side of the pictures where it matters, and one `*`
for the setting: `vvc/{clip}-{size}-*.266`. Each file that fits is an operating point, named by what the `*` stands for.
The bytes are those of the packets, and of the parameter sets that a container keeps beside them; how long the encoder
took is not known, and how long it looked ahead neither.
"""

import glob
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from benchmarks.clips.clip import Clip, Pictures
from benchmarks.errors import SettingError, StreamError
from benchmarks.rate.anchors.coded_clip import CodedClip
from benchmarks.rate.anchors.setups import ANCHORS
from benchmarks.records.provenance import sha256
from signaling.transport.costs import rtp_on_wire

WITHOUT_STAR = "as it is"  # the setting of a pattern's only file


@dataclass(frozen=True, slots=True)
class StreamPattern:
    """Where one competitor's streams lie."""

    name: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Stream:
    """One file: an operating point on one clip."""

    name: str  # of the competitor
    clip: str
    setting: str
    file: str
    sha256: str


def read_pattern(text: str) -> StreamPattern:
    """`NAME=PATTERN`. Raises SettingError."""
    name, equals, pattern = text.partition("=")
    if not (name.strip() and equals and pattern):
        raise SettingError(f"streams are given as NAME=PATTERN, not {text!r}")
    if name in ANCHORS:
        raise SettingError(f"{name!r} is an anchor already: give the streams another name")
    if "{clip}" not in pattern or pattern.count("*") > 1:
        raise SettingError(f"{pattern!r} needs {{clip}}, and has one * at most, for the setting")
    return StreamPattern(name.strip(), pattern)


def _natural(setting: str) -> list[tuple[int, str]]:
    """qp 9 before qp 10."""
    return [(int(piece), "") if piece.isdecimal() else (0, piece) for piece in re.split(r"(\d+)", setting)]


def _of_clip(wanted: StreamPattern, clip: str, size: int) -> list[Stream]:
    path = wanted.pattern.replace("{size}", str(size)).replace("{clip}", clip)
    before, star, after = path.partition("*")
    files = glob.glob(glob.escape(before) + star + glob.escape(after))
    settings = {file: file[len(before) : len(file) - len(after)] or WITHOUT_STAR for file in files}
    return [
        Stream(wanted.name, clip, settings[file], file, sha256(Path(file)))
        for file in sorted(files, key=lambda file: _natural(settings[file]))
    ]


def find_streams(wanted: StreamPattern, *, clips: Sequence[str], size: int) -> list[Stream]:
    """All streams of these clips.

    Raises StreamError where a clip has none, or not those settings that others have: means would be over other clips.
    """
    found = {clip: _of_clip(wanted, clip, size) for clip in clips}
    settings = list(dict.fromkeys(stream.setting for streams in found.values() for stream in streams))
    for clip, streams in found.items():
        if not streams:
            raise StreamError(f"{wanted.name}: no stream of {clip} at {size} fits {wanted.pattern}")
        missing = [setting for setting in settings if setting not in {stream.setting for stream in streams}]
        if missing:
            raise StreamError(f"{wanted.name}: of {clip} at {size} there is no {missing[0]}, which other clips have")
    return [stream for streams in found.values() for stream in streams]


@dataclass(frozen=True, slots=True)
class _Decoded:
    pictures: list[np.ndarray]
    packets: list[tuple[int, bool]]  # bytes, whether it is a keyframe
    beside: int  # bytes of parameter sets that no packet has


def _decode(path: str) -> _Decoded:
    """Raises av.FFmpegError, OSError; LookupError without a video, or a decoder for it."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise LookupError("this FFmpeg has no decoder for it")
        stream.codec_context.thread_count = 1
        pictures: list[np.ndarray] = []
        packets: list[tuple[int, bool]] = []
        beside = stream.codec_context.extradata or b""
        for packet in container.demux(stream):
            if packet.size:
                packets.append((packet.size, packet.is_keyframe))
                if beside and beside in bytes(packet):
                    beside = b""
            pictures += [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in packet.decode()]
    return _Decoded(pictures, packets, len(beside))


def _check(file: str, pictures: Sequence[np.ndarray], clip: Clip) -> Pictures:
    if len(pictures) != len(clip.pictures):
        raise StreamError(f"{file}: {len(pictures)} pictures, but {clip.name} has {len(clip.pictures)}")
    sizes = {picture.shape[:2] for picture in pictures}
    if sizes != {(clip.side, clip.side)}:
        height, width = min(sizes)
        raise StreamError(f"{file}: pictures of {width}x{height}, but {clip.name} has {clip.side}x{clip.side}")
    return np.stack(pictures)


def run_stream(stream: Stream, clip: Clip) -> CodedClip:
    """Decodes one file. Raises StreamError where it is no video, or has other pictures than the clip."""
    start = time.perf_counter()
    try:
        decoded = _decode(stream.file)
    except (av.FFmpegError, OSError, LookupError) as error:
        raise StreamError(f"{stream.file}: {getattr(error, 'strerror', None) or error}") from error
    pictures = _check(stream.file, decoded.pictures, clip)
    decode_ms = (time.perf_counter() - start) * 1000 / len(pictures)
    sizes = [size for size, _ in decoded.packets]
    keyframe = sum(size for size, is_keyframe in decoded.packets if is_keyframe) + decoded.beside
    return CodedClip(
        pictures=pictures,
        keyframe_bytes=keyframe,
        reference_bytes=0,
        motion_bytes=sum(sizes) + decoded.beside - keyframe,
        wire=rtp_on_wire([sizes[0] + decoded.beside, *sizes[1:]]),
        encode_ms=0.0,
        decode_ms=decode_ms,
        first_keyframe_bytes=sizes[0] + decoded.beside,
    )
