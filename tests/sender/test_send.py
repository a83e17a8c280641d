"""Tests of the sending end as a whole, over channels in memory and with a codec that costs nothing."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from codec.errors import WeightsError
from sender.errors import OptionsError, SourceError
from sender.options import SenderOptions
from sender.send import FaceSender
from signaling.protocol.messages import (
    ClockPing,
    ClockPong,
    KeyframeRequest,
    ModeSwitch,
    QualityReport,
    ReceiverReport,
    ReferenceReceived,
)
from signaling.transport.channels import Tap
from signaling.transport.costs import MAX_MESSAGE_BYTES
from signaling.transport.memory import memory_pair


async def test_a_call_begins_with_a_keyframe_and_goes_on_with_motion(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock)
    async with session.call() as (sender, far, _):
        await session.picture(3)
        assert (await far.references.get())[:2] == b"R\0"
        messages = [await far.motion.get() for _ in range(3)]
        assert [message.sequence for message in messages] == [0, 1, 2]
        assert [fakes.Bundles.frames(message)[0][1] for message in messages] == [0, 1, 2]
        assert (await far.hear(ModeSwitch)).mode == "keypoints"
        assert sender.mode == "keypoints"
    assert sender.ended == "closed"


async def test_the_receiver_learns_the_clock_and_the_figures_with_the_first_picture(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock)
    async with session.call() as (sender, far, _):
        await session.picture()
        report = await far.hear(QualityReport)
        assert report.figures["pts_origin_us"] == pytest.approx(100.0 * 1e6, abs=1)
        assert report.keypoints_psnr_db == 30.0
        assert report.h264_psnr_db is None
        assert report.mode == "keypoints"
        assert report.pts == session.pts
        assert sender.figures()["mode"] == "keypoints"
        await far.hear(ClockPing)
        far.say(ClockPing(17))
        pong = await far.hear(ClockPong)
        assert pong == ClockPong(ping_us=17, pong_us=round(clock.now_s * 1e6))


async def test_receipts_reach_the_encoder_and_wrong_ones_do_not(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock)
    session.encoder.reference_every = 2
    async with session.call() as (_, far, _):
        await session.picture(3)
        far.say(ReferenceReceived(reference_id=1, number=77))
        far.say(ReferenceReceived(reference_id=1, number=2))
        await fakes.ready()
        await session.picture()
    assert [call for call in session.encoder.calls if call[0] == "acknowledge"] == [("acknowledge", 1)]


async def test_keyframes_are_sent_when_asked_for_but_not_too_often(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock)
    async with session.call() as (_, far, _):
        far.say(KeyframeRequest("joined"))
        coded = []
        for number in range(40):
            coded += await session.picture()
            if number in (2, 30):
                far.say(ReferenceReceived(reference_id=number // 20, number=0 if number == 2 else 13))
            if number in range(5, 10) or number in range(19, 40):
                far.say(KeyframeRequest("nothing to show"))
            await fakes.ready()
    keyframes = [number for number, done in enumerate(coded) if done.coded is not None and done.coded.is_keyframe]
    assert keyframes == [0, 13, 31], "not for joining; half a second apart; not while one is on its way"


async def test_a_receiver_that_joins_late_or_comes_back_gets_a_keyframe_at_once(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock)
    capturing = asyncio.create_task(session.capture.run())
    await session.source.running.wait()
    for _ in range(3):
        async with session.call(keeps=True) as (_, far, _):
            done = await session.picture(3)
            assert [one.coded.is_keyframe for one in done if one.coded] == [True, False, False]
            await far.references.get()
    session.source.end()
    await capturing
    session.worker.close()


async def test_pictures_the_encoder_cannot_keep_up_with_are_dropped_and_counted(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock)
    async with session.call() as (sender, far, _):
        for pts in range(1, 11):
            session.source.give(pts)
        first = await session.worker.done.get()
        await fakes.ready()
        assert first.picture.pts == 10
        figures: list[Any] = []
        sender.watch_meter(figures.append)
        await far.hear(QualityReport)
        assert sender.figures()["counts"]["captured"] == 10


async def test_a_bundle_that_is_cut_short_tells_the_encoder(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock, bundle=4)
    async with session.call() as (_, far, _):
        await session.picture(6, step_s=0.3)
        assert (await far.motion.get()).count <= 2
        assert (await far.motion.get()).count == 1
    assert "bundle" in session.encoder.calls


async def test_the_end_of_the_source_sends_what_was_gathered(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock, bundle=4)
    async with session.call() as (sender, far, _):
        await session.picture(6)
        assert (await far.motion.get()).count == 4
        session.source.end()
        assert (await far.motion.get()).count == 2
    assert sender.ended == "the source has ended"


async def test_one_picture_is_a_call_too(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock, bundle=4)
    async with session.call() as (sender, far, _):
        session.source.give(0)
        session.source.end()
        assert (await far.motion.get()).count == 1
        await far.references.get()
    assert sender.ended == "the source has ended"


async def test_one_picture_in_h264_is_a_call_too(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock, mode="h264")
    async with session.call() as (_, _, video):
        assert video is not None
        session.source.give(0)
        session.source.end()
        assert (await video.recv()).is_keyframe


async def test_a_receiver_that_vanishes_ends_the_call(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock, mode="compare")
    async with session.call() as (sender, far, _):
        await session.picture(2)
        far.channels.close()
        await fakes.ready()
        session.source.give(99_999)
    assert sender.ended == "the receiver is gone"


async def test_a_source_that_breaks_ends_the_call_with_its_reason(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock)
    with pytest.RaisesGroup(pytest.RaisesExc(SourceError, match="unplugged")):
        async with session.call():
            await session.picture()
            session.source.end(SourceError("webcam:0: unplugged"))
            await asyncio.Event().wait()


async def test_a_codec_that_cannot_work_ends_the_call_with_its_reason(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock)

    def fail(*_: Any, **__: Any) -> Any:
        raise WeightsError("wrong weights")

    session.encoder.encode = fail
    with pytest.RaisesGroup(pytest.RaisesExc(WeightsError, match="wrong weights")):
        async with session.call():
            session.source.give(0)
            await asyncio.Event().wait()


async def test_reports_of_the_receiver_are_in_the_meter_and_nonsense_is_counted(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock)
    async with session.call() as (sender, far, _):
        far.say(ReceiverReport(loss=0.25, delay_ms=80.0, fps=20.0, jitter_ms=1.0))
        far.channels.control.send(b"nonsense")
        await fakes.ready()
        await session.picture()
        await far.hear(QualityReport)
        assert sender.figures()["receiver"]["loss"] == 0.25
        assert sender.figures()["counts"]["refused_messages"] == 1


async def test_modes_with_h264_need_a_track_and_auto_does_without(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock, mode="h264")
    near, _ = memory_pair()

    def make(mode: Any) -> FaceSender:
        return FaceSender(near, session.capture, worker=session.worker, options=SenderOptions(mode=mode), clock=clock)

    for mode in ("h264", "compare"):
        with pytest.raises(OptionsError, match=r"needs an H\.264 track"):
            make(mode)
    assert make("auto").mode == "keypoints"
    session.worker.close()


async def test_closing_before_the_channels_open_ends_the_run(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock)

    class Closed:
        is_open = False
        buffered_amount = 0

        def set_receiver(self, callback: Callable[[bytes], None]) -> None:
            """Nothing comes."""

        set_state = set_receiver

    class Channels:
        reference = motion = control = Closed()
        is_open = False
        queued_bytes = 0
        tap = Tap()
        flying = staticmethod(lambda: None)
        longest, in_order = MAX_MESSAGE_BYTES, False

    channels: Any = Channels()
    sender = FaceSender(channels, session.capture, worker=session.worker, options=session.options, clock=clock)
    running = asyncio.create_task(sender.run())
    await fakes.ready()
    await sender.close()
    await running
    assert sender.ended == "closed"
