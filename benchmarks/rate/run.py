"""Stage 3 to 10, offline: kbps against quality, facewire and the anchors, over a set of clips."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.clips.clip import Clip, load_clip
from benchmarks.clips.degraded import as_webcam
from benchmarks.errors import SettingError
from benchmarks.quality.eyes_and_mouth import EyesAndMouth, eyes_and_mouth_by_box, eyes_and_mouth_by_mesh
from benchmarks.quality.face_frames import FaceFrames
from benchmarks.quality.face_scores import face_scores
from benchmarks.quality.faces import FoundFaces
from benchmarks.quality.metric_networks import MetricNetworks
from benchmarks.quality.metrics import EVERY, measure, psnr_of_each
from benchmarks.rate.anchors import ANCHORS, asked_kbps, best_anchor, run_anchor
from benchmarks.rate.coded_clip import CodedClip, freeze
from benchmarks.rate.face_rows import FaceRow
from benchmarks.rate.face_sheet import FaceSheet
from benchmarks.rate.facewire import run_codec
from benchmarks.rate.prototype import STEPS, run_prototype
from benchmarks.rate.rows import BASE, FACEWIRE, FREEZE, PROTOTYPE, SHUFFLED, SINGLE, RateRow, make_row
from codec import CodecConfig
from codec.config import References
from codec.pictures.face import FaceDetector
from codec.units import Image

Degrade = Literal["webcam"]


@dataclass(frozen=True, slots=True)
class RateSettings:
    """What the rate benchmark runs. Raises SettingError on an empty or unknown choice."""

    size: int = 256
    seconds: float = 10.0
    anchors: tuple[str, ...] = tuple(ANCHORS)
    qps: tuple[int, ...] = (20, 32, 44)
    one_keyframe_qps: tuple[int, ...] = (CodecConfig.preset("one-keyframe").qp,)
    residual: bool = True
    references: References = CodecConfig().references
    weights: str = CodecConfig().weights
    prototype_steps: tuple[float, ...] = STEPS
    every: int = EVERY
    threads: int = 2
    degrade: Degrade | None = None  # codecs are given a degraded copy of each clip

    def __post_init__(self) -> None:
        if not self.qps:
            raise SettingError("no QP to measure")
        if self.seconds <= 0 or self.every < 1 or self.threads < 1:
            raise SettingError("seconds, every and threads must be positive")
        if any(step <= 0 for step in self.prototype_steps):
            raise SettingError("the prototype's steps must be positive")
        for name in self.anchors:
            asked_kbps(name, size=self.size)

    @property
    def middle_qp(self) -> int:
        return sorted(self.qps)[len(self.qps) // 2]

    def config(self, qp: int, *, residual: bool) -> CodecConfig:
        """Facewire at one QP. Raises ConfigError where the codec does not know a value."""
        return CodecConfig(
            size=self.size,
            qp=qp,
            residual=residual,
            references=self.references,
            weights=self.weights,
            threads=self.threads,
        )

    def one_keyframe(self, qp: int) -> CodecConfig:
        """The preset of that name at one QP."""
        return CodecConfig.preset("one-keyframe", size=self.size, qp=qp, weights=self.weights, threads=self.threads)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """One codec at one setting, ready to run on a clip."""

    codec: str
    setting: str
    run: Callable[[Clip], CodedClip]


@dataclass(frozen=True, slots=True)
class Measured:
    """A row, one decoded picture to look at, and what was seen of the face in every frame, where it was measured."""

    row: RateRow
    still: Image
    frames: FaceFrames | None = None

    @property
    def face(self) -> FaceRow | None:
        """The face's figures."""
        if self.frames is None:
            return None
        return FaceRow(self.row.clip, self.row.codec, self.row.setting, face_scores(self.frames))


@dataclass(frozen=True, slots=True)
class ClipResult:
    """Everything measured on one clip. `still` is the original of the picture kept from each codec."""

    name: str
    still: Image
    eyes_and_mouth: EyesAndMouth
    measured: tuple[Measured, ...]


def _facewire(codec: str, config: CodecConfig) -> OperatingPoint:
    return OperatingPoint(codec, f"qp {config.qp}", lambda clip: run_codec(clip, config))


def _anchor(name: str, kbps: float) -> OperatingPoint:
    return OperatingPoint(name, f"{kbps:g} kbps", lambda clip: run_anchor(name, clip, kbps=kbps))


def _prototype(step: float) -> OperatingPoint:
    return OperatingPoint(PROTOTYPE, f"step {step:g}", lambda clip: run_prototype(clip, step=step))


