"""Tests of bundling, pacing and the channels: motion never waits behind a reference, stale motion never leaves."""

from typing import Any

import pytest

from codec.bits.packet import MotionMessage, ReferenceAssembler, ReferenceFragment
from sender.meter import Meter
from sender.references.reference_pacer import Piece, ReferencePacer
from sender.transmit import MotionBundler, Transmitter
from signaling.transport.memory import VirtualClock, memory_pair


def test_bundles_follow_the_codecs_chains() -> None:
    bundler = MotionBundler(3)
    out = []
    for number, chained in enumerate([False, True, True, False, True, False, True, True]):
        out += bundler.add(bytes([number]), chained=chained)
    assert out == [(b"\0", b"\1", b"\2"), (b"\3", b"\4"), (b"\5", b"\6", b"\7")]
    assert bundler.flush() == ()


def test_a_bundle_of_one_leaves_at_once() -> None:
    bundler = MotionBundler(1)
    assert bundler.add(b"a", chained=False) == [(b"a",)]
    assert bundler.add(b"b", chained=True) == [(b"b",)]


def pieces(count: int, size: int = 1000) -> list[Piece]:
    return [Piece(bytes(size), size) for _ in range(count)]


def test_the_pacer_keeps_the_budget_after_a_first_burst() -> None:
    pacer = ReferencePacer(bytes_per_s=10_000, burst_bytes=2000)
    assert pacer.add(pieces(12), supersedes=False)
    sent = [step / 100 for step in range(200) if pacer.take(now_s=5 + step / 100) is not None]
    assert sent[:3] == pytest.approx([0.0, 0.01, 0.1], abs=0.011)
    assert len(sent) == 12
    assert sent[-1] == pytest.approx(1.0, abs=0.05)
    assert pacer.waiting_bytes == 0
    assert pacer.wait_s is None


def test_the_pacer_says_when_to_come_back() -> None:
    pacer = ReferencePacer(bytes_per_s=1000, burst_bytes=1000)
    assert pacer.wait_s is None
    pacer.add(pieces(2), supersedes=False)
    assert pacer.take(now_s=0.0) is not None
    assert pacer.take(now_s=0.0) is None
    assert pacer.wait_s == pytest.approx(1.0)
    assert pacer.take(now_s=0.5) is None
    assert pacer.wait_s == pytest.approx(0.5)


def test_a_keyframe_supersedes_what_waits_and_too_much_is_refused() -> None:
    pacer = ReferencePacer(bytes_per_s=1000)
    assert pacer.add(pieces(60), supersedes=False)
    assert not pacer.add(pieces(10), supersedes=False)
    assert pacer.waiting_bytes == 60_000
    assert pacer.add(pieces(3), supersedes=True)
    assert pacer.waiting_bytes == 3000


class Wire:
    """A transmitter over a pair in memory, and what has arrived at the far end."""

    def __init__(
        self, fakes: Any, *, bundle: int = 2, reference_bytes_per_s: float = 30_000, **conditions: Any
    ) -> None:
        self.clock = VirtualClock()
        near, self.far = memory_pair(clock=self.clock, **conditions)
        self.fakes = fakes
        self.meter = Meter(clock=self.clock.time)
        self.lost_track = 0
        self.motion: list[tuple[float, MotionMessage]] = []
        self.references: list[tuple[float, bytes]] = []
        self.fragments = 0
        self._assembler = ReferenceAssembler()
        self.far.motion.set_receiver(lambda data: self.motion.append((self.clock.time(), MotionMessage.parse(data))))
        self.far.reference.set_receiver(self._on_fragment)
        self.near = near
        self.transmitter = Transmitter(
            near,
            bundle=bundle,
            bundles=fakes.Bundles,
            reference_bytes_per_s=reference_bytes_per_s,
            meter=self.meter,
            clock=self.clock.time,
            lost_track=self._on_lost_track,
        )

    def _on_lost_track(self) -> None:
        self.lost_track += 1

    def _on_fragment(self, data: bytes) -> None:
        self.fragments += 1
        whole = self._assembler.add(ReferenceFragment.parse(data))
        if whole is not None:
            self.references.append((self.clock.time(), whole))

    def frame(
        self, number: int, *, reference_bytes: int = 0, keyframe: bool = False, chained: bool = False, ref: int = 0
    ) -> bool:
        fakes = self.fakes
        reference = fakes.Part(id=ref) if reference_bytes else None
        data = b"K" + bytes(reference_bytes)
        return self.transmitter.send(fakes.Coded(number, keyframe, reference, fakes.Part(chained=chained), data))

    def run(self, seconds: float) -> None:
        """Pumps every millisecond: the waits that `pump` returns are checked to be no longer than needed elsewhere."""
        for _ in range(round(seconds * 1000)):
            self.clock.advance(0.001)
            self.transmitter.pump()


