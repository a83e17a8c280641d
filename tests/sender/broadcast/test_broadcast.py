"""Tests of sender.broadcast.broadcast: what several viewers get of one encoder, over channels in memory."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sender.broadcast import FaceBroadcast
from sender.broadcast.agreement import Wish
from sender.errors import OptionsError
from sender.pace.shares import Needs, share_out
from signaling.protocol.messages import (
    Capabilities,
    KeyframeRequest,
    ModeSwitch,
    QualityReport,
    ReceiverReport,
    ReferenceReceived,
)
from signaling.transport.memory import VirtualClock, memory_pair

NEEDS = Needs(bundle=4, sound_kbps=0.0, reference_kbps=240.0, h264_kbps=30.0)
HEARD = ReceiverReport(0.0, None, 25.0, 1.0)


class Audience:
    """A broadcast with stand-ins for codec and camera, and the far ends of its viewers."""

    def __init__(self, session: Any, far_end: Any, ready: Any) -> None:
        self.session, self._far_end, self.ready = session, far_end, ready
        self.encoder = session.encoder
        self.encoder.reference_bytes = 300  # several leave at once
        self.broadcast = FaceBroadcast(
            session.capture, worker=session.worker, options=session.options, clock=session.clock
        )

    @asynccontextmanager
    async def runs(self):
        async with self.broadcast:
            await self.session.source.running.wait()
            yield self

    async def join(self, name: str = "", **line: Any):
        near, far = memory_pair(**line)
        viewer = self.broadcast.add(near, name=name)
        end = self._far_end(far)
        await self.ready()
        return viewer, end

    async def pictures(self, count: int = 1, *, heard_from=()) -> None:
        for _ in range(count):
            for end in heard_from:
                end.say(HEARD)
            await self.session.picture()

    def coded(self) -> int:
        return sum(isinstance(call, tuple) and call[0] == (64, 64, 3) for call in self.encoder.calls)

    def ordered(self) -> int:
        return self.encoder.calls.count("keyframe")


@pytest.fixture
def audience(fakes, clock) -> Any:
    def make(**options: Any) -> Audience:
        return Audience(fakes.Session(clock, **options), fakes.FarEnd, fakes.ready)

    return make


def drained(queue: asyncio.Queue[Any]) -> list[Any]:
    return [queue.get_nowait() for _ in range(queue.qsize())]


def motion_of(end: Any) -> list[bytes]:
    return [message.unit for message in drained(end.motion)]


async def acknowledged(audience: Audience, end: Any, reference_id: int, number: int) -> None:
    end.say(ReferenceReceived(reference_id, number))
    await audience.ready()


async def test_three_viewers_get_the_same_bytes_of_one_encoder(audience) -> None:
    stage = audience()
    async with stage.runs():
        ends = [(await stage.join(name))[1] for name in "abc"]
        await stage.pictures(10)
        assert stage.coded() == 10
        assert stage.ordered() == 1
        motion = [motion_of(end) for end in ends]
        assert len(motion[0]) == 10
        assert motion[0] == motion[1] == motion[2]
        references = [drained(end.references) for end in ends]
        assert len(references[0]) == 1
        assert references[0] == references[1] == references[2]
        assert stage.broadcast._packing.packed == 10
        for end in ends:
            assert await end.hear(Capabilities)
            assert (await end.hear(ModeSwitch)).mode == "keypoints"
            assert await end.hear(QualityReport)


async def test_nothing_is_coded_while_nobody_is_there(audience) -> None:
    stage = audience()
    async with stage.runs():
        for _ in range(3):
            stage.session.source.give(0)
            await stage.ready()
        assert stage.coded() == 0
        viewer, _ = await stage.join()
        await stage.pictures(2)
        assert stage.coded() == 2
        viewer.close()
        await stage.ready()
        assert stage.broadcast.viewers == []


@pytest.mark.parametrize("parity", [0, 1])
async def test_of_pictures_for_which_there_is_time_thin_lines_take_each_second(
    audience, monkeypatch, parity: int
) -> None:
    stage, seen = audience(), list[int]()
    monkeypatch.setattr(stage.broadcast.work, "skips", lambda pts, coded: seen.append(pts) or len(seen) % 2 == parity)
    async with stage.runs(), asyncio.timeout(20):
        await stage.join()
        stage.broadcast._agreed = Wish(share_out(10.0, NEEDS), 40)
        assert stage.broadcast._agreed.shares.every == 2
        for number in range(12):
            stage.session.source.give(number)
            while len(seen) <= number:  # one that is being coded is not waited for by the camera
                await stage.ready()
        for _ in range(3):
            await stage.session.worker.done.get()
        assert stage.coded() == 3


async def test_one_that_comes_late_is_brought_up_without_a_keyframe_for_the_others(audience) -> None:
    stage = audience(bundle=2)
    stage.encoder.reference_every = 5
    async with stage.runs():
        _, early = await stage.join("early")
        await stage.pictures(7)
        await acknowledged(stage, early, 0, 0)
        await acknowledged(stage, early, 1, 5)
        late_viewer, late = await stage.join("late")
        drained(early.motion)
        await stage.pictures(1)  # the second of a bundle
        assert stage.ordered() == 1
        assert drained(late.references) == drained(early.references)
        assert (late_viewer.step, motion_of(late)) == ("caught up", [])
        assert len(motion_of(early)) == 1
        await stage.pictures(6)
        assert late_viewer.step == "in step"
        assert len(theirs := motion_of(late)) == 3
        assert theirs == motion_of(early)
        assert drained(late.references) == drained(early.references)
        assert stage.ordered() == 1


async def test_those_who_come_together_share_a_keyframe(audience) -> None:
    stage = audience()
    stage.encoder.reference_every = 1  # more references than are worth sending again
    async with stage.runs():
        await stage.join("first")
        await stage.pictures(30)
        assert stage.ordered() == 1
        ends = [(await stage.join(name))[1] for name in "abc"]
        await stage.pictures(2)
        assert stage.ordered() == 2
        assert {bytes(drained(end.references)[0][:2]) for end in ends} == {b"R" + bytes([30])}


async def test_a_reference_is_used_when_all_that_are_heard_hold_it(audience) -> None:
    stage = audience()
    stage.encoder.reference_every = 4
    async with stage.runs():
        ends = [(await stage.join(name))[1] for name in "ab"]
        await stage.pictures(1, heard_from=ends)
        for end in ends:
            await acknowledged(stage, end, 0, 0)
        await stage.pictures(4, heard_from=ends)
        await acknowledged(stage, ends[0], 1, 4)
        await stage.pictures(1, heard_from=ends)
        assert ("acknowledge", 1) not in stage.encoder.calls
        await acknowledged(stage, ends[1], 1, 4)
        await stage.pictures(1, heard_from=ends)
        assert ("acknowledge", 1) in stage.encoder.calls


async def test_nobody_waits_for_one_that_is_not_heard(audience, clock) -> None:
    stage = audience()
    stage.encoder.reference_every = 4
    async with stage.runs():
        _, alive = await stage.join("alive")
        _, frozen = await stage.join("frozen")
        await stage.pictures(1)
        for end in (alive, frozen):
            await acknowledged(stage, end, 0, 0)
        await stage.pictures(4, heard_from=[alive])
        await acknowledged(stage, alive, 1, 4)
        assert ("acknowledge", 1) not in stage.encoder.calls
        clock.now_s += 3.5
        await stage.pictures(2, heard_from=[alive])
        assert ("acknowledge", 1) in stage.encoder.calls
        assert stage.ordered() == 1


async def test_one_that_lacks_what_the_others_hold_is_sent_no_motion_until_it_has_it(audience, clock) -> None:
    stage = audience()
    stage.encoder.reference_every = 4
    async with stage.runs():
        _, fast = await stage.join("fast")
        slow_viewer, slow = await stage.join("slow")
        await stage.pictures(1)
        for end in (fast, slow):
            await acknowledged(stage, end, 0, 0)
        await stage.pictures(4, heard_from=[fast, slow])
        await acknowledged(stage, fast, 1, 4)
        clock.now_s += 2.1  # so long others wait
        await stage.pictures(2, heard_from=[fast, slow])
        assert ("acknowledge", 1) in stage.encoder.calls
        drained(slow.motion)
        drained(fast.motion)
        await stage.pictures(1, heard_from=[fast, slow])
        assert (len(motion_of(fast)), len(motion_of(slow))) == (1, 0)
        await acknowledged(stage, slow, 1, 4)
        await stage.pictures(1, heard_from=[fast, slow])
        assert (len(motion_of(fast)), len(motion_of(slow))) == (1, 1)
        assert slow_viewer.meter.snapshot(mode="keypoints")["counts"]["skipped"] >= 1


async def test_a_slow_line_delays_nobody_else(audience) -> None:
    stage, timers = audience(), VirtualClock()
    stage.encoder.reference_every = 12
    async with stage.runs():
        _, fast = await stage.join("fast")
        slow_viewer, slow = await stage.join("slow", rate_bps=5_000, clock=timers)
        heard = {fast: 0, slow: 0}
        queued = 0
        for _ in range(500):  # twenty seconds
            await stage.pictures(1, heard_from=[fast])
            timers.advance(0.04)
            await stage.ready()
            for end in heard:
                for reference in drained(end.references):
                    end.say(ReferenceReceived(heard[end] % 8, reference[1]))
                    heard[end] += 1
            if slow.motion.qsize():
                slow.say(HEARD)
            await stage.ready()
            queued = max(queued, slow_viewer._channels.queued_bytes)
        assert fast.motion.qsize() >= 490
        assert 10 < slow.motion.qsize() < 150  # 5 kbit/s are 5.5 such messages a second
        assert stage.encoder.calls.count(("acknowledge", 3)) >= 4  # references were used all the time
        assert stage.ordered() <= 3
        assert queued < 3000


async def test_a_thin_line_is_given_the_time_to_catch_up_by_many_references(audience, fakes) -> None:
    stage, timers = audience(), VirtualClock()
    async with stage.runs():
        await stage.join("fast")
        await stage.pictures(1)
        viewer, _ = await stage.join("slow", rate_bps=5_000, clock=timers)
        references = [fakes.Coded(number, number == 0, fakes.Part(id=number), None, bytes(2000)) for number in range(6)]
        viewer.catch_up(references)
        assert viewer._transmitter.waiting_reference_bytes > 8192
        viewer.take(fakes.Coded(6, False, fakes.Part(id=6), None, bytes(2000)), psnr_db=None)
        assert viewer.step == "caught up"
        for number in range(7, 14):
            viewer.take(fakes.Coded(number, False, fakes.Part(id=number % 8), None, bytes(2000)), psnr_db=None)
        assert viewer.step == "lost"
        assert viewer._transmitter.waiting_reference_bytes == 0


async def test_one_that_asks_and_asks_costs_the_others_little(audience, clock) -> None:
    stage = audience()
    stage.encoder.reference_every = 1
    async with stage.runs():
        _, calm = await stage.join("calm")
        _, asking = await stage.join("asking")
        await stage.pictures(1)
        for end in (calm, asking):
            await acknowledged(stage, end, 0, 0)
        before = stage.ordered()
        for _ in range(100):  # four seconds
            asking.say(KeyframeRequest("more"))
            await stage.pictures(1, heard_from=[calm])
        assert stage.ordered() - before <= 1


async def test_one_that_leaves_ends_alone(audience) -> None:
    stage = audience()
    async with stage.runs():
        viewer, leaving = await stage.join("leaving")
        _, staying = await stage.join("staying")
        await stage.pictures(2)
        leaving.channels.close()
        await stage.ready()
        assert viewer.ended == "the receiver is gone"
        drained(staying.motion)
        await stage.pictures(2)
        assert len(motion_of(staying)) == 2
        again, back = await stage.join("back")
        await stage.pictures(2)
        assert again.step == "in step"
        assert len(drained(back.references)) == 1


async def test_the_end_of_the_source_ends_all(audience) -> None:
    stage = audience(bundle=4)
    async with stage.runs():
        viewer, end = await stage.join()
        await stage.pictures(2)
        stage.session.source.end()
        assert await viewer.wait() == "the source has ended"
        await stage.broadcast.wait()
        assert sum(message.count for message in drained(end.motion)) == 2


async def test_h264_is_for_one_viewer(audience) -> None:
    with pytest.raises(OptionsError, match="several viewers get keypoints alone"):
        audience(mode="compare")


async def test_figures_tell_of_all_and_of_each(audience) -> None:
    stage = audience()
    async with stage.runs():
        seen: list[Any] = []
        stage.broadcast.watch_meter(seen.append)
        ends = [(await stage.join(name))[1] for name in "ab"]
        ends[0].say(ReceiverReport(0.25, 80.0, 25.0, 1.0))
        ends[1].say(ReceiverReport(0.0, 120.0, 12.0, 3.0))
        await stage.pictures(3)
        for viewer in stage.broadcast.viewers:
            viewer._report._tell()  # as once a second
        stage.broadcast._tell()
        figures = seen[0]
        assert [viewer["name"] for viewer in figures["viewers"]] == ["a", "b"]
        assert [viewer["loss"] for viewer in figures["viewers"]] == [0.25, 0.0]
        assert figures["receiver"] == {"loss": 0.25, "delay_ms": 120.0, "fps": 12.0, "jitter_ms": 3.0}
        assert figures["keypoints"]["totals"]["frames"] == 3
        assert figures["keypoints"]["totals"]["messages"] == 2 * (3 + 1)
