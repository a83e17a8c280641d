"""The pace of a stream: what the reports of the other end make of it."""

from dataclasses import dataclass, field, replace
from typing import Any

from codec.units import MAX_QP
from sender.options import SenderOptions
from sender.pace.pacer import Pacer
from sender.pace.quantiser import Quantiser
from sender.pace.shares import Shares
from signaling.protocol.capabilities import ARRIVALS
from signaling.protocol.messages import Capabilities
from signaling.transport.congestion import ArrivalLog
from signaling.transport.memory import VirtualClock, memory_pair
from signaling.transport.tap import tapped

HEARS = Capabilities(end="receiver", features=(ARRIVALS,))


@dataclass
class Told:
    """Levers that only remember."""

    shares: list[Shares] = field(default_factory=list)
    qps: list[int] = field(default_factory=list)
    begins: bool = False

    def follow(self, shares: Shares, *, qp: int) -> None:
        self.shares.append(shares)
        self.qps.append(qp)


@dataclass
class Report:
    """What is looked at of a frame's report."""

    payload_bits: int
    qp: int
    reference_bits: int = 0


def call_over(
    kbps: float, *, seconds: float, size: int = 200, reports: bool = True, **options: Any
) -> tuple[Pacer, Told]:
    """A stream of `size` bytes each 160 ms as far as it may, over a memory pair with a limit."""
    clock = VirtualClock()
    near, far = map(tapped, memory_pair(rate_bps=1000 * kbps, delay_s=0.02, clock=clock))
    pacer = Pacer(near, options=SenderOptions(**options), sound=True, clock=clock.time)
    pacer.meet(HEARS)
    log, told = ArrivalLog(), Told()
    far.tap.came = lambda data: log.add(data, now_s=clock.time())
    far.motion.set_receiver(lambda data: None)
    for number in range(round(seconds / 0.04)):
        clock.advance(0.04)
        if number % 4 == 0 and pacer.has_room(size):
            near.motion.send(number.to_bytes(4, "big") + bytes(size - 4))
        if number % 3 == 0:
            pacer.tick(told)
        if reports and (report := log.take(now_s=clock.time())) is not None:
            far.motion.send(bytes(report))
    return pacer, told


def test_a_thin_line_is_told_to_every_part() -> None:
    pacer, told = call_over(12, seconds=30, size=300)
    assert pacer.kbps is not None
    assert pacer.kbps < 20
    assert told.shares[-1].message_bytes == 400
    assert told.shares[-1].bundle > 4
    assert told.shares[-1].sound_kbps == 6.0
    assert not told.shares[-1].h264_fits


def test_a_line_with_room_leaves_everything_as_it_was_asked_for() -> None:
    _, told = call_over(500, seconds=20)
    assert told.shares[-1].bundle == SenderOptions().bundle
    assert told.shares[-1].h264_fits
    assert set(told.qps) == {SenderOptions().qp}


def test_a_receiver_that_does_not_report_is_sent_to_as_ever() -> None:
    pacer, told = call_over(500, seconds=5, reports=False)
    for stranger in (Capabilities(end="receiver"), None):
        pacer.meet(stranger)
        assert pacer.kbps is None
        assert pacer.has_room(100_000)
        pacer.tick(told)
        assert told.shares[-1].motion_kbps is None


def test_more_than_the_user_allows_is_never_taken() -> None:
    pacer, told = call_over(500, seconds=20, max_kbps=20.0)
    assert pacer.kbps == 20.0
    assert told.shares[-1].bundle == 8


def test_what_is_no_report_is_counted() -> None:
    near, _ = memory_pair(clock=VirtualClock())
    pacer = Pacer(near, options=SenderOptions(), sound=False, clock=lambda: 0.0)
    pacer.hear(b"nonsense")
    assert pacer.counts["malformed_arrivals"] == 1


def test_pictures_are_left_out_on_the_thinnest_lines() -> None:
    pacer, told = call_over(500, seconds=20, size=300, max_kbps=12.0)
    assert told.shares[-1].every == 2
    assert [pacer.takes_picture() for _ in range(4)].count(True) == 2


def test_the_quantiser_finds_what_a_frame_may_take() -> None:
    quantiser = Quantiser(34)
    for _ in range(400):
        bits = round(400 * 2 ** ((34 - quantiser.qp) / 12))
        quantiser.see(bits, qp=quantiser.qp)
        quantiser.keep_to(100)
    assert 52 <= quantiser.qp <= 60
    for _ in range(20):
        quantiser.keep_to(None)
    assert quantiser.qp == 34


def test_the_quantiser_stays_between_the_users_and_the_coarsest() -> None:
    quantiser = Quantiser(30)
    quantiser.see(4000, qp=30)
    assert [quantiser.keep_to(1) for _ in range(30)][-1] == MAX_QP
    assert [quantiser.keep_to(1_000_000) for _ in range(30)][-1] == 30


def flying_over(flying: list[int]) -> Pacer:
    """A stream whose transport tells what is on its way."""
    near, _ = memory_pair(clock=VirtualClock())
    return Pacer(replace(near, flying=lambda: flying[0]), options=SenderOptions(), sound=True, clock=lambda: 1.0)


def test_until_the_first_keyframe_has_left_the_line_is_taken_to_be_thin() -> None:
    pacer = flying_over([0])
    told = Told(begins=True)
    pacer.meet(HEARS)
    pacer.tick(told)
    assert (told.shares[-1].message_bytes, told.shares[-1].sound_kbps) == (400, 6.0)
    assert told.shares[-1].keyframes_first


def test_sound_goes_ahead_of_the_window_and_in_turn_leaves_room_for_a_piece() -> None:
    flying = [0]
    pacer = flying_over(flying)
    assert pacer.has_room(0)  # an empty line has shown itself
    room = next(size for size in range(0, 4000, 10) if not _fits(pacer, flying, size))
    flying[0] = room - 200
    assert pacer.has_room(0)
    assert not pacer.sound_has_room(True)
    flying[0] = room + 200
    assert not pacer.has_room(0)
    assert pacer.sound_has_room(False)


def _fits(pacer: Pacer, flying: list[int], size: int) -> bool:
    flying[0] = size or 1
    return pacer.has_room(0)
