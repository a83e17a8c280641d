"""Clips of faces drawn here, with the labels that they were drawn from."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from codec.motion.parameters import MESH_POINTS
from codec.networks.pose import rotation_matrix
from codec.pictures.video import VideoWriter
from codec.training.data.labels import LABEL_ORDER, ClipLabels

Floats = npt.NDArray[np.float32]

FRAMES = 12
SIDE = 128


@pytest.fixture(scope="module", autouse=True)
def random_numbers_of_others() -> Iterator[None]:
    with torch.random.fork_rng():
        yield


def face() -> Floats:
    """The 112 label points of a face: the mesh points spread over a bowl, cheeks at -1 and 1."""
    random = np.random.default_rng(11)
    points = random.uniform(-0.8, 0.8, (len(LABEL_ORDER), 3)).astype(np.float32)
    points[:, 2] = 0.5 * (points[:, 0] ** 2 + points[:, 1] ** 2) - 0.3
    points[LABEL_ORDER.index(234)] = (-1, 0, 0.4)
    points[LABEL_ORDER.index(454)] = (1, 0, 0.4)
    return points


def poses(count: int, seed: int) -> Floats:
    """yaw, pitch, roll, log scale, tx, ty (T, 6), moving slowly about a face in the middle."""
    random, time = np.random.default_rng(seed), np.arange(count)[:, None] / 8
    swing = np.sin(time + random.uniform(0, 6, 6)) * random.uniform(0.5, 1, 6)
    return (swing * (0.3, 0.2, 0.2, 0.1, 0.1, 0.1) + (0, 0, 0, np.log(0.4), 0, 0)).astype(np.float32)


def placed(pose: Floats, points: Floats) -> Floats:
    """Points (P, 3), or (T, P, 3) with expressions, at poses (T, 6) -> (T, P, 3)."""
    turned = points @ rotation_matrix(torch.from_numpy(pose[:, :3])).numpy()
    shift = np.concatenate((pose[:, 4:6], np.zeros((len(pose), 1), np.float32)), 1)
    return np.exp(pose[:, 3])[:, None, None] * turned + shift[:, None]


def landmarks(points: Floats) -> npt.NDArray[np.int16]:
    """Keypoints in [-1, 1] (T, 112, 3) -> what labels.npz stores."""
    pixels = points * 128
    pixels[..., :2] += 128
    sixteenths = np.round(pixels * 16).astype(np.int32)
    return np.diff(sixteenths, axis=0, prepend=np.zeros_like(sixteenths[:1])).astype(np.int16)


def picture(pose: Floats) -> npt.NDArray[np.uint8]:
    """A round textured head before a wall, where the pose has it."""
    y, x = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE * 2 - 1
    scale = np.exp(pose[3])
    u, v = (x - pose[4]) / scale - np.sin(pose[0]), (y - pose[5]) / scale - np.sin(pose[1])
    head = np.stack((150 + 60 * np.sin(9 * u), 120 + 60 * np.cos(7 * v), 100 + 50 * np.sin(8 * u * v)), -1)
    wall = np.stack((80 + 40 * x, 90 + 30 * y, 100 + 0 * x), -1)
    return np.where((u**2 + v**2 < 1.2)[..., None], head, wall).clip(0, 255).astype(np.uint8)


def label_points(points: Floats) -> Floats:
    return points[..., [LABEL_ORDER.index(point) for point in MESH_POINTS], :]


def clip_labels(pose: Floats, points: Floats) -> ClipLabels:
    return ClipLabels(label_points(placed(pose, points)), np.ones(len(pose), bool))


class Drawing:
    """The functions that draw, for tests to call."""

    frames = FRAMES
    face, poses, placed = staticmethod(face), staticmethod(poses), staticmethod(placed)
    label_points, clip_labels = staticmethod(label_points), staticmethod(clip_labels)


@pytest.fixture(scope="session")
def drawing() -> type[Drawing]:
    return Drawing


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips of three people with labels."""
    folder, archive = tmp_path_factory.mktemp("clips"), {}
    for number, name in enumerate(("ada", "bea", "cyd")):
        pose = poses(FRAMES, number)
        archive[f"{name}.landmarks"] = landmarks(placed(pose, face()))
        archive[f"{name}.presence"] = np.where(np.arange(FRAMES) == 3, 0, 9).astype(np.float32)
        with VideoWriter(folder / f"{name}.mp4") as writer:
            for index, row in enumerate(pose):
                writer.write(picture(row), pts=3600 * index)
    np.savez(folder / "labels.npz", **archive)
    return folder
