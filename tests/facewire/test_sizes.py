"""A call that turns to the smaller size and back: the real encoder in the sender's worker, the receiver's decoder."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec import CodecConfig, CodedFrame
from codec.bits.packet import MotionMessage
from codec.input.video import read_video
from codec.pictures.face import FaceBox
from codec.state.bundle import BundleCoder
from receiver.motion.decode import FaceDecoder
from receiver.motion.playout import Slot
from receiver.outputs.videofile import VideoFile
from sender.attach import make_worker
from sender.capture import Picture
from sender.encode import EncodedPicture
from sender.options import SenderOptions
from sender.work.sizes import SizeOrder

DURATION = 3600
ORDERS = {"whole": SizeOrder(), "small": SizeOrder(small=True, soon=True)}


class Finder:
    """Finds a face in the middle."""

    def __init__(self, *arguments: Any) -> None: ...

    def detect(self, image_rgb: Any, *, near: Any = None) -> FaceBox:
        return FaceBox(150, 150, 200, 200, 1.0)


def pattern(number: int) -> Any:
    across, down = np.meshgrid(np.arange(512) + number, np.arange(512))
    waves = 128 + 60 * np.sin(across / 23) + 50 * np.cos(down / 17)
    return np.stack((waves, 0.7 * waves + 20, 200 - 0.5 * waves), -1).clip(0, 255).astype(np.uint8)


class Call:
    """Both ends; every bundle is a frame, and nothing is lost."""

    def __init__(self) -> None:
        self.worker = make_worker(SenderOptions(size=512, bundle=1, threads=1, mode="keypoints"))
        self.decoder = FaceDecoder(CodecConfig(size=512, threads=1), stage=lambda name: nullcontext())
        self.bundles = BundleCoder.of(CodecConfig().weights)
        self.number = 0
        self.done: list[EncodedPicture] = []

    async def code(self, order: str) -> tuple[bytes | None, CodedFrame | None]:
        """The reference half of the next picture, and the motion half."""
        self.worker.orders.set_steps(windows=True, restoration=True, size=ORDERS[order])
        pending = self.worker._encoders._successor
        if pending is not None:
            pending[1].result(60)
        done = await self.worker.encode(Picture(pattern(self.number), DURATION * self.number, 0.0), code=True)
        self.number += 1
        self.done.append(done)
        assert done.coded is not None
        reference, motion = CodedFrame.parse(bytes(done.coded)).split()
        return None if reference is None else bytes(reference), motion

    def hold(self, reference: bytes | None) -> None:
        if reference is not None:
            result = self.decoder.add_reference(reference)
            assert result.reference_id is not None, result.reason
            self.worker.orders.acknowledge(result.reference_id)

    def read(self, motion: CodedFrame | None) -> Any:
        assert motion is not None
        read = self.decoder.read(MotionMessage(0, 1, self.bundles.pack([motion])), arrived_us=0)
        ((state, _),) = read.states
        return state

    def show(self, state: Any) -> Any:
        image_rgb = self.decoder.render(Slot(state.pts, 0, state)).image_rgb
        assert image_rgb is not None
        return image_rgb

    async def go(self, order: str) -> Any:
        reference, motion = await self.code(order)
        self.hold(reference)
        state = self.read(motion)
        assert (state.pts, state.number) == (DURATION * (self.number - 1), self.number - 1), "time and numbers go on"
        shown = self.show(state)
        assert np.array_equal(shown, self.worker._encoders.current.reconstruction), "both ends have one picture"
        return shown

    async def until(self, side: int, order: str) -> None:
        """Pictures of the size before, until the first of the other one, which comes with a keyframe."""
        for _ in range(4):
            shown = await self.go(order)
            report = self.done[-1].report
            assert report is not None
            assert report.is_keyframe == (shown.shape == (side, side, 3))
            if report.is_keyframe:
                return
        raise AssertionError("the size never changes")


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("sender.attach.FaceDetector", Finder)
    call = Call()
    yield call
    call.worker.close()


async def test_a_call_turns_to_the_smaller_size_and_back_and_a_film_of_it_is_of_one_size(
    call: Call, tmp_path: Path
) -> None:
    film, sides = VideoFile(tmp_path / "film.mkv"), []

    async def shown(order: str) -> None:
        picture = await call.go(order)
        sides.append(picture.shape[0])
        film.write(picture, pts=DURATION * len(sides))

    await call.until(512, "whole")
    await shown("whole")
    await call.until(256, "small")
    await shown("small")
    await call.until(512, "whole")
    await shown("whole")
    film.close()
    assert sides == [512, 256, 512]
    assert [image_rgb.shape for image_rgb, _ in read_video(tmp_path / "film.mkv")] == [(512, 512, 3)] * 3
    ids = [done.report.reference_id for done in call.done if done.report is not None and done.report.is_keyframe]
    assert len(set(ids)) == 3, "no receiver takes one for another"


async def test_what_is_under_way_at_the_size_before_is_read_and_shown_when_the_keyframe_overtakes_it(
    call: Call,
) -> None:
    await call.go("whole")
    _, early = await call.code("whole")
    waiting = call.read(early)  # for its time
    overtaken = (await call.code("small"))[1]  # still whole: the successor was not there
    for _ in range(4):
        reference, motion = await call.code("small")
        if reference is not None:
            break
    call.hold(reference)
    assert call.show(waiting).shape == (512, 512, 3)
    assert call.show(call.read(overtaken)).shape == (512, 512, 3)
    state = call.read(motion)
    assert call.show(state).shape == (256, 256, 3)
    assert call.decoder.render(Slot(0, 0, waiting)).problem == "missing", "what was held for it is let go of"
    assert (await call.go("small")).shape == (256, 256, 3)
