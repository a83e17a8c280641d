"""Stages 2 to 9, timed: one clip through the codec, frame by frame, in a process that does nothing else.

`python -m benchmarks.speed.codec_times CLIP --size 256` writes lines of JSON: how many pictures are through, then
the times.
`python -m benchmarks speed` starts it once for each clip and size, pinned, and reads them.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.clips.clip import Clip, load_clip
from benchmarks.errors import BenchmarkError, ClipError
from benchmarks.flags import add_size
from codec import CodecConfig, CodecError, CodedFrame, Decoder, Encoder
from codec.pictures.crop import centre_crop
from codec.pictures.face import FaceDetector
from codec.stage_clock import StageClock
from codec.units import PTS_PER_S, Image

CAMERA = (720, 1280)  # height and width of the picture that is cropped
KEPT_SIZE = 512  # side at which a clip is held; cameras give more pixels than the codec codes
WARM_UP = 10  # first frames of a stream: coded like all, counted in nothing
GROUP = 5  # frames from one that the encoder decodes to the next
# Frame numbers are modulo 256, so this is the largest distance: frame 0 of 256 is measured, which medians do not see.
UNMEASURED = 256
LOOKS = 25  # of the face detector

Tick = Callable[[], None]


@dataclass(frozen=True, slots=True)
class FrameTime:
    """One frame at one end: all of its milliseconds, those of its stages, and whether it held a reference."""

    ms: float
    has_reference: bool
    stages_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class ClipTimes:
    """What one clip took at one size. Frames of the warm-up are left out.

    unmeasured   the sender's frames, the encoder not decoding any of them
    looped       the sender's frames, the encoder decoding each fifth
    decoded      the receiver's frames
    face_ms      looks of the face detector at the camera's picture, which a call takes now and then
    """

    clip: str
    size: int
    weights: str
    unmeasured: tuple[FrameTime, ...]
    looped: tuple[FrameTime, ...]
    decoded: tuple[FrameTime, ...]
    face_ms: tuple[float, ...]

    @classmethod
    def read(cls, stored: dict[str, Any]) -> "ClipTimes":
        """From what `asdict` and JSON made of one."""
        frames = {name: tuple(FrameTime(**one) for one in stored[name]) for name in ("unmeasured", "looped", "decoded")}
        return cls(
            clip=stored["clip"],
            size=stored["size"],
            weights=stored["weights"],
            face_ms=tuple(stored["face_ms"]),
            **frames,
        )


def camera_picture(square_rgb: Image) -> Image:
    """(S, S, 3) -> (720, 1280, 3): the square as high as the picture, its edges drawn out to both sides."""
    height, width = CAMERA
    scaled = cv2.resize(square_rgb, (height, height), interpolation=cv2.INTER_LINEAR)
    left = (width - height) // 2
    return np.asarray(
        cv2.copyMakeBorder(scaled, 0, 0, left, width - height - left, cv2.BORDER_REPLICATE),
        np.uint8,
    )


def time_encoder(clip: Clip, config: CodecConfig, *, tick: Tick) -> tuple[list[FrameTime], list[bytes]]:
    """Camera pictures to bytes, as the sender's worker makes them; a reference is acknowledged by the next frame."""
    stages = StageClock(clock=time.perf_counter)
    encoder = Encoder(config, stage=stages.stage)
    crop = centre_crop(*CAMERA)
    times, data = [], []
    fresh: int | None = None
    for index, square_rgb in enumerate(clip.pictures):
        image_rgb = camera_picture(square_rgb)
        start_s = time.perf_counter()
        with stages.stage("crop"):
            face_rgb = crop.extract(image_rgb, config.size)
        if fresh is not None:
            encoder.acknowledge(fresh)
        coded = encoder.encode(face_rgb, pts=round(index * PTS_PER_S / clip.fps))
        data.append(bytes(coded))
        ms = 1000 * (time.perf_counter() - start_s)
        fresh = None if coded.reference is None else coded.reference.id
        times.append(FrameTime(ms, coded.reference is not None, stages.take_totals()))
        tick()
    return times[WARM_UP:], data


def time_decoder(data: Sequence[bytes], config: CodecConfig, *, tick: Tick) -> list[FrameTime]:
    """Bytes to RGB pictures, as the receiver's worker makes them."""
    stages = StageClock(clock=time.perf_counter)
    decoder = Decoder(config, stage=stages.stage)
    times = []
    for one in data:
        start_s = time.perf_counter()
        coded = CodedFrame.parse(one)
        decoder.decode(coded)
        ms = 1000 * (time.perf_counter() - start_s)
        times.append(FrameTime(ms, coded.reference is not None, stages.take_totals()))
        tick()
    return times[WARM_UP:]


def time_face(clip: Clip) -> list[float]:
    """Milliseconds of each look of the face detector, after two that warm it up."""
    detector = FaceDetector()
    times = []
    for square_rgb in clip.pictures[: LOOKS + 2]:
        image_rgb = camera_picture(square_rgb)
        start_s = time.perf_counter()
        detector.detect(image_rgb)
        times.append(1000 * (time.perf_counter() - start_s))
    return times[2:]


def time_clip(clip: Clip, *, size: int, threads: int, tick: Tick = lambda: None) -> tuple[ClipTimes, bytes]:
    """All that is timed of one clip, and its first coded frame.

    Raises ClipError for one too short, and what `codec.errors` names.
    """
    if len(clip.pictures) < WARM_UP + GROUP:
        raise ClipError(f"{clip.name}: {len(clip.pictures)} frames, at least {WARM_UP + GROUP} are needed")
    cv2.setNumThreads(threads)
    config = CodecConfig.preset("realtime", size=size, threads=threads)
    unmeasured, data = time_encoder(clip, config.with_(measure_every=UNMEASURED), tick=tick)
    looped, _ = time_encoder(clip, config.with_(measure_every=GROUP), tick=tick)
    times = ClipTimes(
        clip=clip.name,
        size=size,
        weights=config.weights,
        unmeasured=tuple(unmeasured),
        looped=tuple(looped),
        decoded=tuple(time_decoder(data, config, tick=tick)),
        face_ms=tuple(time_face(clip)),
    )
    return times, data[0]


class _Teller:
    """Says how far it is, in percent, whenever that has changed."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._count = 0

    def tick(self) -> None:
        before = 100 * self._count // self._total
        self._count += 1
        if (now := 100 * self._count // self._total) != before:
            print(json.dumps({"percent": now}), flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Times one clip. Returns 0, or 2 after one line that says what is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.codec_times", description="Times the codec on a clip."
    )
    parser.add_argument("clip", type=Path)
    add_size(parser, default=256)
    parser.add_argument("--seconds", type=float, default=10.0, help="of the clip (default %(default)g)")
    parser.add_argument("--threads", type=int, default=2, help="of the networks and of OpenCV (default %(default)s)")
    args = parser.parse_args(argv)
    try:
        clip = load_clip(args.clip, size=KEPT_SIZE, seconds=args.seconds)
        teller = _Teller(3 * len(clip.pictures))
        times, first_frame = time_clip(clip, size=args.size, threads=args.threads, tick=teller.tick)
    except (BenchmarkError, CodecError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps({"times": asdict(times), "first_frame": first_frame.hex()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
