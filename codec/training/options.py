"""Training, options: what `python -m codec.training` can be told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from codec.config import CodecConfig
from codec.errors import ConfigError
from codec.flags import option

StageName = Literal["extractor", "dense", "restoration", "generator", "joint"]
# Shares of the time: labels are learnt quickly. Restoration gains most of what a viewer sees and needs no motion, the
# generator starts from what that leaves; a sample of the joint stage costs six of theirs, so it gets most of the time.
STAGES: dict[StageName, float] = {
    "extractor": 0.12,
    "dense": 0.16,
    "restoration": 0.22,
    "generator": 0.12,
    "joint": 0.38,
}


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """ConfigError when a field is out of range."""

    folders: tuple[Path, ...] = field(metadata={"help": "folders of face clips, with labels.npz beside them or not"})
    stills: Path | None = field(
        default=None, metadata=option("folder of clips whose every picture is another face, moved by warps")
    )
    heldout: Path | None = field(
        default=None, metadata=option("folder of clips to validate on; default: every 20th person")
    )
    shards: Path | None = field(
        default=None, metadata=option("folder of coded references written by `prepare`; else coded at start")
    )
    out: Path = field(default=Path("out/training"), metadata=option("folder for checkpoints, log, plots, weights"))
    minutes: float = field(
        default=30.0,
        metadata=option("how long to train in all, resumed runs counted in; loading and the end are not"),
    )
    limit_s: float = field(
        default=0.0,
        metadata=option("end by then, in seconds since the start, with a checkpoint; 0: only --minutes counts"),
    )
    resume: str = field(
        default="", metadata=option("checkpoint to go on from; 'auto': OUT/checkpoint.pt where it exists")
    )
    light_checkpoints: bool = field(
        default=False, metadata=option("save averaged weights in half precision and no optimiser: an eighth")
    )
    start: str = field(
        default=CodecConfig().weights, metadata=option("weights to start from, or 'none' for random ones")
    )
    device: str = field(default="cpu", metadata=option("cpu or cuda"))
    perceptual: Path | None = field(default=None, metadata=option("folder with LPIPS's SqueezeNet files, as a loss"))
    stages: tuple[StageName, ...] = field(
        default=tuple(STAGES), metadata=option("steps to take, in order", separated=True)
    )
    per_clip: int = field(default=36, metadata=option("frames of each clip to hold in memory; 0: all"))
    references: int = field(
        default=6, metadata=option("frames of each clip to code as references, by `prepare` or at start")
    )
    still_references: int = field(default=600, metadata=option("pictures of each clip of stills to code"))
    batch: int = field(default=8, metadata=option("pictures a step"))
    rate: float = field(default=0.0003, metadata=option("peak learning rate"))
    average: float = field(
        default=0.999,
        metadata=option("decay a step of the averaged weights that are scored and shipped; 0: the last ones"),
    )
    score_s: float = field(
        default=60.0, metadata=option("seconds of training between scores, at least a 24th of the stage")
    )
    compile: bool = field(
        default=False, metadata=option("torch.compile the networks; off again, with a message, where it fails")
    )
    closed_loop: bool = field(
        default=False, metadata=option("also run the real encoder at each score: seconds on the CPU, needs PyAV")
    )
    skip_finish: bool = field(
        default=False, metadata=option("stop before counting tables, for `finish` to do elsewhere")
    )
    threads: int = field(default=0, metadata=option("CPU threads; 0 leaves it to torch"))
    workers: int = field(default=0, metadata=option("processes of `prepare`; 0: one a core"))
    seed: int = field(default=0, metadata=option("of everything random"))

    def __post_init__(self) -> None:
        if self.minutes <= 0 or self.per_clip < 0 or self.per_clip == 1 or self.batch < 2 or self.rate <= 0:
            raise ConfigError(
                "minutes and rate must be positive, per-clip and batch at least 2 (per-clip 0: all frames)"
            )
        if self.limit_s < 0 or self.score_s <= 0 or not 0 <= self.average < 1 or self.workers < 0 or self.threads < 0:
            raise ConfigError("limit-s, workers and threads must not be negative, score-s positive, average in 0 .. 1")
        if self.references < 1 or self.still_references < 1:
            raise ConfigError("at least one reference of each clip must be coded")
        unknown = set(self.stages) - set(STAGES)
        if unknown or not self.stages:
            raise ConfigError(f"stages are {', '.join(STAGES)}, not {', '.join(sorted(unknown)) or 'none'}")

    @property
    def checkpoint(self) -> Path | None:
        """What to go on from, if anything."""
        if self.resume == "auto":
            path = self.out / "checkpoint.pt"
            return path if path.is_file() else None
        return Path(self.resume) if self.resume else None
