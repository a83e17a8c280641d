"""Augmented pictures keep fitting their labels; a mirrored face is a face whose left and right have changed places."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from codec.motion.parameters import FREE_POINTS, KEYPOINTS, MESH_POINTS
from codec.networks import FaceModel
from codec.networks.pose import keypoints
from codec.training.data.augment import SWAP, Mirror, Similarity, Widths, mirrored_points, random_warp
from codec.training.data.dataset import find_clips, load
from codec.training.data.labels import fit_motion
from codec.training.data.pairs import Pairs
from codec.training.stages.extractor import LabelledFrames, extractor_loss
from codec.training.stages.losses import picture_loss

CPU = torch.device("cpu")


def test_augmented_labels_still_fit_each_other(clips: Path) -> None:
    """Canonical points moved by the augmented motion are the augmented points."""
    dataset = load(find_clips([clips]), size=256, per_clip=6)
    assert dataset.labels is not None
    batch = LabelledFrames(dataset, seed=1, device=torch.device("cpu")).batch(3)
    assert batch.pictures.shape == (6, 3, 128, 128)
    assert 0 <= float(batch.pictures.min()) <= float(batch.pictures.max()) <= 1
    basis = torch.from_numpy(dataset.labels.basis)
    points = keypoints(batch.motion, canonical=batch.canonical, basis=basis)[:, :-FREE_POINTS]
    assert float((points - batch.points)[..., :2].abs().mean()) * 128 < 0.7
    loss, pixels = extractor_loss(FaceModel().motion_extractor, batch)
    assert torch.isfinite(loss)
    assert pixels > 0


def test_equal_pictures_have_no_loss() -> None:
    image = torch.rand(2, 3, 64, 64)
    assert float(picture_loss(image, image)) == 0
    assert float(picture_loss(image, image.flip(3))) > 0


def test_points_that_change_places() -> None:
    assert sorted(SWAP) == list(range(KEYPOINTS))
    assert all(SWAP[SWAP[index]] == index for index in range(KEYPOINTS)), "twice mirrored is as before"
    pairs = {(MESH_POINTS[a], MESH_POINTS[SWAP[a]]) for a in range(len(MESH_POINTS)) if a < SWAP[a]}
    assert pairs == {(61, 291), (33, 263), (133, 362), (159, 386), (145, 374), (468, 473), (105, 334), (234, 454)}


def test_mirrored_motion_moves_mirrored_points(drawing: Any) -> None:
    """On a lopsided face whose expressions the basis can say: pose, canonical points and code explain each point."""
    random = np.random.default_rng(4)
    mean = np.concatenate((drawing.label_points(drawing.face()), random.normal(size=(FREE_POINTS, 3)))).astype(
        np.float32
    )
    half = random.normal(size=(10, KEYPOINTS, 3)).astype(np.float32) * 0.05
    turn = Mirror.of(mean, np.concatenate((half, half)), device=CPU).turn.numpy()
    basis = np.concatenate((half, mirrored_points(torch.from_numpy(half)).numpy() @ turn.T))
    mirror = Mirror.of(mean, basis, device=CPU)
    motion = torch.from_numpy(random.normal(size=(5, 26)).astype(np.float32)) * 0.3
    canonical = torch.from_numpy(mean)[None] + torch.from_numpy(random.normal(size=(5, KEYPOINTS, 3)) * 0.1).float()
    wanted = mirrored_points(keypoints(motion, canonical=canonical, basis=torch.from_numpy(basis)))
    found = keypoints(mirror.motion(motion), canonical=mirror.canonical(canonical), basis=torch.from_numpy(basis))
    torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-3)
    again = mirror.motion(mirror.motion(motion))
    torch.testing.assert_close(again, motion, atol=1e-2, rtol=1e-2)


def test_mirrored_labels_are_labels_of_mirrored_landmarks(drawing: Any) -> None:
    """Fitting mirrored landmarks gives what mirroring the fitted motion gives."""
    pose, random = drawing.poses(30, 1), np.random.default_rng(2)
    symmetric = drawing.label_points(drawing.face())
    symmetric = (symmetric + mirrored_points(torch.from_numpy(symmetric)).numpy()) / 2
    shape = np.concatenate((symmetric, np.zeros((FREE_POINTS, 3), np.float32)))
    basis = random.normal(size=(20, KEYPOINTS, 3)).astype(np.float32) * 0.01
    labels = drawing.clip_labels(pose, drawing.face())
    mirrored = type(labels)(mirrored_points(torch.from_numpy(labels.points)).numpy(), labels.present)
    one, other = (fit_motion([part], like=(shape, basis)).motions[0] for part in (labels, mirrored))
    mirror = Mirror.of(shape, basis, device=CPU)
    np.testing.assert_allclose(mirror.motion(torch.from_numpy(one)).numpy()[:, :6], other[:, :6], atol=2e-3)


def test_a_similarity_moves_pictures_and_points_alike() -> None:
    change = Similarity(torch.tensor([True]), torch.tensor([0.2]), torch.tensor([1.1]), torch.tensor([[0.1, -0.05]]))
    spot = torch.tensor([[0.3, -0.2]])
    grid = (torch.arange(64) * 2 + 1) / 64 - 1
    y, x = torch.meshgrid(grid, grid, indexing="ij")
    picture = torch.exp(-((x - spot[0, 0]) ** 2 + (y - spot[0, 1]) ** 2) / 0.01)[None, None]
    moved = change.pictures(picture)[0, 0]
    centre = torch.stack(((moved * x).sum(), (moved * y).sum())) / moved.sum()
    points = torch.cat((spot, torch.zeros(1, 1)), 1).expand(1, len(MESH_POINTS), 3)
    torch.testing.assert_close(change.points(points)[0, 0, :2], centre, atol=0.01, rtol=0)


def test_nothing_drawn_changes_nothing() -> None:
    random = np.random.default_rng(1)
    change = Similarity.draw(4, Widths(turn=0.3, zoom=0.3, shift=0.3, share=0.0), random=random, device=CPU)
    pictures = torch.rand(4, 3, 32, 32)
    expected = torch.where(change.mirrored[:, None, None, None], pictures.flip(3), pictures)
    torch.testing.assert_close(change.pictures(pictures), expected, atol=1e-4, rtol=0)
    with torch.autocast("cpu", torch.bfloat16):  # as in training: coordinates stay exact
        torch.testing.assert_close(change.pictures(pictures), expected, atol=1e-4, rtol=0)


def test_labelled_pairs_keep_their_labels(clips: Path) -> None:
    """Mirrored, turned and scaled alike: the canonical points of a pair explain where its keypoints went."""
    dataset = load(find_clips([clips]), size=64, per_clip=6)
    assert dataset.labels is not None
    pair = Pairs(dataset, seed=1, device=CPU).batch(6)
    assert pair.reference.shape == pair.driving.shape == (6, 3, 64, 64)
    assert pair.canonical.shape == (6, KEYPOINTS, 3)
    assert torch.isfinite(pair.flow).all()
    assert 0 <= float(pair.confidence.min()) <= float(pair.confidence.max()) <= 1


def test_random_warps_are_small_and_smooth() -> None:
    field = random_warp(8, random=np.random.default_rng(3), device=CPU)
    assert field.shape == (8, 2, 64, 64)
    assert 0.005 < float(field.abs().mean()) < 0.2
    assert float((field[..., 1:] - field[..., :-1]).abs().max()) < 0.05