def test_frames_arrive_in_bundles_with_growing_sequence_numbers(fakes: Any) -> None:
    wire = Wire(fakes, bundle=3, delay_s=0.01)
    for number in range(7):
        wire.frame(number, chained=number % 3 > 0)
    wire.run(0.1)
    assert [(m.sequence, [frame[1] for frame in fakes.Bundles.frames(m)]) for _, m in wire.motion] == [
        (0, [0, 1, 2]),
        (1, [3, 4, 5]),
    ]
    wire.transmitter.flush()
    wire.run(0.1)
    assert [frame[1] for frame in fakes.Bundles.frames(wire.motion[-1][1])] == [6]


def test_where_the_line_loses_each_message_goes_again_after_the_next_one(fakes: Any) -> None:
    wire = Wire(fakes, bundle=1, delay_s=0.01)

    def sent() -> list[int]:
        return [message.sequence for _, message in wire.motion]

    wire.transmitter.set_pace(bundle=1, reference_bytes_per_s=1000, repeats=True)
    for number in range(3):
        wire.frame(number)
        wire.run(0.05)
    assert sent() == [0, 1, 0, 2, 1]
    assert bytes(wire.motion[2][1]) == bytes(wire.motion[0][1])
    wire.transmitter.set_pace(bundle=1, reference_bytes_per_s=1000)
    wire.frame(3)
    wire.run(0.05)
    assert sent()[5:] == [3]
    wire.transmitter.drop()
    wire.transmitter.set_pace(bundle=1, reference_bytes_per_s=1000, repeats=True)
    wire.frame(4)
    wire.run(0.05)
    assert sent()[6:] == [4], "nothing from before a change of the carrier"


@pytest.mark.parametrize(("fps", "sizes"), [(25, [4, 4, 4, 4, 4, 4]), (15, [3, 3, 3]), (5, [2] + [1] * 9)])
def test_a_slow_encoder_does_not_wait_for_bundles(fakes: Any, fps: int, sizes: list[int]) -> None:
    wire = Wire(fakes, bundle=4)
    left = 0
    for number in range(25):
        cut = wire.frame(number, chained=left > 0)
        left = 0 if cut else 3 if left == 0 else left - 1
        wire.run(1 / fps)
    assert [m.count for _, m in wire.motion][: len(sizes)] == sizes
    for at, message in wire.motion[1:]:
        assert at - fakes.Bundles.frames(message)[0][1] / fps < 0.15


def test_a_reference_arrives_whole_and_is_counted(fakes: Any) -> None:
    wire = Wire(fakes)
    wire.frame(0, reference_bytes=3000, keyframe=True)
    wire.run(0.5)
    ((_, whole),) = wire.references
    assert whole == b"R" + bytes(3000)
    assert wire.fragments == 3
    assert wire.transmitter.pump() is None
    keypoints = wire.meter.snapshot(mode="keypoints")["keypoints"]["totals"]
    assert keypoints["payload_bytes"] == 3001
    assert keypoints["packet_bytes"] > 3001
    assert keypoints["wire_bytes"] == keypoints["packet_bytes"] + 93 * 3
    assert keypoints["wire_back_bytes"] == 93 * 3


def test_a_large_keyframe_hardly_delays_the_motion_behind_it(fakes: Any) -> None:
    wire = Wire(fakes, bundle=1, delay_s=0.05, rate_bps=500_000)
    sent = {}
    wire.frame(0, reference_bytes=20_000, keyframe=True)
    for number in range(1, 26):
        wire.run(0.04)
        sent[number] = wire.clock.time()
        wire.frame(number)
    wire.run(0.3)
    delays = [at - sent[fakes.Bundles.frames(m)[0][1]] for at, m in wire.motion if fakes.Bundles.frames(m)[0][1]]
    assert len(delays) == 25
    # 50 ms of way, 2 ms for itself, and at most the one piece of a reference that is already on the wire (21 ms).
    assert max(delays) < 0.05 + 0.002 + 0.022
    assert wire.references
    assert wire.references[0][0] < 1.0


def test_motion_that_cannot_leave_is_replaced_by_newer_motion(fakes: Any) -> None:
    wire = Wire(fakes, bundle=1, rate_bps=8000)
    for number in range(100):
        wire.frame(number)
        wire.run(0.04)
    wire.run(3)
    numbers = [fakes.Bundles.frames(m)[0][1] for _, m in wire.motion]
    assert wire.transmitter.stale_frames > 50
    assert len(numbers) + wire.transmitter.stale_frames == 100
    assert numbers == sorted(numbers)
    assert numbers[-1] == 99
    ages = [at - 0.04 * fakes.Bundles.frames(m)[0][1] for at, m in wire.motion]
    assert max(ages) < 0.5, "as long as three messages take"
    assert [m.sequence for _, m in wire.motion] == list(range(len(numbers))), "what is not sent is not missing"


def test_references_that_pile_up_are_given_up_for_a_keyframe(fakes: Any) -> None:
    wire = Wire(fakes, reference_bytes_per_s=1000)
    wire.frame(0, reference_bytes=40_000, keyframe=True)
    wire.frame(1, reference_bytes=40_000, ref=1)
    assert wire.lost_track == 1
    wire.frame(2, reference_bytes=1500, keyframe=True, ref=2)
    wire.run(5)
    assert wire.references[-1][1] == b"R" + bytes(1500)


