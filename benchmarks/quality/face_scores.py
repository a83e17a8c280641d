"""Stage 10, meter (offline): a clip's figures of its face from those of its frames, and how clips are pooled.

Where the original's aperture hardly varies, a correlation is one with the mesh's own noise (frame to frame .001 to
.003 at rest): clips under `LEAST_DEVIATION` have none. Blinks are counted in frames, so that clips are pooled by how
many they have. The shuffled figures are what remains of a score when the decoded clip's expressions are dealt out to
its frames anew: a codec that shows the right faces at the wrong moments.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.expression import Track
from benchmarks.quality.face_frames import FaceFrames, mean_of_known
from codec.pictures.psnr import EQUAL_DB

Mask = NDArray[np.bool_]  # (T,)

LEAST_FRAMES = 10  # with a face, for a correlation
LEAST_DEVIATION = 0.01  # of the original's aperture, inter-ocular distances, for a correlation and for openings
CLOSED = 0.6  # of the original's median lid aperture: a frame of a blink
NEARLY_CLOSED, OPEN = 0.75, 0.75  # closed enough to count as seen; too open for a blink
LEAST_BLINK_FRAMES = 3  # in a clip, for a figure of blinks
SHUFFLES, SEED = 100, 10


@dataclass(frozen=True, slots=True)
class Score:
    """A figure and how much it weighs beside those of other clips: 1, or the frames it is a share of; None weighs 0."""

    value: float | None
    weight: float


@dataclass(frozen=True, slots=True)
class FaceScores:
    """Of one decoded clip, or of several pooled. Errors in percent of the inter-ocular distance unless it says so."""

    mouth_r: Score  # Pearson correlation of apertures, original and decoded
    eye_r: Score
    mouth_error: Score  # mean absolute difference of apertures
    eye_error: Score
    blinks_seen: Score  # share of the original's blink frames: recall
    false_blinks: Score  # share of the decoded blink frames: 1 - precision
    false_of_open: Score  # the same frames, as a share of the original's open ones
    gaze_percent: Score  # of the eye's width, blink frames left out
    lips_percent: Score
    lids_percent: Score
    landmark_percent: Score
    mouth_psnr_db: Score
    mouth_lpips: Score
    eyes_psnr_db: Score
    eyes_lpips: Score
    opening_psnr_db: Score  # mouth window, opening frames alone
    opening_lpips: Score
    blink_psnr_db: Score  # eye windows, blink frames alone
    blink_lpips: Score
    shuffled_mouth_r: Score
    shuffled_eye_r: Score
    shuffled_blinks_seen: Score


NONE = Score(None, 0.0)
SCORES = tuple(field.name for field in fields(FaceScores))


def blink_frames(frames: FaceFrames) -> Mask:
    """Where the original's lids are closed. # (T,)"""
    return np.asarray(frames.eyes_original < CLOSED * _median(frames.eyes_original), np.bool_)


def opening_frames(frames: FaceFrames) -> Mask:
    """Where the original's mouth is open by more than a standard deviation over its median; none in a still mouth."""
    aperture = frames.mouth_original
    known = aperture[~np.isnan(aperture)]
    if not len(known) or known.std() < LEAST_DEVIATION:
        return np.zeros(len(aperture), np.bool_)
    return np.asarray(aperture > np.median(known) + known.std(), np.bool_)


def correlation(original: Track, decoded: Track) -> Score:
    """Pearson's r over the frames with a face; a decoded track that stands still has 0. # (T,) twice"""
    known = ~np.isnan(original)
    a, b = original[known], decoded[known]
    if len(a) < LEAST_FRAMES or a.std() < LEAST_DEVIATION:
        return NONE
    if math.isclose(b.std(), 0, abs_tol=1e-9):
        return Score(0.0, 1.0)
    return Score(float(np.corrcoef(a, b)[0, 1]), 1.0)


def pool(scores: Iterable[Score]) -> Score:
    """The mean by weight: of values over clips, or of frames over all clips' frames."""
    known = [(score.value, score.weight) for score in scores if score.value is not None]
    weight = sum(weight for _, weight in known)
    return Score(sum(value * weight for value, weight in known) / weight, weight) if weight else NONE