def _shuffled(config: CodecConfig) -> OperatingPoint:
    """Without the residual, which knows nothing of expressions and would bring some of them back."""
    config = config.with_(residual=False)
    return OperatingPoint(SHUFFLED, f"qp {config.qp}", lambda clip: run_codec(clip, config, shuffled=True))


def operating_points(settings: RateSettings, *, shuffled: bool = False) -> list[OperatingPoint]:
    """Freeze, the prototype, facewire at each QP, at the middle one its base layer, one keyframe, the anchors.

    `shuffled` adds the control of what is said of faces.
    """
    listed = [OperatingPoint(FREEZE, "", lambda clip: freeze(clip.pictures))]
    listed += [_prototype(step) for step in settings.prototype_steps]
    listed += [_facewire(FACEWIRE, settings.config(qp, residual=settings.residual)) for qp in sorted(settings.qps)]
    middle = settings.middle_qp
    if settings.residual:
        listed.append(_facewire(BASE, settings.config(middle, residual=False)))
    if settings.references != "single":
        listed += [_facewire(SINGLE, settings.one_keyframe(qp)) for qp in sorted(settings.one_keyframe_qps)]
        if shuffled:
            listed.append(_shuffled(settings.one_keyframe(min(settings.one_keyframe_qps))))
    for name in settings.anchors:
        listed += [_anchor(name, kbps) for kbps in asked_kbps(name, size=settings.size)]
    return listed


def telling_frame(clip: Clip) -> int:
    """The frame least like the first, among those that show a face: where a codec that holds still looks worst."""
    detector = FaceDetector()
    order = [int(index) for index in np.argsort(psnr_of_each(clip.pictures, freeze(clip.pictures).pictures))]
    return next((index for index in order if detector.detect(clip.pictures[index]) is not None), order[0])


def _eyes_and_mouth(picture: Image, found: FoundFaces | None, index: int) -> EyesAndMouth:
    face = None if found is None else found.faces[index]
    return eyes_and_mouth_by_box(picture) if face is None else eyes_and_mouth_by_mesh(face.mesh, len(picture))


def _face_sheet(folder: Path | None, settings: RateSettings) -> FaceSheet | None:
    if folder is None:
        return None
    return FaceSheet(folder, f"qp {settings.middle_qp}", best_anchor(settings.anchors))


def measure_clip(
    clip: Clip,
    settings: RateSettings,
    *,
    metric_networks: MetricNetworks,
    face_sheets: Path | None = None,
    tick: Callable[[str], None] = lambda _: None,
) -> ClipResult:
    """Runs every operating point on one clip. `tick` is told what runs next.

    `face_sheets` is the folder for its face sheet, which is written where faces are looked for.
    """
    index = telling_frame(clip)
    lpips, networks = metric_networks.lpips, metric_networks.faces
    found = None if networks is None else networks.find(clip.pictures, every=settings.every)
    sheet = _face_sheet(face_sheets, settings)
    measured = []
    for point in operating_points(settings, shuffled=networks is not None):
        tick(f"{clip.name}: {point.codec} {point.setting}")
        coded = point.run(clip)
        frames = None if found is None else found.compare(coded.pictures, lpips=lpips)
        quality = measure(clip.pictures, coded.pictures, lpips=lpips, faces=frames, every=settings.every)
        row = make_row(clip, coded, quality, codec=point.codec, setting=point.setting)
        measured.append(Measured(row, coded.pictures[index].copy(), frames))
        if sheet is not None:
            sheet.offer(row, coded.pictures)
    if sheet is not None and found is not None:
        sheet.write(clip, found)
    still = clip.pictures[index].copy()
    return ClipResult(clip.name, still, _eyes_and_mouth(still, found, index), tuple(measured))


def load(path: Path, settings: RateSettings) -> Clip:
    """The clip as codecs are given it. Raises ClipError."""
    clip = load_clip(path, size=settings.size, seconds=settings.seconds)
    return as_webcam(clip) if settings.degrade == "webcam" else clip


def measure_clips(
    paths: list[Path],
    settings: RateSettings,
    *,
    metric_networks: MetricNetworks,
    face_sheets: Path | None = None,
    tick: Callable[[str], None] = lambda _: None,
) -> Iterator[ClipResult]:
    """One clip after the other, so that one at a time is in memory. Raises ClipError."""
    for path in paths:
        yield measure_clip(
            load(path, settings), settings, metric_networks=metric_networks, face_sheets=face_sheets, tick=tick
        )
