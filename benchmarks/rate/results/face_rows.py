"""Stage 10, meter (offline): what codecs do to faces, per clip and pooled over clips, and how sure that is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.face_scores import SCORES, FaceScores, Score, pool_scores
from benchmarks.rate.results.groups import over_all_clips

RESAMPLES, SEED = 2000, 10
PERCENTILES = (2.5, 97.5)
LEAST_CLIPS = 3  # that have a figure, for an interval

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class FaceRow:
    """One codec at one setting on one clip."""

    clip: str
    codec: str
    setting: str
    scores: FaceScores


@dataclass(frozen=True, slots=True)
class PooledFaceRow:
    """One codec at one setting over all clips: figures, and for each its 95 % interval, None of too few clips."""

    codec: str
    setting: str
    scores: FaceScores
    intervals: dict[str, Interval | None]


def read_face_row(stored: dict[str, Any]) -> FaceRow:
    """Out of a results file. Raises TypeError or LookupError where that does not give a row."""
    scores = {name: Score(**score) for name, score in stored["scores"].items()}
    return FaceRow(stored["clip"], stored["codec"], stored["setting"], FaceScores(**scores))


def _table(clips: Sequence[FaceScores]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values, 0 where there is none, and weights. # (C, M) twice"""
    scores = [[getattr(one, name) for name in SCORES] for one in clips]
    values = np.array([[score.value or 0.0 for score in row] for row in scores])
    return values, np.array([[score.weight for score in row] for row in scores])


def intervals(clips: Sequence[FaceScores]) -> dict[str, Interval | None]:
    """Percentile bootstrap (Efron, 1979): clips are drawn with replacement, and pooled as the clips themselves are."""
    values, weights = _table(clips)
    drawn = np.random.default_rng(SEED).integers(0, len(clips), (RESAMPLES, len(clips)))
    sums, totals = (values * weights)[drawn].sum(axis=1), weights[drawn].sum(axis=1)  # (RESAMPLES, M)
    found: dict[str, Interval | None] = {}
    for column, name in enumerate(SCORES):
        has = totals[:, column] > 0
        if (weights[:, column] > 0).sum() < LEAST_CLIPS:
            found[name] = None
            continue
        low, high = np.percentile(sums[has, column] / totals[has, column], PERCENTILES)
        found[name] = (float(low), float(high))
    return found


def pooled_rows(rows: Iterable[FaceRow]) -> list[PooledFaceRow]:
    """For each codec and setting of all clips over them, in order of first appearance."""
    groups = {key: [row.scores for row in group] for key, group in over_all_clips(rows).items()}
    return [PooledFaceRow(*key, pool_scores(clips), intervals(clips)) for key, clips in groups.items()]
