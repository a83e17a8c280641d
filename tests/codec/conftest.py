"""The bundled clip coded once for all tests of the codec, an encoder that records and a decoder that checks."""

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

Picture = npt.NDArray[np.uint8]

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
