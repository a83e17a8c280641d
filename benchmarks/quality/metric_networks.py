"""Stage 10, display (as judged): networks that metrics need, named on the command line and loaded where they run."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.quality.faces import FaceNetworks
from benchmarks.quality.lpips import FEATURES_FILE, LINEAR_FILE, Lpips


@dataclass(frozen=True, slots=True)
class MetricNetworks:
    """The metrics with networks, each None where its files were not named."""

    lpips: Lpips | None = None
    faces: FaceNetworks | None = None


@dataclass(frozen=True, slots=True)
class NetFiles:
    """Where the networks lie: a folder for LPIPS, a file each for the face mesh and for identity."""

    lpips: Path | None = None
    landmarks: Path | None = None
    identity: Path | None = None

    def files(self) -> list[Path]:
        """Every file that is read."""
        lpips = [] if self.lpips is None else [self.lpips / FEATURES_FILE, self.lpips / LINEAR_FILE]
        return [*lpips, *(path for path in (self.landmarks, self.identity) if path is not None)]

    def load(self) -> MetricNetworks:
        """Raises NetsMissing on files that cannot be used, SettingError on identity without landmarks."""
        lpips = None if self.lpips is None else Lpips(self.lpips)
        if self.landmarks is None and self.identity is None:
            return MetricNetworks(lpips)
        return MetricNetworks(lpips, FaceNetworks(self.landmarks, self.identity))
