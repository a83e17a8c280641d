"""The receiving end of whole calls over the in-memory channels, on virtual time, with toys for codec and sender."""

import asyncio
from contextlib import suppress
from itertools import pairwise
from typing import Any

import msgpack
import pytest
from aiortc.mediastreams import MediaStreamError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codec.bits.packet import MotionMessage, pack_reference
from receiver.picture import Picture
from signaling.protocol.messages import (
    ClockPing,
    ClockPong,
    KeyframeRequest,
    QualityReport,
    ReceiverReport,
    ReferenceReceived,
    encode,
)
from signaling.transport.costs import MAX_MESSAGE_BYTES

STEP = 3600


def test_a_clean_call_shows_every_frame_in_order_at_its_time(virtual: Any, toys: Any) -> None:
    async def call() -> Any:
        ends = toys.Ends()
        await ends.film(200)
        return ends

    ends = virtual(call())
    assert ends.pts[-196:] == list(range(4, 200))
    gaps_us = [b.shown_us - a.shown_us for a, b in pairwise(ends.shown[8:])]
    assert max(gaps_us) <= 45_000
    assert min(gaps_us) >= 35_000
    assert len(ends.sender.of(KeyframeRequest)) == 1
    assert ends.sender.of(ReferenceReceived) == [ReferenceReceived(reference_id=0, number=1)]
    assert ends.figures[-1]["playout_delay_ms"] == pytest.approx(125, abs=1)
    assert ends.worker.closed


def test_a_late_joiner_has_a_picture_at_once(virtual: Any, toys: Any) -> None:
    async def call() -> Any:
        ends = toys.Ends()
        await ends.sender.film(150)
        await ends.film(50)
        return ends

    ends = virtual(call())
    joined_us = 150 * 40_000
    assert 0 < ends.shown[0].shown_us - joined_us <= 300_000
    assert ends.pts[0] >= 148


