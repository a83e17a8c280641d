"""Recordings of clips and windows cut from them: as the codec shows them, with the pixels that are to be drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec.errors import MediaError
from codec.motion.face_windows import EYE, MOUTH
from codec.training.data.dataset import read_frames
from codec.training.face.drawing import window_data
from codec.training.face.drawing.recordings import MODES, read_recording, record_clips
from codec.training.face.drawing.window_data import cut_windows
from codec.training.face.faces import labelled
from codec.windows.painter import look


@pytest.fixture(scope="module")
def recordings(face_clips: Any, mean_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one clip's recordings, coded with networks that know a mean face."""
    folder = tmp_path_factory.mktemp("recordings")
    assert record_clips(face_clips.files[:1], folder, seed=1, workers=1, weights=str(mean_weights)) == len(MODES)
    return folder


@pytest.mark.parametrize("mode", MODES)
def test_a_recording_is_what_the_codec_shows(mode: str, recordings: Path, face_clips: Any) -> None:
    file = face_clips.files[0]
    held = read_recording(recordings, file, mode)
    assert held is not None
    frames = read_frames(file.path, size=256, limit=None)
    assert len(held.frames) == len(held.shown) == len(held.reference) > 0
    assert held.shown.shape[1:] == held.pictures.shape[1:] == (256, 256, 3)
    assert held.coded_at[0] == 0
    assert (np.diff(held.frames) % MODES[mode] == 0).all()
    assert held.reference.max() < len(held.pictures) == len(held.coded_at)
    assert not set(held.frames) & set(held.coded_at), "a frame that is a reference is shown as it is"
    for number, reference in zip(held.frames, held.reference, strict=True):
        assert held.coded_at[reference] < number
        assert (held.coded_at[reference + 1 :] > number).all(), "the newest there was"
    for picture, at in zip(held.pictures, held.coded_at, strict=True):
        assert np.abs(picture.astype(int) - frames[at]).mean() < 12
    if mode == "single":
        assert len(held.pictures) == 1


def test_what_is_there_is_not_recorded_again(recordings: Path, face_clips: Any, mean_weights: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in recordings.iterdir()}
    asked = []
    record_clips(
        face_clips.files[:1], recordings, seed=2, workers=1, weights=str(mean_weights), tick=lambda: asked.append(1)
    )
    assert {path.name: path.stat().st_mtime_ns for path in recordings.iterdir()} == before
    assert read_recording(recordings, face_clips.files[1], "adaptive") is None


@pytest.fixture(scope="module")
def samples(recordings: Path, face_clips: Any, mean_weights: Path) -> Any:
    return cut_windows(face_clips.files, recordings, weights=str(mean_weights), seed=1, draws=2)


def test_windows_of_every_recorded_and_trusted_frame(
    samples: Any, recordings: Path, face_clips: Any, drawing: Any
) -> None:
    file, expected = face_clips.files[0], {True: 0, False: 0}
    for mode in MODES:
        held = read_recording(recordings, file, mode)
        assert held is not None
        for number, reference in zip(held.frames, held.reference, strict=True):
            if drawing.unseen not in (number, held.coded_at[reference]):
                expected[mode == "single"] += 2
    mouths, eyes = samples["mouth"], samples["eye"]
    for single, count in expected.items():
        assert int((mouths.single == single).sum()) == count
        assert int((eyes.single == single).sum()) == 2 * count
    assert mouths.inputs.shape[1:] == (MOUTH.height, MOUTH.width, 15)
    assert mouths.target.shape[1:] == (MOUTH.height, MOUTH.width, 3)
    assert eyes.inputs.shape[1:] == (EYE[0].height, EYE[0].width, 15)
    assert len(mouths) == len(mouths.target) == len(mouths.clip)
    assert set(mouths.clip) == {0}


def test_the_picture_underneath_lies_where_the_target_does(samples: Any) -> None:
    """What is shown before drawing resembles what should be drawn, more than it does another window."""
    for kind in ("mouth", "eye"):
        under, target = (part.astype(np.float32) for part in (samples[kind].inputs[..., :3], samples[kind].target))
        here = np.abs(under - target).mean()
        mirrored = np.abs(under - target[:, ::-1, ::-1]).mean()
        assert here < mirrored, kind
        assert samples[kind].inputs[..., 9:11].any()


def test_the_same_seed_cuts_the_same(samples: Any, recordings: Path, face_clips: Any, mean_weights: Path) -> None:
    again = cut_windows(face_clips.files, recordings, weights=str(mean_weights), seed=1, draws=2)
    for kind in ("mouth", "eye"):
        np.testing.assert_array_equal(again[kind].inputs, samples[kind].inputs)
        np.testing.assert_array_equal(again[kind].target, samples[kind].target)


def test_left_eyes_are_mirrored(faces: Any) -> None:
    """Targets and inputs alike: as the painter will show them to the generator."""
    held, original, landmarks = [faces.reference(1), faces.reference(3)], faces.noise(7), faces.landmarks(2)
    for window, way in zip(EYE, (1, -1), strict=True):
        kind, inputs, target = window_data._sample(original, original, landmarks, held, window)
        assert kind == "eye"
        np.testing.assert_array_equal(inputs[:, ::way], look(original, landmarks, held, window).inputs)
        np.testing.assert_array_equal(inputs[..., :3], target)


def test_nothing_recorded_is_refused(face_clips: Any, mean_weights: Path, tmp_path: Path) -> None:
    assert labelled(face_clips.files[1]) is not None
    with pytest.raises(MediaError, match="record"):
        cut_windows(face_clips.files, tmp_path, weights=str(mean_weights), seed=1)
