"""Training, faces: what `python -m codec.training faces` can be told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from codec.config import CodecConfig
from codec.errors import ConfigError
from codec.flags import option
from codec.training.face.loop import Schedule

__all__ = ["POINT_LESSONS", "STEPS", "WINDOW_LESSONS", "FaceOptions", "StepName"]

StepName = Literal["record", "landmarks", "mouth_points", "eye_points", "shape", "mouth", "eye", "finish"]
STEPS: tuple[StepName, ...] = ("record", "landmarks", "mouth_points", "eye_points", "shape", "mouth", "eye", "finish")
# Minutes on one CPU core and the peak rate. The whole face is learnt slowest, and at a lower rate, since it is deepest.
POINT_LESSONS = {"landmarks": (35.0, 7e-4), "mouth_points": (16.0, 1.5e-3), "eye_points": (16.0, 1.5e-3)}
WINDOW_LESSONS = {"mouth": (30.0, 1e-3), "eye": (30.0, 1e-3)}


@dataclass(frozen=True, slots=True)
class FaceOptions:
    """ConfigError when a field is out of range."""

    folders: tuple[Path, ...] = field(metadata={"help": "folders of face clips with labels.npz beside them"})
    heldout: Path | None = field(
        default=None, metadata=option("folder of clips to score on; default: every 20th person")
    )
    out: Path = field(default=Path("out/faces"), metadata=option("folder for recordings, checkpoints, weights, card"))
    steps: tuple[StepName, ...] = field(
        default=STEPS, metadata=option("steps to take; their order is always this one", separated=True)
    )
    start: str = field(default=CodecConfig().weights, metadata=option("weights to start from, and to finish into"))
    fresh: bool = field(default=False, metadata=option("train the face's networks from random ones, not the start's"))
    perceptual: Path | None = field(
        default=None, metadata=option("folder with LPIPS's SqueezeNet files; without, windows are drawn blurred")
    )
    minutes_scale: float = field(
        default=1.0, metadata=option("times the minutes of every lesson; resumed runs are counted in")
    )
    score_s: float = field(
        default=150.0, metadata=option("seconds of training between scores, each of which writes a checkpoint")
    )
    every: int = field(default=2, metadata=option("of so many frames one is cut for the landmark lessons"))
    device: str = field(default="cpu", metadata=option("cpu or cuda"))
    threads: int = field(default=0, metadata=option("CPU threads; 0 leaves it to torch"))
    workers: int = field(default=0, metadata=option("processes of `record`; 0: one a core"))
    seed: int = field(default=0, metadata=option("of everything random"))

    def __post_init__(self) -> None:
        unknown = set(self.steps) - set(STEPS)
        if unknown or not self.steps:
            raise ConfigError(f"steps are {', '.join(STEPS)}, not {', '.join(sorted(unknown)) or 'none'}")
        if self.minutes_scale <= 0 or self.score_s <= 0 or self.every < 1:
            raise ConfigError("minutes-scale and score-s must be positive, every at least 1")
        if self.threads < 0 or self.workers < 0 or self.seed < 0:
            raise ConfigError("threads, workers and seed must not be negative")

    @property
    def recordings(self) -> Path:
        return self.out / "recordings"

    def schedule(self, lesson: str) -> Schedule:
        minutes, rate = (POINT_LESSONS | WINDOW_LESSONS)[lesson]
        return Schedule(minutes * self.minutes_scale, rate, score_s=self.score_s)
