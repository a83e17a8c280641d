"""The encoder that codes, and its successor of another size: made beside it, taken when it is there."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codec.pictures.face import FaceBox
from codec.stage_clock import Stage, no_stage
from sender.capture import Picture
from sender.crop.face import FaceFollower
from sender.encode import FaceWorker
from sender.work.sizes import EncoderSizes, SizeOrder

WHOLE, SOON, SMALL = SizeOrder(), SizeOrder(soon=True), SizeOrder(small=True, soon=True)
LIMIT_S = 30


class Encoder:
    def __init__(self, size: int) -> None:
        self.size, self.before = size, [0]

    def succeed(self, before: "Encoder") -> None:
        self.before = [*before.before, before.size]


class Makers:
    """Makes encoders of two sizes; the small ones when the test lets it."""

    def __init__(self) -> None:
        self.go_on, self.asked = threading.Event(), threading.Event()
        self.made: list[tuple[int, int]] = []  # the size, and the thread
        self.sizes: EncoderSizes[Encoder] = EncoderSizes({512: self.of(512), 256: self.of(256)}, stage=no_stage)

    def of(self, size: int) -> Callable[[Stage], Encoder]:
        def make(stage: Stage) -> Encoder:
            if size == 256:
                self.asked.set()
                assert self.go_on.wait(LIMIT_S)
            self.made.append((size, threading.get_ident()))
            return Encoder(size)

        return make

    def turned(self, order: SizeOrder, *, to: int) -> Encoder:
        """Picture after picture is coded until the size has changed."""
        for _ in range(1_000_000):
            encoder = self.sizes.turn(order)
            if encoder.size == to:
                return encoder
            if self.sizes._successor is not None:
                self.sizes._successor[1].result(LIMIT_S)
        raise AssertionError("it never turns")


def test_the_next_size_is_made_in_another_thread_while_the_one_before_goes_on_coding() -> None:
    makers = Makers()
    first = makers.sizes.turn(WHOLE)
    for _ in range(3):
        assert makers.sizes.turn(SMALL) is first
    assert makers.asked.wait(LIMIT_S)
    assert makers.sizes.turn(SMALL) is first, "not before it is there"
    makers.go_on.set()
    second = makers.turned(SMALL, to=256)
    assert (second.before, makers.sizes.size) == ([0, 512], 256)
    assert makers.sizes.turn(SMALL) is second
    third = makers.turned(WHOLE, to=512)
    assert third.before == [0, 512, 256]
    assert third is not first, "what that held is let go of"
    here = threading.get_ident()
    assert [(size, thread == here) for size, thread in makers.made] == [(512, True), (256, False), (512, False)]
    makers.sizes.close()


def test_one_that_is_likely_is_made_before_it_is_wanted_and_forgotten_where_it_is_not() -> None:
    makers = Makers()
    makers.go_on.set()
    first = makers.sizes.turn(SOON)
    assert makers.asked.wait(LIMIT_S)
    assert makers.sizes._successor is not None
    ready = makers.sizes._successor[1].result(LIMIT_S)
    assert makers.sizes.turn(SOON) is first
    assert makers.sizes.turn(SMALL) is ready, "at once"
    makers.turned(SOON, to=512)
    makers.sizes.turn(SOON)
    assert makers.sizes._successor is not None
    makers.sizes.turn(WHOLE)
    assert makers.sizes._successor is None
    makers.sizes.close()


def test_what_goes_wrong_in_making_one_comes_out() -> None:
    def fail(stage: Stage) -> Encoder:
        raise OSError("no graphs")

    sizes: EncoderSizes[Encoder] = EncoderSizes({512: lambda stage: Encoder(512), 256: fail}, stage=no_stage)

    def turned() -> None:
        while sizes.turn(SMALL):
            assert sizes._successor is not None
            sizes._successor[1].exception(LIMIT_S)

    with pytest.raises(OSError, match="no graphs"):
        turned()
    sizes.close()


async def test_the_worker_crops_to_the_size_that_is_coded_and_measures_against_it(fakes: Any) -> None:
    class Succeeding(fakes.Encoder):  # type: ignore[misc, name-defined]
        def succeed(self, before: Any) -> None:
            self.calls.append("succeeds")

    large, small = fakes.Encoder(), Succeeding(psnr_db=20.0)
    follower = FaceFollower(fakes.Finder(FaceBox(20, 10, 20, 20, 1.0)))
    worker = FaceWorker(lambda _: large, lambda _: follower, size=64, smaller=(32, lambda _: small))
    assert worker.sizes == (64, 32)
    done = []
    for number in range(40):
        picture = Picture(np.zeros((96, 96, 3), np.uint8), 18_000 * number, 1.0)
        worker.orders.set_steps(windows=True, restoration=True, size=SMALL if number > 1 else WHOLE)
        done.append(await worker.encode(picture, code=True))
        await worker.measure()
        if number > 1 and worker._encoders._successor is not None:
            worker._encoders._successor[1].result(LIMIT_S)
    worker.close()
    assert {call[0] for call in large.calls if isinstance(call, tuple)} == {(64, 64, 3)}
    assert {call[0] for call in small.calls if isinstance(call, tuple)} == {(32, 32, 3)}
    assert small.calls[0] == "succeeds"
    first_small = next(number for number, item in enumerate(done) if number > 1 and item.report.is_keyframe)
    assert not done[first_small].measured, "what was measured before says nothing of it"
    assert done[-1].psnr_db == pytest.approx(20.0, abs=0.2)
