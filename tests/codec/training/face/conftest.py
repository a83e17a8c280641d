"""Clips of faces drawn from landmarks, labelled with them, and networks that see such faces without any training."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from codec.motion.expression import POSE
from codec.motion.face_windows import EYE, MOUTH, Window, window_frame, window_points
from codec.motion.landmarks import (
    BROWS,
    INNER_LIPS,
    LEFT_EYE,
    LEFT_IRIS,
    OUTER_LIPS,
    OUTLINE,
    RIGHT_EYE,
    RIGHT_IRIS,
)
from codec.motion.tracking import CROP_EXTENTS
from codec.networks.model import FaceModel
from codec.networks.store import serialize
from codec.pictures.video import VideoWriter
from codec.training.data.dataset import ClipFile, find_clips
from codec.weights import files as weights

Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]

FRAMES = 18
UNSEEN = 4  # the frame whose labels are not to be trusted


@pytest.fixture(scope="module", autouse=True)
def random_numbers_of_others() -> Iterator[None]:
    with torch.random.fork_rng():
        yield


def face_picture(landmarks: Floats) -> Picture:
    """A flat face before a wall, 256x256, with lips, eyes and brows where its landmarks are."""
    picture = np.full((256, 256, 3), (70, 90, 110), np.uint8)
    points = np.round(landmarks[:, :2] * 16).astype(np.int32)
    parts = ((OUTLINE, (200, 160, 140)), (OUTER_LIPS, (190, 80, 80)), (INNER_LIPS, (60, 20, 20)))
    for part, colour in (*parts, (RIGHT_EYE, (240, 240, 240)), (LEFT_EYE, (240, 240, 240))):
        cv2.fillPoly(picture, [points[part]], colour, cv2.LINE_AA, 4)
    for iris in (RIGHT_IRIS, LEFT_IRIS):
        cv2.circle(picture, (int(points[iris, 0]), int(points[iris, 1])), 5 * 16, (50, 40, 30), -1, cv2.LINE_AA, 4)
    brows = points[BROWS].reshape(2, 5, 2)
    cv2.polylines(picture, list(brows), False, (90, 60, 40), 3, cv2.LINE_AA, 4)
    return picture


def clip_landmarks(faces: Any, seed: int, frames: int) -> Floats:
    """One person's (T, 112, 3), who nods and talks."""
    person = faces.reference(seed).person
    random = np.random.default_rng(seed)
    phase, pace = random.uniform(0, 2 * np.pi, len(person.own)), random.uniform(0.05, 0.4, len(person.own))
    reach = np.array([0.15, 0.1, 0.1, 0.05, 6, 6, *[0.06] * (len(person.own) - POSE)])
    swing = np.sin(np.arange(frames)[:, None] * pace + phase) * reach
    return np.stack([person.landmarks((person.own + row).astype(np.float32)) for row in swing])


def labels_of(landmarks: Floats) -> npt.NDArray[np.int16]:
    """What labels.npz stores of (T, 112, 3): there (0, 0) is the corner of the first pixel, here its middle."""
    sixteenths = np.round((landmarks + np.array([0.5, 0.5, 0], np.float32)) * 16).astype(np.int32)
    return np.diff(sixteenths, axis=0, prepend=np.zeros_like(sixteenths[:1])).astype(np.int16)


@dataclass(frozen=True)
class FaceClips:
    """Clips on disk, and what they were drawn from."""

    folder: Path
    files: list[ClipFile]
    landmarks: list[Floats]


def write_clips(folder: Path, faces: Any, *, count: int, frames: int = FRAMES) -> FaceClips:
    archive: dict[str, Any] = {}
    drawn = []
    for number in range(count):
        landmarks = clip_landmarks(faces, number, frames)
        archive[f"clip{number}.landmarks"] = labels_of(landmarks)
        archive[f"clip{number}.presence"] = np.where(np.arange(frames) == UNSEEN, 0, 9).astype(np.float32)
        with VideoWriter(folder / f"clip{number}.mp4") as writer:
            for index, points in enumerate(landmarks):
                writer.write(face_picture(points), pts=3600 * index)
        drawn.append(landmarks)
    np.savez(folder / "labels.npz", **archive)
    return FaceClips(folder, find_clips([folder]), drawn)


@pytest.fixture(scope="session")
def face_clips(tmp_path_factory: pytest.TempPathFactory, faces: Any) -> FaceClips:
    """Three labelled clips of three people."""
    return write_clips(tmp_path_factory.mktemp("faces"), faces, count=3)


@pytest.fixture(scope="session")
def drawing(faces: Any) -> Any:
    """The functions that draw, for tests to call."""

    class Drawing:
        picture, labels = staticmethod(face_picture), staticmethod(labels_of)
        frames, unseen = FRAMES, UNSEEN

        @staticmethod
        def landmarks(seed: int, frames: int) -> Floats:
            return clip_landmarks(faces, seed, frames)

    return Drawing


def window_bias(mean: Floats, window: Window) -> torch.Tensor:
    """Where a mean face has a window's points, the window spanning [-1, 1]."""
    local = window_points(mean[list(window.shape)], window_frame(mean, window))
    size = np.array([window.width, window.height], np.float32)
    return torch.from_numpy((local - (size - 1) / 2) / (size / 2)).flatten()


@pytest.fixture(scope="session")
def mean_weights(tmp_path_factory: pytest.TempPathFactory, faces: Any) -> Path:
    """A weight file whose networks see a mean face in whatever they are shown."""
    shape = faces.shape()
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(6)
        model = FaceModel()
        low, high = shape.mean[:, :2].min(0), shape.mean[:, :2].max(0)
        middle = np.array([*(low + high) / 2, 0], np.float32)
        whole = (shape.mean - middle) * np.float32(2 / CROP_EXTENTS / (high - low).max())
        biases = (torch.from_numpy(whole).flatten(), window_bias(shape.mean, MOUTH), window_bias(shape.mean, EYE[0]))
        networks = (model.face.landmarks, model.face.mouth_points, model.face.eye_points)
        for network, bias in zip(networks, biases, strict=True):
            network.out.weight *= 0.05
            network.out.bias.copy_(bias)
        for part in ("mean", "basis", "weight"):
            getattr(model.shape, part).copy_(torch.from_numpy(getattr(shape, part)))
    path = tmp_path_factory.mktemp("weights") / "mean.safetensors"
    path.write_bytes(serialize(model, weights.default_coding_tables(), metadata={"name": "mean"}))
    return path
