"""Stages 3, 8 and 9, on every engine: the settings of that comparison and what it says, row by row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.errors import SettingError
from benchmarks.quality.metrics import EVERY
from benchmarks.records.spread import Spread
from codec import CodecConfig
from codec.config import Precision
from codec.graphs.files import NAMES, QUANTIZED, REDUCED

TORCH, OPENVINO, ONNXRUNTIME = "torch", "openvino", "onnxruntime"
EXACT: Precision = "f32"
ALL = "all"
# Which graphs a precision is for; an engine runs the others in the next finer one.
COVERED: dict[Precision, tuple[str, ...]] = {"f32": NAMES, "bf16": REDUCED, "int8": QUANTIZED}
FINER: dict[Precision, tuple[Precision, ...]] = {
    "f32": ("f32",),
    "bf16": ("bf16", "f32"),
    "int8": ("int8", "bf16", "f32"),
}
BYTES: dict[Precision, int] = {"f32": 4, "bf16": 2, "int8": 1}
# What a picture takes: at the receiver for each frame, at both ends for each reference, at the sender for each frame.
SUMS = {
    "a frame": ("candidates", "judgement", "mix", "refinement", "choice", "generator", "mouth", "eyes"),
    "a reference": ("restoration", "scene", "appearance", "guidance"),
    "the sender's keypoints": ("extractor", "keypoints", "landmarks", "mouth_points", "eye_points"),
}


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How much is measured, and on how many cores."""

    sizes: tuple[int, ...] = (256, 512)
    seconds: float = 4.0  # of each clip
    runs: int = 30  # of each graph that are timed
    threads: int = 2
    weights: str = CodecConfig().weights
    every: int = EVERY  # frames from one that LPIPS sees to the next

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise SettingError(f"--seconds {self.seconds:g}: expected more than 0")

    def config(self, size: int) -> CodecConfig:
        """The codec's default of that size, with these weights and threads."""
        return CodecConfig(size=size, threads=self.threads, weights=self.weights)

    def units(self, clips: int) -> int:
        """How many pieces of work there are, of those that the progress is told about."""
        return len(self.sizes) * (1 + 2 * clips)


@dataclass(frozen=True, slots=True)
class GraphRow:
    """One graph on one engine in one precision. Errors are against torch in float32; None for that itself.

    They are over all outputs together: pictures count in levels of 255, everything else as it is. `relative_error` is
    the mean error in parts of the mean magnitude.
    """

    size: int
    graph: str
    engine: str
    precision: Precision
    ms: Spread
    ratio: float  # of medians, to torch f32
    weights: int  # how many
    weights_bytes: int  # in this precision
    max_error: float | None = None
    mean_error: float | None = None
    relative_error: float | None = None


@dataclass(frozen=True, slots=True)
class SumRow:
    """Medians added up over the graphs of `SUMS`, and the weights of all graphs of the codec."""

    size: int
    engine: str
    precision: Precision
    ms: dict[str, float]
    ratios: dict[str, float]  # to torch f32
    weights_bytes: int


@dataclass(frozen=True, slots=True)
class DecodeRow:
    """A decoder, over clips of one size: qualities are means of the clips' means, changes are against openvino f32.

    `where` names the one graph that runs in int8, the others in the next finer precision, or is `ALL`. The worst change
    is that of the clip that loses most.
    """

    size: int
    engine: str
    precision: Precision
    where: str
    frame_ms: Spread  # frames without a reference
    ratio: float  # of medians, to openvino f32
    mean_ms: float  # of all frames, those with a reference included
    psnr_db: float
    psnr_change_db: float
    psnr_worst_db: float
    lpips: float | None
    lpips_change: float | None
    lpips_worst: float | None


@dataclass(frozen=True, slots=True)
class EngineResult:
    """All rows, over all clips and clip by clip, and where everything ran."""

    graphs: tuple[GraphRow, ...]
    sums: tuple[SumRow, ...]
    decodes: tuple[DecodeRow, ...]
    clips: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]  # what could not be measured here
    cores: tuple[int, ...]
    load_before: float | None  # processes that ran or waited in the minute before, where the system tells


def as_run(rows: Sequence[GraphRow]) -> Callable[[str, str, Precision], GraphRow]:
    """Tells, of rows of one size, how an engine set to a precision runs a graph: in that one, or the next finer."""
    by_key = {(row.graph, row.engine, row.precision): row for row in rows}

    def row_of(graph: str, engine: str, precision: Precision) -> GraphRow:
        finer = (by_key.get((graph, engine, each)) for each in FINER[precision])
        return next(row for row in finer if row is not None)

    return row_of
