"""Labels: face-mesh landmarks become the codec's own numbers; files that hold something else are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from codec.errors import MediaError
from codec.motion.parameters import EXPRESSIONS, FREE_POINTS, KEYPOINTS
from codec.networks.pose import keypoints, rotation_matrix
from codec.training.data.dataset import find_clips
from codec.training.data.labels import LABEL_ORDER, fit_motion, read_labels


def test_labels_are_read_as_they_were_drawn(clips: Path, drawing: Any) -> None:
    labels = read_labels(clips / "labels.npz")
    assert sorted(labels) == ["ada", "bea", "cyd"]
    np.testing.assert_allclose(
        labels["bea"].points,
        drawing.label_points(drawing.placed(drawing.poses(drawing.frames, 1), drawing.face())),
        atol=1 / 16 / 128,
        rtol=0,
    )
    assert labels["bea"].present.tolist() == [index != 3 for index in range(drawing.frames)]
    assert read_labels(clips / "absent.npz") == {}


def test_pose_is_recovered_in_a_known_frame(drawing: Any) -> None:
    shape = np.concatenate((drawing.label_points(drawing.face()), np.zeros((FREE_POINTS, 3), np.float32)))
    basis = np.zeros((EXPRESSIONS, KEYPOINTS, 3), np.float32)
    pose = [drawing.poses(30, seed) for seed in (1, 2)]
    found = fit_motion([drawing.clip_labels(p, drawing.face()) for p in pose], like=(shape, basis))
    for motion, canonical, true in zip(found.motions, found.canonicals, pose, strict=True):
        np.testing.assert_allclose(motion[:, :6], true, atol=1e-3)
        np.testing.assert_allclose(canonical[:-FREE_POINTS], shape[:-FREE_POINTS], atol=1e-3)
        assert not motion[:, 6:].any()


def test_pose_is_recovered_up_to_the_frame_it_is_told_in(drawing: Any) -> None:
    pose = drawing.poses(40, 3)
    found = fit_motion([drawing.clip_labels(pose, drawing.face())]).motions[0]
    turns = [rotation_matrix(torch.from_numpy(angles)).numpy() for angles in (found[:, :3], pose[:, :3])]
    since_first = [turn[:1].transpose(0, 2, 1) @ turn for turn in turns]
    np.testing.assert_allclose(since_first[0], since_first[1], atol=2e-3)
    np.testing.assert_allclose(np.diff(found[:, 3]), np.diff(pose[:, 3]), atol=1e-3)


def test_keypoints_of_the_labels_are_the_landmarks(drawing: Any) -> None:
    """Two faces with two expressions: canonical points, pose and expression code explain every point."""
    random = np.random.default_rng(4)
    mouth, brows = random.normal(size=(2, len(LABEL_ORDER), 3)).astype(np.float32) * 0.05
    drawn = []
    for seed in (5, 6):
        codes = np.sin(np.arange(60) * (seed - 3.5))[:, None, None], np.cos(np.arange(60) * 0.7)[:, None, None]
        drawn.append(
            drawing.clip_labels(
                drawing.poses(60, seed), (drawing.face() * (1 + 0.02 * seed) + codes[0] * mouth + codes[1] * brows)
            )
        )
    found = fit_motion(drawn)
    for motion, canonical, labels in zip(found.motions, found.canonicals, drawn, strict=True):
        points = keypoints(
            torch.from_numpy(motion),
            canonical=torch.from_numpy(canonical)[None].expand(60, -1, -1),
            basis=torch.from_numpy(found.basis),
        ).numpy()[:, :-FREE_POINTS]
        assert np.abs(points - labels.points)[..., :2].mean() * 128 < 0.7, "pixels of 256"
    assert np.abs(found.motions[0][:, 6:-6]).std(0).max() < 5, "expression codes are of unit size"


@pytest.mark.parametrize("content", [b"no archive", b"PK\x03\x04 nearly", b""])
def test_labels_that_are_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "labels.npz").write_bytes(content)
    with pytest.raises(MediaError, match="labels"):
        find_clips([tmp_path])


@pytest.mark.parametrize("missing", ["presence", "points"])
def test_labels_in_another_form(tmp_path: Path, missing: str) -> None:
    archive = {"ada.landmarks": np.zeros((4, 5, 3), np.int16)}
    if missing == "points":
        archive["ada.presence"] = np.ones(4, np.int16)
    np.savez(tmp_path / "labels.npz", **archive)
    with pytest.raises(MediaError, match="labels"):
        read_labels(tmp_path / "labels.npz")
