"""Stage 3 to 10, offline: which codecs the rate benchmark runs, and at which settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.clips.clip import Clip
from benchmarks.errors import SettingError
from benchmarks.quality.metrics import EVERY
from benchmarks.rate.anchors.coded_clip import CodedClip, freeze
from benchmarks.rate.anchors.coder import run_anchor
from benchmarks.rate.anchors.prototype import STEPS, run_prototype
from benchmarks.rate.anchors.setups import ANCHORS, AnchorPoint, anchor, anchor_points
from benchmarks.rate.anchors.streams import Stream, run_stream
from benchmarks.rate.facewire import run_codec
from benchmarks.rate.left_out import Part, part_of
from benchmarks.rate.results.rows import BASE, FACEWIRE, FREEZE, PERCEPTUAL, PROTOTYPE, SHUFFLED, SINGLE, WITHOUT
from codec import CodecConfig
from codec.config import References, Tune

Degrade = Literal["webcam"]


@dataclass(frozen=True, slots=True)
class RateSettings:
    """What the rate benchmark runs. Raises SettingError on an empty or unknown choice."""

    size: int = 256
    seconds: float = 10.0
    anchors: tuple[str, ...] = tuple(ANCHORS)
    streams: tuple[Stream, ...] = ()  # of all clips
    qps: tuple[int, ...] = (20, 32, 44)
    perceptual_qps: tuple[int, ...] = ()
    one_keyframe_qps: tuple[int, ...] = (CodecConfig.preset("one-keyframe").qp,)
    residual: bool = True
    references: References = CodecConfig().references
    weights: str = CodecConfig().weights
    prototype_steps: tuple[float, ...] = STEPS
    every: int = EVERY
    threads: int = 2
    degrade: Degrade | None = None  # codecs are given a degraded copy of each clip
    without: tuple[str, ...] = ()  # parts of facewire that are left out, one at a time, in rows of their own

    def __post_init__(self) -> None:
        if not self.qps:
            raise SettingError("no QP to measure")
        if self.seconds <= 0 or self.every < 1 or self.threads < 1:
            raise SettingError("seconds, every and threads must be positive")
        if any(step <= 0 for step in self.prototype_steps):
            raise SettingError("the prototype's steps must be positive")
        for name in self.anchors:
            anchor(name)
        for name in self.without:
            part_of(name)

    @property
    def held_against(self) -> tuple[str, ...]:
        """The anchors, and the competitors whose streams were given."""
        return tuple(dict.fromkeys((*self.anchors, *(stream.name for stream in self.streams))))

    @property
    def middle_qp(self) -> int:
        return sorted(self.qps)[len(self.qps) // 2]

    def config(self, qp: int, *, residual: bool, tune: Tune = "psnr") -> CodecConfig:
        """Facewire at one QP. Raises ConfigError where the codec does not know a value."""
        return CodecConfig(
            size=self.size,
            qp=qp,
            tune=tune,
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
    """One codec at one setting, ready to run on a clip.

    `made_by` is all that its bytes and pictures follow from, but for the clip and the installed libraries; None where
    that is too much to say, as of networks and what surrounds them.
    """

    codec: str
    setting: str
    run: Callable[[Clip], CodedClip]
    made_by: Mapping[str, Any] | None = None


def _facewire(codec: str, config: CodecConfig) -> OperatingPoint:
    return OperatingPoint(codec, f"qp {config.qp}", lambda clip: run_codec(clip, config))


def _anchor(point: AnchorPoint, *, size: int) -> OperatingPoint:
    setup = anchor(point.anchor).tuned(sharp=point.sharp)
    codec = {"encoder": setup.encoder, "decoder": setup.decoder, "options": dict(setup.options)}
    made_by = {**codec, "anchor": point.anchor, "crf": point.crf, "way": point.way}
    return OperatingPoint(point.anchor, point.setting(size), lambda clip: run_anchor(point, clip), made_by)


def _stream(stream: Stream) -> OperatingPoint:
    made_by = {"stream": stream.sha256}
    return OperatingPoint(stream.name, stream.setting, lambda clip: run_stream(stream, clip), made_by)


def _prototype(step: float) -> OperatingPoint:
    made_by = {"prototype_step": step}
    return OperatingPoint(PROTOTYPE, f"step {step:g}", lambda clip: run_prototype(clip, step=step), made_by)


def _shuffled(config: CodecConfig) -> OperatingPoint:
    """Without the residual, which knows nothing of expressions and would bring some of them back."""
    config = config.with_(residual=False)
    return OperatingPoint(SHUFFLED, f"qp {config.qp}", lambda clip: run_codec(clip, config, shuffled=True))


def _without(part: Part, config: CodecConfig) -> OperatingPoint:
    def run(clip: Clip) -> CodedClip:
        with part.left_out():
            return run_codec(clip, part.config(config))

    return OperatingPoint(f"{WITHOUT}{part.name}", f"qp {config.qp}", run)


def stream_points(settings: RateSettings, *, clip: str) -> list[OperatingPoint]:
    """The competitors' streams of one clip."""
    return [_stream(stream) for stream in settings.streams if stream.clip == clip]


def operating_points(settings: RateSettings, *, shuffled: bool = False) -> list[OperatingPoint]:
    """Freeze, the prototype, facewire at each QP and tuned otherwise, at the middle one its base layer, one keyframe,
    facewire without one part after the other, the anchors.

    `shuffled` adds the control of what is said of faces. What runs on every clip alike: streams come on top.
    """
    listed = [OperatingPoint(FREEZE, "", lambda clip: freeze(clip.pictures), {"freeze": 0})]
    listed += [_prototype(step) for step in settings.prototype_steps]
    listed += [_facewire(FACEWIRE, settings.config(qp, residual=settings.residual)) for qp in sorted(settings.qps)]
    listed += [
        _facewire(PERCEPTUAL, settings.config(qp, residual=settings.residual, tune="perceptual"))
        for qp in sorted(settings.perceptual_qps)
    ]
    middle = settings.middle_qp
    if settings.residual:
        listed.append(_facewire(BASE, settings.config(middle, residual=False)))
    if settings.references != "single":
        listed += [_facewire(SINGLE, settings.one_keyframe(qp)) for qp in sorted(settings.one_keyframe_qps)]
        if shuffled and settings.one_keyframe_qps:
            listed.append(_shuffled(settings.one_keyframe(min(settings.one_keyframe_qps))))
    listed += [
        _without(part_of(name), settings.config(qp, residual=settings.residual))
        for name in settings.without
        for qp in sorted(settings.qps)
    ]
    for name in settings.anchors:
        listed += [_anchor(point, size=settings.size) for point in anchor_points(name, size=settings.size)]
    return listed


def clip_points(clip: str, settings: RateSettings, *, shuffled: bool = False) -> list[OperatingPoint]:
    """All that runs on one clip."""
    return [*operating_points(settings, shuffled=shuffled), *stream_points(settings, clip=clip)]
