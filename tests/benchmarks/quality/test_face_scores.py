"""Stage 10, meter (offline): what a clip's face is scored by, against tracks made by hand."""

from dataclasses import fields

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.quality.face_frames import FaceFrames
from benchmarks.quality.face_scores import (
    NONE,
    SCORES,
    Score,
    blink_frames,
    correlation,
    face_scores,
    opening_frames,
    pool,
    pool_scores,
)

FRAMES = 100
OPEN_EYES, SHUT_EYES = 0.1, 0.02


def track(value: float) -> NDArray[np.float64]:
    return np.full(FRAMES, value)


def frames_of(**tracks: NDArray[np.float64]) -> FaceFrames:
    """A talking face that blinks in frames 20..24 and 60..64; a perfect twin but for what is given."""
    mouth = 0.1 + 0.05 * np.sin(np.arange(FRAMES))
    eyes = track(OPEN_EYES)
    eyes[20:25] = eyes[60:65] = SHUT_EYES
    whole = {field.name: track(0.0) for field in fields(FaceFrames)}
    whole |= {"interocular": track(60.0), "mouth_original": mouth, "eyes_original": eyes}
    whole |= {"mouth_decoded": mouth, "eyes_decoded": eyes, "identity": track(1.0)}
    return FaceFrames(**(whole | tracks))


def test_a_perfect_twin_has_perfect_scores() -> None:
    scores = face_scores(frames_of())
    assert scores.mouth_r.value == pytest.approx(1)
    assert scores.eye_r.value == pytest.approx(1)
    assert scores.blinks_seen == Score(1.0, 10.0)
    assert scores.false_blinks == Score(0.0, 10.0)
    assert scores.false_of_open == Score(0.0, 90.0)
    assert scores.mouth_psnr_db.value == 100
    assert (scores.mouth_error.value, scores.lips_percent.value) == (0, 0)


def test_shuffled_expressions_score_about_nothing() -> None:
    scores = face_scores(frames_of())
    assert scores.shuffled_mouth_r.value == pytest.approx(0, abs=0.1)
    assert scores.shuffled_eye_r.value == pytest.approx(0, abs=0.1)
    assert scores.shuffled_blinks_seen.value == pytest.approx(0.1, abs=0.05)  # as many as there are shut eyes
    assert face_scores(frames_of()) == scores


def test_a_missed_blink_and_one_too_many_are_counted_in_frames() -> None:
    lids = track(OPEN_EYES)
    lids[20:25] = 0.07  # half shut: seen, but no blink of its own
    lids[40:43] = SHUT_EYES
    scores = face_scores(frames_of(eyes_decoded=lids))
    assert scores.blinks_seen == Score(0.5, 10.0)
    assert scores.false_blinks == Score(1.0, 3.0)
    assert scores.false_of_open == Score(pytest.approx(3 / 90), 90.0)


def test_a_clip_of_few_blink_frames_has_no_figure_of_them() -> None:
    lids = track(OPEN_EYES)
    lids[20:22] = SHUT_EYES
    scores = face_scores(frames_of(eyes_original=lids, eyes_decoded=track(OPEN_EYES)))
    assert scores.blinks_seen == NONE
    assert scores.false_blinks == NONE
    assert scores.false_of_open == Score(0.0, 98.0)


def test_correlation_wants_a_mouth_that_moves() -> None:
    wave = np.sin(np.arange(FRAMES))
    assert correlation(0.005 * wave, wave) == NONE
    assert correlation(0.05 * wave[:9], wave[:9]) == NONE
    assert correlation(0.05 * wave, track(0.1)) == Score(0.0, 1.0)
    assert correlation(0.05 * wave, -wave).value == pytest.approx(-1)
    holes = np.where(np.arange(FRAMES) % 7, wave, np.nan)
    assert correlation(holes, 2 * holes + 1).value == pytest.approx(1)


def test_errors_are_means_and_gaze_leaves_blinks_out() -> None:
    gaze = track(3.0)
    gaze[20:25] = gaze[60:65] = 400
    mouth = frames_of().mouth_original + 0.02
    scores = face_scores(frames_of(gaze_percent=gaze, mouth_decoded=mouth, lids_percent=track(1.5)))
    assert scores.gaze_percent.value == pytest.approx(3)
    assert scores.mouth_error.value == pytest.approx(2)
    assert scores.lids_percent.value == pytest.approx(1.5)
    assert scores.mouth_r.value == pytest.approx(1)


def test_windows_are_also_scored_in_blinks_and_openings_alone() -> None:
    mse, lpips = track(1.0), track(0.1)
    blinks, openings = blink_frames(frames_of()), opening_frames(frames_of())
    mse[blinks], lpips[blinks] = 255.0, 0.7
    scores = face_scores(frames_of(eyes_mse=mse, eyes_lpips=lpips))
    assert blinks.sum() == 10
    assert scores.blink_psnr_db.value == pytest.approx(10 * np.log10(255))
    assert scores.blink_lpips.value == pytest.approx(0.7)
    assert scores.eyes_psnr_db.value == pytest.approx(10 * np.log10(255**2 / (0.9 + 25.5)))  # of the mean error
    assert scores.eyes_lpips.value == pytest.approx(0.16)
    mouth = frames_of().mouth_original
    assert openings.sum() == (mouth > np.median(mouth) + mouth.std()).sum() > 10
    assert not opening_frames(frames_of(mouth_original=track(0.1))).any()


def test_a_clip_without_a_face_has_no_figures() -> None:
    nothing = FaceFrames(**{field.name: track(np.nan) for field in fields(FaceFrames)})
    scores = face_scores(nothing)
    assert all(getattr(scores, name).value is None for name in SCORES)


def test_clips_are_pooled_by_weight() -> None:
    assert pool([Score(0.5, 10.0), Score(1.0, 30.0), NONE]) == Score(0.875, 40.0)
    assert pool([NONE]) == NONE
    lids = track(OPEN_EYES)
    both = pool_scores([face_scores(frames_of()), face_scores(frames_of(eyes_decoded=lids))])
    assert both.blinks_seen == Score(0.5, 20.0)
    assert both.eye_r.value == pytest.approx(0.5)
