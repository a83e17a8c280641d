"""Training, options: what `python -m codec.training` can be told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from codec.errors import ConfigError

StageName = Literal["extractor", "dense", "joint"]
# Shares of the time: labels are learnt quickly, the pictures take what is left.
STAGES: dict[StageName, float] = {"extractor": 0.25, "dense": 0.3, "joint": 0.45}


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """ConfigError when a field is out of range."""

    folders: tuple[Path, ...] = field(metadata={"help": "folders of face clips, with labels.npz beside them or not"})
    minutes: float = field(default=30.0, metadata={"help": "how long to train, without loading and the final report"})
    device: str = field(default="cpu", metadata={"help": "cpu or cuda"})
    out: Path = field(default=Path("out/training"), metadata={"help": "folder for checkpoints, log, plots, weights"})
    resume: Path | None = field(default=None, metadata={"help": "checkpoint to go on from (out/.../checkpoint.pt)"})
    start: str = field(default="first", metadata={"help": "weights to start from, or 'none' for random ones"})
    heldout: Path | None = field(
        default=None, metadata={"help": "folder of clips to validate on; default: every 20th person"}
    )
    perceptual: Path | None = field(default=None, metadata={"help": "folder with LPIPS's SqueezeNet files, as a loss"})
    stages: tuple[StageName, ...] = field(default=tuple(STAGES), metadata={"help": "steps to take, in order"})
    per_clip: int = field(default=36, metadata={"help": "frames of each clip to hold in memory"})
    batch: int = field(default=8, metadata={"help": "pictures a step"})
    rate: float = field(default=3e-4, metadata={"help": "peak learning rate"})
    threads: int = field(default=0, metadata={"help": "CPU threads; 0 leaves it to torch"})
    seed: int = field(default=0, metadata={"help": "of everything random"})

    def __post_init__(self) -> None:
        if self.minutes <= 0 or self.per_clip < 2 or self.batch < 2 or self.rate <= 0:
            raise ConfigError("minutes and rate must be positive, per-clip and batch at least 2")
        unknown = set(self.stages) - set(STAGES)
        if unknown or not self.stages:
            raise ConfigError(f"stages are {', '.join(STAGES)}, not {', '.join(sorted(unknown)) or 'none'}")
