"""Stage 3 to 10, offline: kbps against quality, facewire and what it is held against, over a set of clips."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.clips.clip import Clip, Pictures, load_clip
from benchmarks.clips.degraded import as_webcam
from benchmarks.errors import EncoderFailed
from benchmarks.quality.eyes_and_mouth import EyesAndMouth, eyes_and_mouth_by_box, eyes_and_mouth_by_mesh
from benchmarks.quality.faces import FoundFaces
from benchmarks.quality.metric_networks import MetricNetworks
from benchmarks.quality.metrics import measure, psnr_of_each
from benchmarks.rate.anchors.coded_clip import freeze
from benchmarks.rate.anchors.setups import best_anchor
from benchmarks.rate.display.face_sheet import Shown, shown_codec, write_face_sheet
from benchmarks.rate.measured_cache import MeasuredCache
from benchmarks.rate.operating_points import OperatingPoint, RateSettings, clip_points, stream_points
from benchmarks.rate.results.measured import ClipResult, Failure, Measured
from benchmarks.rate.results.rows import FACEWIRE, RateRow, make_row, nearest
from codec.pictures.face import FaceDetector
from codec.units import Image

Tick = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where a run keeps more than its results: face sheets where faces are looked for, what is known of anchors."""

    face_sheets: Path | None = None
    cache: MeasuredCache | None = None


NOTHING_KEPT = Keeping()


def telling_frame(clip: Clip) -> int:
    """The frame least like the first, among those that show a face: where a codec that holds still looks worst."""
    detector = FaceDetector()
    order = [int(index) for index in np.argsort(psnr_of_each(clip.pictures, freeze(clip.pictures).pictures))]
    return next((index for index in order if detector.detect(clip.pictures[index]) is not None), order[0])


def _eyes_and_mouth(picture: Image, found: FoundFaces | None, index: int) -> EyesAndMouth:
    face = None if found is None else found.faces[index]
    return eyes_and_mouth_by_box(picture) if face is None else eyes_and_mouth_by_mesh(face.mesh, len(picture))


class _Measuring:
    """One clip, and what its operating points have in common."""

    def __init__(
        self, clip: Clip, settings: RateSettings, networks: MetricNetworks, cache: MeasuredCache | None
    ) -> None:
        self.clip, self.every, self.lpips = clip, settings.every, networks.lpips
        self.still = telling_frame(clip)
        self.found = None if networks.faces is None else networks.faces.find(clip.pictures, every=settings.every)
        self.entries = None if cache is None else cache.of_clip(clip, every=settings.every, still=self.still)

    def measured(self, point: OperatingPoint) -> tuple[Measured, Pictures | None]:
        """What is known of one point, else what running it gives, with its pictures. Raises EncoderFailed."""
        known = None if self.entries is None else self.entries.read(point)
        if known is not None:
            return known, None
        coded = point.run(self.clip)
        frames = None if self.found is None else self.found.compare(coded.pictures, lpips=self.lpips)
        quality = measure(self.clip.pictures, coded.pictures, lpips=self.lpips, faces=frames, every=self.every)
        row = make_row(self.clip, coded, quality, codec=point.codec, setting=point.setting)
        measured = Measured(row, coded.pictures[self.still].copy(), frames)
        if self.entries is not None:
            self.entries.write(point, measured)
        return measured, coded.pictures

    def result(self, measured: Sequence[Measured], failures: Sequence[Failure]) -> ClipResult:
        """All of the clip."""
        still = self.clip.pictures[self.still].copy()
        seen = _eyes_and_mouth(still, self.found, self.still)
        return ClipResult(self.clip.name, still, seen, tuple(measured), tuple(failures))


def _sheet_columns(
    clip: Clip, settings: RateSettings, rows: Sequence[tuple[OperatingPoint, RateRow]], ours: Pictures
) -> list[Shown]:
    """Facewire at the middle QP, and the best anchor at about its rate: coded once more, which takes a moment."""
    row = next(row for _, row in rows if _is_shown(row.codec, row.setting, settings))
    anchor = best_anchor(settings.anchors)
    beside = None if anchor is None else nearest([row for _, row in rows], codec=anchor, kbps=row.kbps)
    columns = [shown_codec(row, ours)]
    with suppress(EncoderFailed):  # where it did not fail before
        columns += [shown_codec(other, point.run(clip).pictures) for point, other in rows if other is beside]
    return columns


def _is_shown(codec: str, setting: str, settings: RateSettings) -> bool:
    return (codec, setting) == (FACEWIRE, f"qp {settings.middle_qp}")


def measure_clip(
    clip: Clip,
    settings: RateSettings,
    *,
    metric_networks: MetricNetworks,
    keeping: Keeping = NOTHING_KEPT,
    tick: Tick = lambda _: None,
) -> ClipResult:
    """Runs every operating point on one clip, but for those that the cache knows. `tick` is told what comes next.

    Where an encoder fails, the result says so in place of its row.
    """
    measuring = _Measuring(clip, settings, metric_networks, keeping.cache)
    found = measuring.found
    measured: list[tuple[OperatingPoint, Measured]] = []
    failures: list[Failure] = []
    ours: Pictures | None = None
    for point in clip_points(clip.name, settings, shuffled=found is not None):
        tick(f"{clip.name}: {point.codec} {point.setting}")
        try:
            one, pictures = measuring.measured(point)
        except EncoderFailed as error:
            failures.append(Failure(clip.name, point.codec, point.setting, str(error)))
            continue
        measured.append((point, one))
        if _is_shown(point.codec, point.setting, settings):
            ours = pictures
    if keeping.face_sheets is not None and found is not None and ours is not None:
        columns = _sheet_columns(clip, settings, [(point, one.row) for point, one in measured], ours)
        write_face_sheet(keeping.face_sheets, clip, found, columns)
    return measuring.result([one for _, one in measured], failures)


def load(path: Path, settings: RateSettings) -> Clip:
    """The clip as codecs are given it. Raises ClipError."""
    clip = load_clip(path, size=settings.size, seconds=settings.seconds)
    return as_webcam(clip) if settings.degrade == "webcam" else clip


def measure_clips(
    paths: list[Path],
    settings: RateSettings,
    *,
    metric_networks: MetricNetworks,
    keeping: Keeping = NOTHING_KEPT,
    tick: Tick = lambda _: None,
) -> Iterator[ClipResult]:
    """One clip after the other, so that one at a time is in memory. Raises ClipError."""
    for path in paths:
        yield measure_clip(load(path, settings), settings, metric_networks=metric_networks, keeping=keeping, tick=tick)


def check(paths: list[Path], settings: RateSettings) -> None:
    """Before long work: raises ClipError on a file that is no clip, StreamError on a stream that is not of its clip."""
    for path in paths:
        clip = load(path, settings)
        for point in stream_points(settings, clip=clip.name):
            point.run(clip)
