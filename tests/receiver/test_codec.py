"""The receiver with the real codec, over the in-memory channels and virtual time."""

import asyncio
from typing import Any

import numpy as np
import pytest

from codec import CodecConfig, CodedFrame, Encoder
from codec.bits.packet import pack_reference
from codec.state.bundle import BundleCoder
from receiver.picture import Picture
from receiver.receive import FaceReceiver
from signaling.transport.costs import MAX_MESSAGE_BYTES
from signaling.transport.memory import memory_pair

FRAMES = 5
STEP = 3600


@pytest.fixture(scope="module")
def coded() -> tuple[list[CodedFrame], list[np.ndarray]]:
    """A few coded frames of a sliding texture, and the encoder's own pictures."""
    chance = np.random.default_rng(1)
    soft = np.kron(chance.integers(40, 210, (36, 36, 3)), np.ones((9, 9, 1))).astype(np.uint8)
    encoder = Encoder(CodecConfig(size=256, bundle=2, threads=1))
    frames, pictures = [], []
    for index in range(FRAMES):
        frames.append(encoder.encode(soft[index : index + 256, 2 * index : 2 * index + 256].copy(), pts=index * STEP))
        pictures.append(encoder.reconstruction.copy())
    return frames, pictures


async def call(coded: list[CodedFrame], toys: Any, *, reference_last: bool) -> tuple[list[Picture], FaceReceiver]:
    here, there = memory_pair(delay_s=0.01)
    receiver = FaceReceiver(here, worker=toys.Worker())
    shown: list[Picture] = []
    receiver.watch(shown.append)

    def reference(data: CodedFrame | None) -> None:
        for fragment in pack_reference(bytes(data), transfer=0, limit=MAX_MESSAGE_BYTES) if data is not None else []:
            there.reference.send(bytes(fragment))

    bundles = BundleCoder.of(CodecConfig().weights)

    async def send() -> None:
        halves = [frame.split() for frame in coded]
        for number, (still, moving) in enumerate(halves):
            if not reference_last:
                reference(still)
            assert moving is not None or still is not None
            if moving is not None:
                for message in bundles.messages([bytes(moving)], first_sequence=number, limit=MAX_MESSAGE_BYTES):
                    there.motion.send(bytes(message))
            await asyncio.sleep(0.04)
        if reference_last:
            for still, _ in halves:
                reference(still)

    await toys.run_during(receiver, send())
    return shown, receiver


def test_what_is_shown_is_what_the_encoder_saw(
    virtual: Any, toys: Any, coded: tuple[list[CodedFrame], list[np.ndarray]]
) -> None:
    frames, pictures = coded
    shown, receiver = virtual(call(frames, toys, reference_last=False))
    assert shown
    expected = {index * STEP: picture for index, picture in enumerate(pictures)}
    own = [picture for picture in shown if picture.pts in expected]
    assert len(own) >= FRAMES - 2
    assert all((picture.rgb() == expected[picture.pts]).all() for picture in own)
    assert receiver.counts["malformed_frames"] == 0


def test_motion_that_overtakes_its_reference_is_shown_when_it_comes(
    virtual: Any, toys: Any, coded: tuple[list[CodedFrame], list[np.ndarray]]
) -> None:
    frames, pictures = coded
    shown, receiver = virtual(call(frames, toys, reference_last=True))
    assert receiver.counts["missing_reference"] > 0
    assert (shown[-1].rgb() == pictures[-1]).all()