def pool_scores(clips: Sequence[FaceScores]) -> FaceScores:
    """Of several clips, figure by figure."""
    return FaceScores(**{name: pool(getattr(one, name) for one in clips) for name in SCORES})


def face_scores(frames: FaceFrames) -> FaceScores:
    """All figures of one decoded clip."""
    blinks, openings = blink_frames(frames), opening_frames(frames)
    false_blinks, false_of_open = _false_blinks(frames)
    return FaceScores(
        mouth_r=correlation(frames.mouth_original, frames.mouth_decoded),
        eye_r=correlation(frames.eyes_original, frames.eyes_decoded),
        mouth_error=_mean(100 * np.abs(frames.mouth_decoded - frames.mouth_original)),
        eye_error=_mean(100 * np.abs(frames.eyes_decoded - frames.eyes_original)),
        blinks_seen=_blinks_seen(frames.eyes_original, frames.eyes_decoded),
        false_blinks=false_blinks,
        false_of_open=false_of_open,
        gaze_percent=_mean(frames.gaze_percent[~blinks]),
        lips_percent=_mean(frames.lips_percent),
        lids_percent=_mean(frames.lids_percent),
        landmark_percent=_mean(frames.landmark_percent),
        mouth_psnr_db=_psnr_db(frames.mouth_mse),
        mouth_lpips=_mean(frames.mouth_lpips),
        eyes_psnr_db=_psnr_db(frames.eyes_mse),
        eyes_lpips=_mean(frames.eyes_lpips),
        opening_psnr_db=_psnr_db(frames.mouth_mse[openings]),
        opening_lpips=_mean(frames.mouth_lpips[openings]),
        blink_psnr_db=_psnr_db(frames.eyes_mse[blinks]),
        blink_lpips=_mean(frames.eyes_lpips[blinks]),
        **_shuffled(frames),
    )


def _median(track: Track) -> float:
    """Over the frames with a face; NaN, which nothing is under or over, where there is none."""
    known = track[~np.isnan(track)]
    return float(np.median(known)) if len(known) else math.nan


def _mean(track: Track) -> Score:
    value = mean_of_known(track)
    return NONE if value is None else Score(value, 1.0)


def _psnr_db(mse: Track) -> Score:
    """Of the mean squared error over the frames: one number of decibels a clip."""
    mean = mean_of_known(mse)
    if mean is None:
        return NONE
    return Score(min(EQUAL_DB, 10 * math.log10(255**2 / mean)) if mean else EQUAL_DB, 1.0)


def _share(part: Mask, whole: Mask) -> Score:
    count = int(whole.sum())
    return Score(float((part & whole).sum()) / count, float(count)) if count else NONE


def _blinks_seen(original: Track, decoded: Track) -> Score:
    median = _median(original)
    blinks = original < CLOSED * median
    return _share(decoded < NEARLY_CLOSED * median, blinks) if blinks.sum() >= LEAST_BLINK_FRAMES else NONE


def _false_blinks(frames: FaceFrames) -> tuple[Score, Score]:
    median = _median(frames.eyes_original)
    shown = frames.eyes_decoded < CLOSED * median
    is_open = frames.eyes_original > OPEN * median
    return _share(is_open, shown), _share(shown, is_open)


def _shuffled(frames: FaceFrames) -> dict[str, Score]:
    """Scores against the decoded frames in another order, mean over some orders."""
    known = ~np.isnan(frames.eyes_original)
    mouth, eyes = frames.mouth_original[known], frames.eyes_original[known]
    rng = np.random.default_rng(SEED)
    orders = [rng.permutation(len(mouth)) for _ in range(SHUFFLES)]
    mouths = [frames.mouth_decoded[known][order] for order in orders]
    lids = [frames.eyes_decoded[known][order] for order in orders]
    found = {
        "shuffled_mouth_r": [correlation(mouth, decoded) for decoded in mouths],
        "shuffled_eye_r": [correlation(eyes, decoded) for decoded in lids],
        "shuffled_blinks_seen": [_blinks_seen(eyes, decoded) for decoded in lids],
    }
    return {name: Score(pool(scores).value, scores[0].weight) for name, scores in found.items()}
