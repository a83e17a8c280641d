"""The bundled clip coded once for all tests of the codec, an encoder that records and a decoder that checks.

And a face made of points, with expressions of its own, for what is tested without a network.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from codec.bits.bitstream import CodedFrame, CodedMotion, CodedReference
from codec.config import CodecConfig
from codec.decisions.reference_policy import ReferencePolicy
from codec.decoder import Decoder
from codec.encoder import Encoder
from codec.frame_report import FrameReport
from codec.motion.expression import COEFFICIENTS, FACE_NUMBERS, POSE, FaceShape
from codec.motion.landmarks import (
    BROWS,
    EYES,
    INNER_LIPS,
    IRISES,
    LANDMARKS,
    LIPS,
    MIRROR,
    OUTER_LIPS,
    OUTLINE,
    RIGHT_EYE,
    RIGHT_IRIS,
    RIGID,
    points_of,
)
from codec.windows.painter import FaceReference

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

SAMPLE = Path(__file__).parents[2] / "benchmarks" / "clips" / "data" / "sample.mp4"
DURATION = 3600
FRAMES = 20
NEW_REFERENCE, KEYFRAME = 7, 13  # frames of the stream below that carry an inter reference and a forced keyframe


@dataclass(frozen=True)
class Coded:
    """One frame as it left the encoder."""

    data: bytes
    shown: Picture
    report: FrameReport

    @property
    def frame(self) -> CodedFrame:
        return CodedFrame.parse(self.data)

    @property
    def motion(self) -> CodedMotion:
        motion = self.frame.motion
        assert motion is not None
        return motion

    @property
    def reference(self) -> CodedReference:
        reference = self.frame.reference
        assert reference is not None
        return reference


class Recorder(Encoder):
    """Codes pictures 25 times a second."""

    def record(self, pictures: list[Picture], *, first: int = 0) -> list[Coded]:
        coded = []
        for index, picture in enumerate(pictures):
            data = bytes(self.encode(picture, pts=(first + index) * DURATION))
            coded.append(Coded(data, self.reconstruction.copy(), self.report))
        return coded


class Player(Decoder):
    """Decodes what was recorded, and sees what the encoder saw."""

    def follow(self, stream: list[Coded]) -> None:
        for coded in stream:
            np.testing.assert_array_equal(self.decode(coded.frame), coded.shown)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def originals() -> list[Picture]:
    """512x512, every third frame."""
    with av.open(str(SAMPLE)) as container:
        frames = [frame for frame, _ in zip(container.decode(video=0), range(3 * FRAMES), strict=False)]
    return [frame.to_ndarray(format="rgb24") for frame in frames[::3]]


@pytest.fixture(scope="session")
def pictures(originals: list[Picture]) -> list[Picture]:
    """256x256."""
    return [np.asarray(cv2.resize(p, (256, 256), interpolation=cv2.INTER_AREA), np.uint8) for p in originals]


@pytest.fixture(scope="session")
def make_encoder() -> Callable[..., Recorder]:
    """Fields of CodecConfig, and `stage` -> an encoder."""
    return lambda stage=None, **changes: Recorder(CodecConfig(**changes), **({"stage": stage} if stage else {}))


@pytest.fixture(scope="session")
def make_decoder() -> Callable[..., Player]:
    """Fields of CodecConfig, and `stage` -> a decoder."""
    return lambda stage=None, **changes: Player(CodecConfig(**changes), **({"stage": stage} if stage else {}))


@pytest.fixture
def decoder(make_decoder: Callable[..., Player]) -> Player:
    return make_decoder()


def leaving(*frames: int) -> Callable[..., bool]:
    """A rate policy that leaves its reference at these of the frames it is asked about, counted from 0."""
    asked = iter(range(1 << 30))
    return lambda *args, **kwargs: next(asked) in frames


@pytest.fixture
def leave_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What the real policy would do depends on the weights; tests say it themselves."""
    return lambda *frames: monkeypatch.setattr(ReferencePolicy, "frame", leaving(*frames))