def test_loss_and_reordering_cost_only_their_own_frames(virtual: Any, toys: Any) -> None:
    async def call() -> Any:
        ends = toys.Ends(loss=0.1, reorder=0.1, reorder_wait_s=0.03, jitter_s=0.01, seed=3)
        await ends.film(1000)
        return ends

    ends = virtual(call())
    shown = [picture.pts for picture in ends.shown]
    assert all(a < b for a, b in pairwise(shown))
    figures = ends.figures[-1]
    messages = figures["messages"]
    assert 10 <= messages["lost"] <= 45  # of 250
    assert messages["lost"] + messages["received"] >= 248
    real = {pts // STEP for pts in shown if pts % STEP == 0}
    assert len(real) + figures["playout"]["interpolated"] >= 1000 - 4 * messages["lost"] - 30
    assert len(ends.sender.of(KeyframeRequest)) == 1
    loss = [report.loss for report in ends.sender.of(ReceiverReport)]
    assert 0.05 <= sum(loss) / len(loss) <= 0.2


def test_a_gap_is_filled_by_mixing_when_the_next_frame_is_here(virtual: Any, toys: Any) -> None:
    async def call() -> Any:
        ends = toys.Ends(drop=lambda number: number == 40)
        ends.sender.bundle = 1
        await ends.film(40)
        return ends

    async def bundled() -> Any:
        ends = toys.Ends(drop=lambda number: number == 10, jitter_s=0.06)
        ends.sender.bundle = 2
        await ends.film(60)
        return ends

    assert virtual(call()).figures[-1]["playout"].get("interpolated", 0) == 0
    ends = virtual(bundled())
    mixed = [slot for slot in ends.decoder.slots if slot.before is not None]
    assert mixed
    assert all(0 < slot.fraction < 1 for slot in mixed)


def test_frames_of_an_unknown_reference_bring_a_request_and_no_storm(virtual: Any, toys: Any) -> None:
    async def call() -> Any:
        ends = toys.Ends()
        answer = ends.sender.send_reference
        ends.sender.send_reference = lambda: None  # type: ignore[method-assign]
        filming = asyncio.create_task(ends.sender.film(200))
        running = asyncio.create_task(ends.receiver.run())
        await asyncio.sleep(3)
        assert not ends.shown
        ends.sender.send_reference = answer  # type: ignore[method-assign]
        await filming
        await ends.receiver.close()
        await running
        return ends

    ends = virtual(call())
    times = [time_s for time_s, message in ends.sender.heard if isinstance(message, KeyframeRequest)]
    assert 4 <= len(times) <= 5
    gaps = [b - a for a, b in pairwise(times)]
    assert gaps == sorted(gaps)
    assert ends.shown
    assert ends.receiver.counts["missing_reference"] > 0


def test_a_slow_worker_skips_pictures_but_reads_all(virtual: Any, toys: Any) -> None:
    async def call() -> Any:
        ends = toys.Ends(render_s=0.03)
        await ends.film(100)
        return ends

    ends = virtual(call())
    assert ends.figures[-1]["playout"]["added"] >= 96
    assert ends.pts[-1] == 99


def test_pictures_that_take_long_are_made_ahead_and_come_evenly(virtual: Any, toys: Any) -> None:
    """Each bundle's first picture is just in time, and the others wait for theirs."""

    async def call() -> Any:
        ends = toys.Ends(render_s=0.03)
        await ends.film(200)
        return ends

    ends = virtual(call())
    gaps_us = [b.shown_us - a.shown_us for a, b in pairwise(ends.shown[20:])]
    assert max(gaps_us) <= 41_000
    assert min(gaps_us) >= 39_000
    assert ends.figures[-1]["playout_delay_ms"] == pytest.approx(125 + 30, abs=1)


def test_delay_and_quality_as_the_sender_tells_them(virtual: Any, toys: Any) -> None:
    async def call() -> Any:
        video = toys.Video()
        ends = toys.Ends(video=video)
        recorded: list[Picture] = []
        ends.receiver.watch(recorded.append, every=True)

        async def show() -> None:
            figures = {"pts_origin_us": float(ends.sender.ahead_us), "h264_origin_pts": 7 * STEP, "qp": 32.0}
            ends.sender.say(
                QualityReport(pts=0, keypoints_psnr_db=27.5, h264_psnr_db=31.0, mode="compare", figures=figures)
            )
            await asyncio.sleep(0.04)
            async with asyncio.TaskGroup() as group:
                group.create_task(video.film(50))
                group.create_task(ends.sender.film(50))

        await ends.run_during(ends.receiver, show())
        assert {picture.kind for picture in recorded} == {"keypoints", "h264"}
        assert next(picture.pts for picture in recorded if picture.kind == "h264") == 7 * STEP
        return ends

    figures = virtual(call()).figures[-1]
    assert figures["keypoints"]["psnr_db"] == 27.5
    assert figures["h264"]["psnr_db"] == 31.0
    # Captured at 40 ms, three frames of bundling, 20 ms of path, 5 ms of margin.
    assert figures["keypoints"]["delay_ms"] == pytest.approx(40 + 120 + 20 + 5, abs=2)
    assert figures["sender"]["qp"] == 32.0
    assert figures["round_trip_ms"] == pytest.approx(40, abs=0.1)


@pytest.mark.parametrize("value", [1e308, 1e25, -1.0, 2.0**41, float("inf")])
def test_a_figure_out_of_range_is_malformed_and_the_call_goes_on(virtual: Any, toys: Any, value: float) -> None:
    """Such a time stamp would overflow in the thread that records."""

    async def call() -> Any:
        ends = toys.Ends(video=(video := toys.Video()))
        recorded: list[Picture] = []
        ends.receiver.watch(recorded.append, every=True)

        async def show() -> None:
            content = {"v": 1, "t": "quality-report", "pts": 0, "keypoints_psnr_db": None, "h264_psnr_db": None}
            report = {**content, "mode": "compare", "figures": {"h264_origin_pts": value}}
            ends.sender.channels.control.send(msgpack.packb(report))
            async with asyncio.TaskGroup() as group:
                group.create_task(video.film(25))
                group.create_task(ends.sender.film(25))

        await ends.run_during(ends.receiver, show())
        assert {picture.kind for picture in recorded} == {"keypoints"}  # the others' time is not known
        return ends

    ends = virtual(call())
    assert ends.receiver.counts["malformed_control"] == 1
    assert {picture.kind for picture in ends.shown} >= {"keypoints"}


def test_a_sender_whose_clock_makes_no_sense_gets_reports_all_the_same(virtual: Any, toys: Any) -> None:
    async def call() -> Any:
        ends = toys.Ends()

        async def show() -> None:
            figures = {"pts_origin_us": 2.0**53}
            ends.sender.say(
                QualityReport(pts=0, keypoints_psnr_db=None, h264_psnr_db=None, mode="keypoints", figures=figures)
            )
            await ends.sender.film(50)

        await ends.run_during(ends.receiver, show())
        return ends

    ends = virtual(call())
    assert len(ends.shown) >= 45
    assert {report.delay_ms for report in ends.sender.of(ReceiverReport)} == {None}


def test_the_sender_vanishing_ends_the_run_and_the_track(virtual: Any, toys: Any) -> None:
    async def call() -> Any:
        ends = toys.Ends()
        running = asyncio.create_task(ends.receiver.run())
        await ends.sender.film(50)
        ends.sender.channels.close()
        await running
        await ends.receiver.close()
        with pytest.raises(MediaStreamError):
            await ends.receiver.track.recv()
        return ends

    ends = virtual(call())
    assert ends.shown
    assert ends.worker.closed


def test_the_track_gives_frames_with_increasing_times(virtual: Any, toys: Any) -> None:
    async def call() -> list[Any]:
        ends = toys.Ends()
        frames: list[Any] = []

        async def consume() -> None:
            with suppress(MediaStreamError):
                while True:
                    frames.append(await ends.receiver.track.recv())

        async with asyncio.TaskGroup() as group:
            group.create_task(consume())
            await ends.film(50)
        return frames

    frames = virtual(call())
    assert len(frames) >= 45
    assert all(a.pts < b.pts for a, b in pairwise(frames))
    assert frames[0].pts == 0
    assert (frames[0].width, frames[0].height) == (16, 16)
    assert float(frames[-1].pts * frames[-1].time_base) == pytest.approx(0.04 * (len(frames) - 1), abs=0.3)


def test_a_ping_is_answered_with_our_clock(virtual: Any, toys: Any) -> None:
    async def call() -> Any:
        ends = toys.Ends()

        async def ask() -> None:
            ends.sender.say(ClockPing(sent_us=123))
            await asyncio.sleep(0.1)

        await ends.run_during(ends.receiver, ask())
        return ends

    pong = virtual(call()).sender.of(ClockPong)
    assert pong == [ClockPong(ping_us=123, pong_us=20_000)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    junk=st.lists(
        st.tuples(
            st.sampled_from(["reference", "motion", "control"]), st.binary(min_size=1, max_size=MAX_MESSAGE_BYTES)
        ),
        max_size=30,
    )
)
def test_nonsense_on_any_channel_is_counted_and_the_call_goes_on(
    virtual: Any, toys: Any, junk: list[tuple[str, bytes]]
) -> None:
    async def call() -> Any:
        ends = toys.Ends()

        async def show() -> None:
            await ends.sender.film(20)
            for channel, data in junk:
                getattr(ends.sender.channels, channel).send(data)
            ends.sender.channels.control.send(encode(KeyframeRequest(reason="not for you")))
            await ends.sender.film(40)

        await ends.run_during(ends.receiver, show())
        return ends

    ends = virtual(call())
    assert ends.pts[-1] == 59
    assert ends.receiver.counts["unexpected_control"] >= 1


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(count=st.integers(1, 16), unit=st.binary(min_size=1, max_size=300), data=st.binary(max_size=3000))
def test_well_packed_nonsense_goes_no_further_than_the_decoder(
    virtual: Any, toys: Any, count: int, unit: bytes, data: bytes
) -> None:
    async def call() -> Any:
        ends = toys.Ends()

        async def show() -> None:
            await ends.sender.film(20)
            ends.sender.channels.motion.send(bytes(MotionMessage(ends.sender.sequence, count, unit)))
            ends.sender.sequence += 1
            for fragment in pack_reference(data or b"x", transfer=99, limit=MAX_MESSAGE_BYTES):
                ends.sender.channels.reference.send(bytes(fragment))
            await ends.sender.film(40)

        await ends.run_during(ends.receiver, show())
        return ends

    ends = virtual(call())
    assert ends.pts[-1] == 59
    assert ends.receiver.counts["malformed_frames"] == count
    assert ends.receiver.counts["reference_malformed"] == 1
