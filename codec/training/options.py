"""Training, options: what `python -m codec.training` can be told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from codec.errors import ConfigError

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


def _help(text: str, kind: type = str) -> dict[str, Any]:
    """What --help says of a field, and the type that reads it from a command line."""
    return {"help": text, "kind": kind}


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """ConfigError when a field is out of range."""

    folders: tuple[Path, ...] = field(metadata={"help": "folders of face clips, with labels.npz beside them or not"})
    stills: Path | None = field(
        default=None, metadata=_help("folder of clips whose every picture is another face, moved by warps", Path)
    )
    heldout: Path | None = field(
        default=None, metadata=_help("folder of clips to validate on; default: every 20th person", Path)
    )
    shards: Path | None = field(
        default=None, metadata=_help("folder of coded references written by `prepare`; else coded at start", Path)
    )
    out: Path = field(default=Path("out/training"), metadata=_help("folder for checkpoints, log, plots, weights", Path))
    minutes: float = field(
        default=30.0,
        metadata=_help("how long to train in all, resumed runs counted in; loading and the end are not", float),
    )
    limit_s: float = field(
        default=0.0,
        metadata=_help("end by then, in seconds since the start, with a checkpoint; 0: only --minutes counts", float),
    )
    resume: str = field(
        default="", metadata=_help("checkpoint to go on from; 'auto': OUT/checkpoint.pt where it exists")
    )
    light_checkpoints: bool = field(
        default=False, metadata=_help("save averaged weights in half precision and no optimiser: an eighth", bool)
    )
    start: str = field(default="third", metadata=_help("weights to start from, or 'none' for random ones"))
    device: str = field(default="cpu", metadata=_help("cpu or cuda"))
    perceptual: Path | None = field(
        default=None, metadata=_help("folder with LPIPS's SqueezeNet files, as a loss", Path)
    )
    stages: tuple[StageName, ...] = field(default=tuple(STAGES), metadata=_help("steps to take, in order", tuple))
    per_clip: int = field(default=36, metadata=_help("frames of each clip to hold in memory; 0: all", int))
    references: int = field(
        default=6, metadata=_help("frames of each clip to code as references, by `prepare` or at start", int)
    )
    still_references: int = field(default=600, metadata=_help("pictures of each clip of stills to code", int))
    batch: int = field(default=8, metadata=_help("pictures a step", int))
    rate: float = field(default=0.0003, metadata=_help("peak learning rate", float))
    average: float = field(
        default=0.999,
        metadata=_help("decay a step of the averaged weights that are scored and shipped; 0: the last ones", float),
    )
    score_s: float = field(
        default=60.0, metadata=_help("seconds of training between scores, at least a 24th of the stage", float)
    )
    compile: bool = field(
        default=False, metadata=_help("torch.compile the networks; off again, with a message, where it fails", bool)
    )
    closed_loop: bool = field(
        default=False, metadata=_help("also run the real encoder at each score: seconds on the CPU, needs PyAV", bool)
    )
    skip_finish: bool = field(
        default=False, metadata=_help("stop before counting tables, for `finish` to do elsewhere", bool)
    )
    threads: int = field(default=0, metadata=_help("CPU threads; 0 leaves it to torch", int))
    workers: int = field(default=0, metadata=_help("processes of `prepare`; 0: one a core", int))
    seed: int = field(default=0, metadata=_help("of everything random", int))

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