@pytest.fixture(scope="session")
def stream(pictures: list[Picture], make_encoder: Callable[..., Recorder]) -> list[Coded]:
    """Twenty frames in bundles of four, an inter reference and a forced keyframe among them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ReferencePolicy, "frame", leaving(NEW_REFERENCE - 1))
        encoder = make_encoder(threads=1)
        before = encoder.record(pictures[:KEYFRAME])
        encoder.force_keyframe()
        return before + encoder.record(pictures[KEYFRAME:], first=KEYFRAME)


@pytest.fixture
def flip() -> Callable[[bytes, np.random.Generator], bytes]:
    """Changes up to three bytes, and sometimes cuts the end off."""

    def flipped(data: bytes, random: np.random.Generator) -> bytes:
        damaged = bytearray(data)
        for _ in range(int(random.integers(1, 4))):
            damaged[int(random.integers(len(damaged)))] ^= int(random.integers(1, 256))
        return bytes(damaged[: int(random.integers(1, len(damaged) + 1))] if random.random() < 0.2 else damaged)

    return flipped


@pytest.fixture
def stages() -> Any:
    """A timing hook that writes down what was entered in `stages.entered`."""

    class Stages:
        def __init__(self) -> None:
            self.entered: list[str] = []

        def __call__(self, name: str) -> "Stages":
            self.entered.append(name)
            return self

        def __enter__(self) -> None: ...

        def __exit__(self, *problem: object) -> None: ...

    return Stages()


def face_mean() -> Floats:
    """A face of ellipses (112, 3), its own mirror image, one io from corner to corner of the eyes; y down."""

    def ring(count: int, x: float, y: float, width: float, height: float) -> Floats:
        """From the left of the picture along the bottom, as the mesh has lips and the right eye."""
        turn = 2 * np.pi * np.arange(count) / count
        return np.stack((x - width * np.cos(turn), y + height * np.sin(turn)), 1).astype(np.float32)

    points = np.zeros((LANDMARKS, 3), np.float32)
    points[OUTER_LIPS, :2], points[INNER_LIPS, :2] = ring(20, 0, 0.55, 0.3, 0.14), ring(20, 0, 0.55, 0.22, 0.06)
    points[RIGHT_EYE, :2] = ring(16, -0.34, -0.2, 0.16, 0.06)
    points[RIGHT_IRIS, :2] = -0.34, -0.2
    brow = np.arange(5)
    points[BROWS.start : BROWS.start + 5, :2] = np.stack((-0.56 + 0.1 * brow, -0.38 - 0.02 * (2 - abs(brow - 2))), 1)
    turn = 2 * np.pi * np.arange(18) / 18
    points[OUTLINE, :2] = np.stack((0.75 * np.sin(turn), 0.15 - 0.95 * np.cos(turn)), 1)
    nose = points_of(168, 6, 197, 195, 5, 4, 1, 2)
    points[nose, 1] = np.linspace(-0.2, 0.28, len(nose))
    points[points_of(98), :2] = -0.15, 0.24
    for right in (*range(RIGHT_EYE.start, RIGHT_EYE.stop), RIGHT_IRIS, *range(BROWS.start, 79), *points_of(98)):
        points[MIRROR[right]] = points[right] * (-1, 1, 1)
    points[:, 2] = 0.4 * (points[:, :2] ** 2).sum(1) - 0.3
    points[nose, 2] -= np.linspace(0.05, 0.25, len(nose), dtype=np.float32)
    return points


def face_shape() -> FaceShape:
    """That face, with random expressions that leave its skull alone."""
    random = np.random.default_rng(17)
    free = np.setdiff1d(np.arange(LANDMARKS), RIGID)
    columns, _ = np.linalg.qr(random.normal(size=(3 * len(free), COEFFICIENTS)))
    basis = np.zeros((COEFFICIENTS, LANDMARKS, 3), np.float32)
    basis[:, free] = columns.T.reshape(COEFFICIENTS, len(free), 3)
    weight = np.ones(LANDMARKS, np.float32)
    weight[LIPS], weight[EYES], weight[IRISES] = 1.4, 2.0, 2.0
    return FaceShape(face_mean(), basis, weight)


def face_numbers(seed: int, *, expression: float = 0.04) -> Floats:
    """Pose and expression of a face in the middle of a 256x256 picture."""
    random = np.random.default_rng(seed)
    numbers = random.normal(0, expression, FACE_NUMBERS)
    numbers[:POSE] = random.uniform(-1, 1, POSE) * (0.3, 0.2, 0.2, 0.1, 12, 12) + (0, 0, 0, np.log(90), 128, 120)
    return numbers.astype(np.float32)


class Faces:
    """The functions that make faces, for tests to call."""

    mean, shape, numbers = staticmethod(face_mean), staticmethod(face_shape), staticmethod(face_numbers)

    @staticmethod
    def landmarks(seed: int, *, side: int = 256, expression: float = 0.04) -> Floats:
        """The landmarks (112, 3) of somebody, in pixels of a picture of that side."""
        shape = face_shape()
        person = shape.person(shape.mean * 90 + np.float32(128), side=256)
        return np.asarray(person.landmarks(face_numbers(seed, expression=expression)) * (side / 256), np.float32)

    @staticmethod
    def noise(seed: int, *, side: int = 256) -> Picture:
        """A picture of soft noise, uint8 (side, side, 3)."""
        small = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), np.uint8)
        return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)

    @staticmethod
    def reference(seed: int, *, side: int = 256, expression: float = 0.04) -> FaceReference:
        """A held reference of noise with a face in it."""
        landmarks = Faces.landmarks(seed, side=side, expression=expression)
        return FaceReference(Faces.noise(seed, side=side), landmarks, face_shape().person(landmarks, side=side))


@pytest.fixture(scope="session")
def faces() -> type[Faces]:
    return Faces
