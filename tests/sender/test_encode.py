"""Tests of the worker thread: orders, stages, and what it makes of a picture."""

import threading
from typing import Any

import numpy as np
import pytest

from codec.pictures.face import FaceBox
from sender.capture import Picture
from sender.crop.face import FaceFollower
from sender.encode import FaceWorker, Orders


def picture(pts: int = 0) -> Picture:
    return Picture(np.zeros((48, 64, 3), np.uint8), pts, 1.0)


def test_orders_are_carried_out_once_receipts_first_keyframe_last(fakes: Any) -> None:
    orders, encoder = Orders(), fakes.Encoder()
    orders.force_keyframe()
    orders.acknowledge(3)
    orders.start_bundle()
    orders.acknowledge(3)
    orders.acknowledge(1)
    orders.carry_out(encoder)
    assert encoder.calls == [("acknowledge", 3), ("acknowledge", 1), "bundle", "keyframe"]
    orders.carry_out(encoder)
    assert len(encoder.calls) == 4


async def test_a_picture_is_followed_cropped_and_coded_in_one_other_thread(fakes: Any) -> None:
    threads = set()

    class Encoder(fakes.Encoder):  # type: ignore[misc, name-defined]
        def encode(self, image_rgb: Any, *, pts: int) -> Any:
            threads.add(threading.get_ident())
            return super().encode(image_rgb, pts=pts)

    encoder = Encoder()
    finder = fakes.Finder(FaceBox(20, 10, 20, 20, 1.0))
    worker = FaceWorker(lambda _: encoder, lambda _: FaceFollower(finder, placement="face"), size=32)
    await worker.warm()
    for pts in (0, 3600):
        done = await worker.encode(picture(pts), code=True)
    worker.close()
    assert done.found
    assert done.crop.side == 40
    assert done.coded is not None
    assert done.report is not None
    assert [call for call in encoder.calls if isinstance(call[0], tuple)] == [((32, 32, 3), 0), ((32, 32, 3), 3600)]
    assert set(done.stage_ms) == {"total", "crop"}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


@pytest.mark.parametrize(
    ("fps", "coded_every", "every"), [(10, 1, 2), (15, 1, 3), (25, 1, 5), (30, 1, 6), (10, 2.5, 5), (5, 3, 3)]
)
async def test_each_fifth_of_a_second_a_frame_is_measured_once_and_after_it_was_coded(
    fakes: Any, fps: int, coded_every: float, every: int
) -> None:
    encoder = fakes.Encoder(psnr_db=20.0)
    worker = FaceWorker(lambda _: encoder, lambda _: FaceFollower(fakes.Finder(None)), size=32)
    worker.orders.set_steps(windows=True, restoration=True, every=coded_every)
    seen = []
    for number in range(3 * every + 2):
        seen.append(await worker.encode(picture(90_000 // fps * number), code=True))
        await worker.measure()
    worker.close()
    assert [done.psnr_db for done in seen[:2]] == [30.0, 30.0], "a keyframe says itself how good it is"
    assert [done.psnr_db for done in seen[2:]] == pytest.approx([20.0] * (3 * every), abs=0.2)
    measured = [number for number, done in enumerate(seen) if done.measured]
    assert measured == [2, every + 2, 2 * every + 2], "told with the frame after; the first is the keyframe's successor"


async def test_a_frame_is_measured_at_once_where_that_is_asked_for_but_no_keyframe(fakes: Any) -> None:
    encoder = fakes.Encoder()
    worker = FaceWorker(lambda _: encoder, lambda _: FaceFollower(fakes.Finder(None)), size=32)
    measured = []
    for number in range(8):
        if number == 4:
            worker.orders.force_keyframe()
        measured.append((await worker.encode(picture(3600 * number), code=True)).measured)
        await worker.measure(soon=number != 6)
        await worker.measure(soon=True)  # nothing is left to measure
    worker.close()
    # What was measured on the frame before a keyframe is out of date with it.
    assert measured == [False, False, True, True, False, False, True, True]
    assert encoder.calls.count("reconstruction") == 6


async def test_what_is_only_followed_is_not_measured(fakes: Any) -> None:
    encoder = fakes.Encoder()
    worker = FaceWorker(lambda _: encoder, lambda _: FaceFollower(fakes.Finder(None)), size=32)
    measured = []
    for number in range(6):
        measured.append((await worker.encode(picture(90_000 * number), code=number in (0, 1, 5))).measured)
        await worker.measure()
    worker.close()
    assert not any(measured)
    assert encoder.calls.count("reconstruction") == 2


async def test_a_look_that_takes_long_holds_up_the_first_picture_alone(fakes: Any) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Finder(fakes.Finder):  # type: ignore[misc, name-defined]
        def detect(self, image_rgb: Any, *, near: Any = None) -> Any:
            if self.looks:
                begun.set()
                assert go_on.wait(30)
            return super().detect(image_rgb)

    finder = Finder(FaceBox(20, 10, 20, 20, 1.0))
    worker = FaceWorker(
        lambda _: fakes.Encoder(), lambda looks: FaceFollower(finder, placement="face", looks=looks), size=32
    )
    first = await worker.encode(picture(), code=True)
    assert (first.crop.side, finder.looks) == (40, 1)
    assert "face" in first.stage_ms
    await worker.encode(picture(90_000), code=True)
    assert begun.wait(30)
    meanwhile = await worker.encode(picture(180_000), code=True)
    assert (meanwhile.found, finder.looks) == (True, 1)
    go_on.set()
    worker.close()


async def test_a_picture_may_be_followed_only(fakes: Any) -> None:
    encoder = fakes.Encoder()
    worker = FaceWorker(lambda _: encoder, lambda _: FaceFollower(fakes.Finder(None)), size=32)
    worker.orders.force_keyframe()
    done = await worker.encode(picture(), code=False)
    assert (done.found, done.coded, done.report) == (False, None, None)
    assert encoder.calls == []
    done = await worker.encode(picture(3600), code=True)
    worker.close()
    assert encoder.calls[0] == "keyframe"


async def test_what_goes_wrong_in_the_thread_comes_out(fakes: Any) -> None:
    def make(_: Any) -> Any:
        raise OSError("no weights")

    worker = FaceWorker(make, lambda _: FaceFollower(fakes.Finder(None)), size=32)
    with pytest.raises(OSError, match="no weights"):
        await worker.warm()
    with pytest.raises(OSError, match="no weights"):
        await worker.encode(picture(), code=True)
    worker.close()
