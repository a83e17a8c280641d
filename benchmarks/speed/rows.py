"""Stage 10, meter (offline): what the speed benchmark says, row by row, each with its target."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

from benchmarks.calls.call import MB, CallRun, Memory, gained
from benchmarks.records.spread import Spread
from benchmarks.speed.codec_times import GROUP, ClipTimes, FrameTime

CALL_FPS = {256: 30, 512: 20}  # that two ends on two cores are to hold
HELD = 0.99  # of the frame rate asked for
# The most that a row may take, by the side of the face square; frames a second are the least.
TARGETS: dict[str, dict[int | None, float]] = {
    "sender_keypoints": {256: 10.0, 512: 12.0},
    "sender_loop": {256: 16.0, 512: 22.0},
    "receiver_frame": {256: 16.0, 512: 33.0},
    "call_fps": {size: float(fps) for size, fps in CALL_FPS.items()},
    "sender_memory": {256: 450.0, 512: 600.0},
    "receiver_memory": {256: 450.0, 512: 600.0},
    "cold_start": {256: 2.5, 512: 3.0},
    "weights": {None: 20.0},
}
TITLES = {
    "sender_keypoints": "sender, a frame, keypoints only",
    "sender_loop": f"sender, a frame, decoding each {GROUP}th itself",
    "sender_reference": "sender, a frame that codes a reference",
    "face_look": "sender, a look for the face",
    "receiver_frame": "receiver, a frame",
    "receiver_reference": "receiver, a frame that brings a reference",
    "call_fps": "both on the same cores, displayed",
    "sender_memory": "sender, resident, peak",
    "receiver_memory": "receiver, resident, peak",
    "cold_start": "import codec to the first frame",
    "weights": "weights on disk",
}


@dataclass(frozen=True, slots=True)
class SpeedRow:
    """One figure. `judged` is what is held against the target; `met` is None where there is no target."""

    key: str
    size: int | None  # side of the face square; None where it does not matter
    unit: str
    spread: Spread
    judged: float
    target: float | None = None
    met: bool | None = None
    details: dict[str, float] = field(default_factory=dict)

    @property
    def is_least(self) -> bool:
        """Whether more is better."""
        return self.unit == "fps"


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage at one end. `ms_a_frame` is its mean over all frames, those without it included."""

    size: int
    end: str
    stage: str
    ms_a_frame: float
    frames: float  # part of the frames that have it
    spread: Spread  # over the frames that have it


def row(
    key: str,
    size: int | None,
    unit: str,
    samples: Sequence[float],
    *,
    judged: float | None = None,
    details: dict[str, float] | None = None,
) -> SpeedRow:
    """A row of samples, held against its target by `judged`, which is the median unless said."""
    spread = Spread.of(samples)
    value = spread.median if judged is None else judged
    target = TARGETS.get(key, {}).get(size)
    met = None
    if target is not None:
        met = value >= HELD * target if unit == "fps" else value <= target
    return SpeedRow(key, size, unit, spread, value, target, met, details or {})


def _all(frames: Sequence[FrameTime]) -> dict[str, float]:
    """What holds over every frame, those that hold a reference included."""
    spread = Spread.of([frame.ms for frame in frames])
    return {"mean of all": spread.mean, "p95 of all": spread.p95}


def _groups(frames: Sequence[FrameTime]) -> list[float]:
    """Mean ms of each whole group of consecutive frames, of which one is decoded."""
    starts = range(0, len(frames) - GROUP + 1, GROUP)
    return [mean(frame.ms for frame in frames[start : start + GROUP]) for start in starts]


def codec_rows(clips: Sequence[ClipTimes]) -> list[SpeedRow]:
    """What the codec takes for a frame, over all frames of clips of one size."""
    size = clips[0].size
    unmeasured = [frame for clip in clips for frame in clip.unmeasured]
    looped = [frame for clip in clips for frame in clip.looped]
    decoded = [frame for clip in clips for frame in clip.decoded]
    samples: dict[str, tuple[list[float], dict[str, float]]] = {
        "sender_keypoints": ([frame.ms for frame in unmeasured if not frame.has_reference], _all(unmeasured)),
        "sender_loop": ([ms for clip in clips for ms in _groups(clip.looped)], _all(looped)),
        "sender_reference": ([frame.ms for frame in unmeasured if frame.has_reference], {}),
        "face_look": ([ms for clip in clips for ms in clip.face_ms], {}),
        "receiver_frame": ([frame.ms for frame in decoded if not frame.has_reference], _all(decoded)),
        "receiver_reference": ([frame.ms for frame in decoded if frame.has_reference], {}),
    }
    return [row(key, size, "ms", ms, details=details) for key, (ms, details) in samples.items() if ms]


def stage_rows(clips: Sequence[ClipTimes]) -> list[StageRow]:
    """Where the milliseconds go at either end, with what no stage claims; of clips of one size."""
    sent = [frame for clip in clips for frame in clip.looped]
    shown = [frame for clip in clips for frame in clip.decoded]
    return [*_stages(clips[0].size, "sender", sent), *_stages(clips[0].size, "receiver", shown)]


def _stages(size: int, end: str, frames: Sequence[FrameTime]) -> list[StageRow]:
    spent: dict[str, list[float]] = {}
    for frame in frames:
        for stage, ms in {**frame.stages_ms, "rest": frame.ms - sum(frame.stages_ms.values())}.items():
            spent.setdefault(stage, []).append(ms)
    spent["rest"] = spent.pop("rest")  # last
    count = len(frames)
    return [StageRow(size, end, stage, sum(ms) / count, len(ms) / count, Spread.of(ms)) for stage, ms in spent.items()]


def call_rows(runs: Sequence[CallRun], *, size: int) -> list[SpeedRow]:
    """Frames a second as displayed, seconds as samples, and what the processes hold; over calls of one size."""
    seconds = [line["shown_fps"] for run in runs for line in run.receiver[1:]]
    time_s = sum(gained(run.receiver, "time_s") for run in runs)
    sent_s = sum(gained(run.sender, "time_s") for run in runs)
    shown = sum(gained(run.receiver, "counts", "shown") for run in runs)
    counts = {
        name: sum(gained(run.receiver, "playout", name) for run in runs)
        for name in ("interpolated", "held", "skipped", "late")
    }
    details = {
        "fps in the mean": shown / time_s,
        "fps sent": sum(gained(run.sender, "keypoints", "totals", "frames") for run in runs) / sent_s,
        **counts,
        "not rendered": sum(gained(run.receiver, "dropped", "render") for run in runs),
        "dropped by the sender": sum(gained(run.sender, "counts", "dropped") for run in runs),
    }
    made = [row("call_fps", size, "fps", seconds, judged=shown / time_s, details=details)]
    for end in ("sender", "receiver"):
        held: list[Memory] = [run.memory[end] for run in runs if end in run.memory]
        if held:
            peaks = [one.peak_mb for one in held]
            steady = {"steady": max(one.steady_mb for one in held)}
            made.append(row(f"{end}_memory", size, "MB", peaks, judged=max(peaks), details=steady))
    return made


def weights_row(codec: Path) -> SpeedRow:
    """Bytes of all files of weights, and of graphs made from them, in the folder of the codec."""
    sizes = {name: _bytes(codec / name) / MB for name in ("weights", "graphs") if (codec / name).is_dir()}
    return row("weights", None, "MB", [sum(sizes.values())], details=sizes)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
