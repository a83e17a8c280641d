"""What carries a call: keypoints or H.264, as face and quality come and go, over the in-memory channels."""

import asyncio
from typing import Any

import pytest

from sender.meter import Meter
from signaling.protocol.messages import (
    ModeSwitch,
    ReferenceReceived,
)


async def test_a_lost_face_brings_h264_and_a_found_one_keypoints(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock, mode="auto")
    async with session.call() as (sender, far, video):
        assert video is not None
        await session.picture(25)
        assert (await far.hear(ModeSwitch)).mode == "keypoints"
        session.finder.box = None
        start_s = clock.now_s
        while sender.mode == "keypoints":
            await session.picture()
        assert clock.now_s - start_s < 1.0
        switch = await far.hear(ModeSwitch)
        assert (switch.mode, switch.pts) == ("h264", session.pts)
        coded = len(session.encoder.calls)
        await session.picture(2)
        assert len(session.encoder.calls) == coded, "the codec rests"
        packet = await video.recv()
        assert packet.is_keyframe
        session.finder.box = session.face
        while sender.mode == "h264":
            await session.picture()
        assert (await far.hear(ModeSwitch)).mode == "keypoints"
        while not far.references.empty():
            far.references.get_nowait()
        (done,) = await session.picture()
        assert done.coded is not None
        assert done.coded.is_keyframe
        await far.references.get()


async def test_h264_runs_on_until_the_keyframe_has_arrived(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock, mode="auto")
    session.finder.box = None
    async with session.call() as (sender, far, video):
        assert video is not None
        await session.picture(10, step_s=0.2)
        assert sender.mode == "h264"
        session.finder.box = session.face
        while sender.mode == "h264":
            await session.picture(step_s=0.2)
        (done,) = await session.picture()
        assert done.coded is not None
        while (await video.recv()).pts < session.pts:
            pass
        assert done.coded.reference is not None
        far.say(ReferenceReceived(reference_id=done.coded.reference.id, number=done.coded.number))
        await fakes.ready()
        await session.picture(3)
        waiting = asyncio.create_task(video.recv())
        await fakes.ready()
        assert not waiting.done()
        waiting.cancel()


@pytest.mark.parametrize("phase", range(6))
@pytest.mark.parametrize("fps", [10, 15, 25])
async def test_low_quality_asks_for_a_keyframe_and_brings_h264_within_a_second(
    fakes: Any, clock: Any, fps: int, phase: int
) -> None:
    session = fakes.Session(clock, mode="auto", floor_db=20.0)
    async with session.call() as (sender, _, _):
        await session.picture(fps + phase, step_s=1 / fps)  # `phase`: it turns bad here or there between two measured
        session.encoder.psnr_db = 12.0  # the keyframe itself looks well
        keyframes = session.encoder.calls.count("keyframe")
        start_s = clock.now_s
        while sender.mode == "keypoints":
            await session.picture(step_s=1 / fps)
        assert clock.now_s - start_s < 0.95, "with room for a picture that is late"
        assert session.encoder.calls.count("keyframe") == keyframes + 1


@pytest.mark.parametrize("fps", [10, 15, 25])
async def test_one_bad_frame_now_and_then_asks_for_no_keyframe(fakes: Any, clock: Any, fps: int) -> None:
    session = fakes.Session(clock, mode="auto", floor_db=20.0)
    async with session.call() as (sender, far, _):
        first, *_ = await session.picture(5, step_s=1 / fps)
        assert first.coded is not None
        assert first.coded.reference is not None
        far.say(ReferenceReceived(reference_id=first.coded.reference.id, number=first.coded.number))
        for phase in range(12):
            session.encoder.psnr_db = 12.0
            await session.picture(step_s=1 / fps)
            session.encoder.psnr_db = 30.0
            await session.picture(6 + phase % 6, step_s=1 / fps)
        assert session.encoder.calls.count("keyframe") == 1, "that the call began with"
        assert sender.mode == "keypoints"


@pytest.mark.parametrize("fps", [10, 15, 25])
async def test_a_keyframe_that_helps_is_enough(fakes: Any, clock: Any, fps: int) -> None:
    session = fakes.Session(clock, mode="auto", floor_db=20.0)
    async with session.call() as (sender, _, _):
        await session.picture(fps, step_s=1 / fps)
        session.encoder.psnr_db = 12.0
        while session.encoder.calls.count("keyframe") == 1:
            await session.picture(step_s=1 / fps)
        session.encoder.psnr_db = 30.0
        await session.picture(2 * fps, step_s=1 / fps)
        assert session.encoder.calls.count("keyframe") == 2
        assert sender.mode == "keypoints"


async def test_after_low_quality_the_codec_goes_on_to_see_when_it_is_of_use_again(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock, mode="auto", floor_db=20.0)
    async with session.call() as (sender, _, _):
        session.encoder.psnr_db = 12.0
        while sender.mode == "keypoints":
            await session.picture()
        coded = session.encoder.calls.count("reconstruction")
        await session.picture(25)
        assert session.encoder.calls.count("reconstruction") in range(coded + 4, coded + 7), "without any hurry"
        session.encoder.psnr_db = 30.0
        while sender.mode == "h264":
            await session.picture()


async def test_the_meter_has_what_was_measured_and_nothing_twice(
    fakes: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    metered: list[float | None] = []
    monkeypatch.setattr(Meter, "frame", lambda _, kind, psnr_db, sent: metered.append(psnr_db))
    session = fakes.Session(clock)
    session.encoder.psnr_db, session.encoder.keyframe_psnr_db = 20.0, 40.0
    async with session.call():
        await session.picture(9)
    values = {number: value for number, value in enumerate(metered) if value is not None}
    assert values == pytest.approx({0: 40.0, 2: 20.0, 7: 20.0}, abs=0.2), "the keyframe, then each fifth of a second"


async def test_compare_sends_both_all_the_time(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock, mode="compare")
    async with session.call() as (_, far, video):
        assert video is not None
        for _ in range(3):
            await session.picture()
        assert (await far.hear(ModeSwitch)).mode == "compare"
        assert (await video.recv()).is_keyframe
        assert not far.motion.empty()
