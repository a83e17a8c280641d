"""Tests of catching up with the real codec: a viewer that comes late sees what the others see, to the bit."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from codec import CodecConfig, Decoder, Encoder
from sender.broadcast.catch_up import CatchUp

SAMPLE = Path(__file__).resolve().parents[3] / "benchmarks" / "clips" / "data" / "sample.mp4"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pictures() -> list[np.ndarray]:
    """So different from each other, each sixth of the clip, that references do not last."""
    with av.open(SAMPLE) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)][::6][:36]


def test_references_bring_a_late_decoder_to_the_same_pictures() -> None:
    config = CodecConfig.preset("realtime", size=256, measure_every=0)
    encoder, early, late, catch_up = Encoder(config), Decoder(config), Decoder(config), CatchUp()
    references, compared, step = 0, 0, "away"
    for index, picture in enumerate(pictures()):
        coded = encoder.encode(picture, pts=3600 * index)
        reference, shown = coded.split()[0], early.decode(coded)
        if step == "caught up" and coded.motion is not None and not coded.motion.chained:
            step = "in step"
        if step == "in step":
            np.testing.assert_array_equal(late.decode(coded), shown)
            compared += 1
        elif step == "caught up" and reference is not None:
            late.add_reference(reference)
        if reference is not None:
            assert reference.reference is not None
            references += 1
            catch_up.add(reference, now_s=index / 25)
            encoder.acknowledge(reference.reference.id)
        if step == "away" and references >= 2 and coded.motion is not None and coded.motion.chained:
            for one in catch_up.references(viewers=8, now_s=index / 25):
                late.add_reference(one)
            step = "caught up"
    assert late.references == early.references
    assert references >= 3, "one before the late one came, one after"
    assert compared >= 8