def test_a_reference_that_is_never_confirmed_is_given_up_for_a_keyframe(fakes: Any) -> None:
    wire = Wire(fakes)
    wire.frame(0, reference_bytes=1500, keyframe=True, ref=0)
    assert wire.transmitter.acknowledge(0, number=0)
    wire.frame(1, reference_bytes=1500, ref=1)
    wire.run(5)
    wire.frame(2)
    assert wire.lost_track == 0
    wire.run(2)
    wire.frame(3)
    assert wire.lost_track == 1
    wire.frame(4)
    assert wire.lost_track == 1


def test_only_receipts_of_the_reference_that_has_the_id_now_count(fakes: Any) -> None:
    wire = Wire(fakes)
    wire.frame(0, reference_bytes=100, keyframe=True, ref=0)
    wire.frame(9, reference_bytes=100, ref=1)
    transmitter = wire.transmitter
    assert not transmitter.acknowledge(1, number=8)
    assert not transmitter.acknowledge(5, number=9)
    assert transmitter.acknowledge(1, number=9)
    assert not transmitter.acknowledge(1, number=9)
    wire.frame(10, reference_bytes=100, keyframe=True, ref=2)
    assert not transmitter.acknowledge(0, number=0), "the keyframe began anew"
    assert transmitter.acknowledge(2, number=10)


def test_after_a_change_nothing_old_leaves(fakes: Any) -> None:
    wire = Wire(fakes, bundle=4, reference_bytes_per_s=1000)
    wire.frame(0, reference_bytes=30_000, keyframe=True)
    wire.frame(1, chained=True)
    wire.transmitter.drop()
    fragments = wire.fragments
    wire.run(2)
    assert wire.transmitter.is_idle
    assert wire.fragments <= fragments + 2
    assert not wire.motion


def test_closed_channels_are_no_error(fakes: Any) -> None:
    wire = Wire(fakes, bundle=1)
    wire.near.close()
    wire.frame(0, reference_bytes=100, keyframe=True)
    wire.transmitter.flush()
    assert not wire.motion


def test_pieces_are_as_small_as_the_line_is_thin(fakes: Any) -> None:
    wire = Wire(fakes, delay_s=0.01)
    wire.transmitter.set_pace(bundle=2, reference_bytes_per_s=30_000, message_bytes=400)
    wire.frame(0, reference_bytes=1500, keyframe=True)
    wire.run(0.5)
    assert wire.fragments == 4
    assert len(wire.references) == 1


def test_a_keyframe_on_a_thin_line_goes_before_the_motion_that_moves_it(fakes: Any) -> None:
    wire = Wire(fakes, bundle=1, delay_s=0.01, rate_bps=20_000)
    wire.transmitter.set_pace(bundle=1, reference_bytes_per_s=100, message_bytes=400, keyframes_first=True)
    wire.frame(0, reference_bytes=1500, keyframe=True)
    assert wire.transmitter.keyframe_waits
    for number in range(1, 30):
        wire.frame(number)
        wire.run(0.04)
    assert wire.references[0][0] < 1.0, "it keeps to no rate but the line's"
    assert wire.motion[0][0] > wire.references[0][0] - 0.3
    assert len(wire.motion) > 5
    assert not wire.transmitter.keyframe_waits


def test_only_the_first_keyframe_of_a_call_is_its_beginning(fakes: Any) -> None:
    wire = Wire(fakes, bundle=1, delay_s=0.01, rate_bps=20_000)
    wire.transmitter.set_pace(bundle=1, reference_bytes_per_s=100, message_bytes=400, keyframes_first=True)
    wire.frame(0, reference_bytes=1500, keyframe=True)
    assert wire.transmitter.first_keyframe_waits
    wire.run(2.0)
    wire.frame(1, reference_bytes=1500, keyframe=True)
    assert wire.transmitter.keyframe_waits
    assert not wire.transmitter.first_keyframe_waits


def test_nothing_leaves_without_room_but_motion_that_rides_on_sound(fakes: Any) -> None:
    wire = Wire(fakes, bundle=1, delay_s=0.01)
    room, sound, ridden = [False], [False], []

    def ride(data: bytes) -> bool:
        ridden.append(data)
        return True

    transmitter = Transmitter(
        wire.near,
        bundle=1,
        bundles=fakes.Bundles,
        reference_bytes_per_s=30_000,
        meter=wire.meter,
        clock=wire.clock.time,
        lost_track=lambda: None,
        ride=ride,
        rides=lambda: sound[0],
        has_room=lambda size: room[0],
    )
    wire.transmitter = transmitter
    wire.frame(0, reference_bytes=500)
    wire.run(0.1)
    assert (wire.fragments, ridden) == (0, [])
    sound[0] = True
    wire.run(0.1)
    assert (wire.fragments, len(ridden)) == (0, 1)
    room[0] = True
    wire.run(0.1)
    assert wire.fragments == 1
