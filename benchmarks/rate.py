"""Stage 3 to 10, offline: kbps against quality, ours and the anchors, over a set of clips."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.anchors import ANCHORS, asked_kbps, run_anchor
from benchmarks.clip import Clip, Picture, load_clip
from benchmarks.coded import CodedClip, freeze
from benchmarks.errors import SettingError
from benchmarks.lpips import Lpips
from benchmarks.metrics import EVERY, measure, psnr_db
from benchmarks.ours import run_codec
from benchmarks.rows import BASE, FREEZE, OURS, RateRow, make_row
from codec import CodecConfig
from codec.config import References
from codec.face import FaceDetector


@dataclass(frozen=True, slots=True)
class RateSettings:
    """What the rate benchmark runs. Raises SettingError on an empty or unknown choice."""

    size: int = 256
    seconds: float = 10.0
    anchors: tuple[str, ...] = tuple(ANCHORS)
    qps: tuple[int, ...] = (20, 32, 44)
    residual: bool = True
    references: References = CodecConfig().references
    every: int = EVERY
    threads: int = 2

    def __post_init__(self) -> None:
        if not self.qps:
            raise SettingError("no QP to measure")
        if self.seconds <= 0 or self.every < 1 or self.threads < 1:
            raise SettingError("seconds, every and threads must be positive")
        for name in self.anchors:
            asked_kbps(name, size=self.size)

    def config(self, qp: int, *, residual: bool) -> CodecConfig:
        """Ours at one QP. Raises ConfigError where the codec does not know a value."""
        return CodecConfig(size=self.size, qp=qp, residual=residual, references=self.references, threads=self.threads)


@dataclass(frozen=True, slots=True)
class Job:
    """One codec at one setting, ready to run on a clip."""

    codec: str
    setting: str
    run: Callable[[Clip], CodedClip]


@dataclass(frozen=True, slots=True)
class Measured:
    """A row, and one decoded picture to look at."""

    row: RateRow
    still: Picture


@dataclass(frozen=True, slots=True)
class ClipResult:
    """Everything measured on one clip. `still` is the original of the picture kept from each codec."""

    name: str
    still: Picture
    measured: tuple[Measured, ...]


def _ours(codec: str, config: CodecConfig) -> Job:
    return Job(codec, f"qp {config.qp}", lambda clip: run_codec(clip, config))


def _anchor(name: str, kbps: float) -> Job:
    return Job(name, f"{kbps:g} kbps", lambda clip: run_anchor(name, clip, kbps=kbps))


def jobs(settings: RateSettings) -> list[Job]:
    """Freeze, ours at each QP, the base layer alone at the middle one, each anchor at each rate."""
    listed = [Job(FREEZE, "", lambda clip: freeze(clip.pictures))]
    qps = sorted(settings.qps)
    listed += [_ours(OURS, settings.config(qp, residual=settings.residual)) for qp in qps]
    if settings.residual:
        listed.append(_ours(BASE, settings.config(qps[len(qps) // 2], residual=False)))
    for name in settings.anchors:
        listed += [_anchor(name, kbps) for kbps in asked_kbps(name, size=settings.size)]
    return listed


def telling_frame(clip: Clip) -> int:
    """The frame least like the first, among those that show a face: where a codec that holds still looks worst."""
    detector = FaceDetector()
    order = [int(index) for index in np.argsort(psnr_db(clip.pictures, freeze(clip.pictures).pictures))]
    return next((index for index in order if detector.detect(clip.pictures[index]) is not None), order[0])


def measure_clip(
    clip: Clip, settings: RateSettings, *, lpips: Lpips | None = None, tick: Callable[[str], None] = lambda _: None
) -> ClipResult:
    """Runs every job on one clip. `tick` is told what runs next."""
    index = telling_frame(clip)
    measured = []
    for job in jobs(settings):
        tick(f"{clip.name}: {job.codec} {job.setting}")
        coded = job.run(clip)
        quality = measure(clip.pictures, coded.pictures, lpips=lpips, every=settings.every)
        row = make_row(clip, coded, quality, codec=job.codec, setting=job.setting)
        measured.append(Measured(row, coded.pictures[index].copy()))
    return ClipResult(clip.name, clip.pictures[index].copy(), tuple(measured))


def measure_clips(
    paths: list[Path],
    settings: RateSettings,
    *,
    lpips: Lpips | None = None,
    tick: Callable[[str], None] = lambda _: None,
) -> Iterator[ClipResult]:
    """One clip after the other, so that one at a time is in memory. Raises ClipError; SettingError on equal names."""
    if len({path.stem for path in paths}) < len(paths):
        raise SettingError("two clips have the same name; their rows could not be told apart")
    for path in paths:
        clip = load_clip(path, size=settings.size, seconds=settings.seconds)
        yield measure_clip(clip, settings, lpips=lpips, tick=tick)
