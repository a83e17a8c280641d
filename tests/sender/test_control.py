"""Tests of the control desk and of the gate in front of keyframes."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sender.control import ControlDesk, KeyframeGate
from signaling.messages import (
    ClockPing,
    ClockPong,
    KeyframeRequest,
    Message,
    ModeSwitch,
    ReceiverReport,
    ReferenceReceived,
    decode,
    encode,
)
from signaling.transport.memory import VirtualClock, memory_pair


class Events:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_keyframe_request(self, request: KeyframeRequest) -> None:
        self.seen.append(request)

    def on_reference_received(self, received: ReferenceReceived) -> None:
        self.seen.append(received)

    def on_receiver_report(self, report: ReceiverReport) -> None:
        self.seen.append(report)


class Line:
    """A desk, and the far end of its channel."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        near, self.far = memory_pair(clock=self.clock, delay_s=0.02)
        self.near = near
        self.events = Events()
        self.desk = ControlDesk(near.control, self.events, clock=self.clock.time)
        self.answers: list[Message] = []
        self.far.control.set_receiver(lambda data: self.answers.append(decode(data)))

    def say(self, data: bytes) -> None:
        self.far.control.send(data)
        self.clock.advance(1.0)


def test_what_the_receiver_says_reaches_the_sender() -> None:
    line = Line()
    said = [
        KeyframeRequest("joined"),
        ReferenceReceived(3, 200),
        ReceiverReport(loss=0.1, delay_ms=None, fps=25.0, jitter_ms=1.0),
    ]
    for message in said:
        line.say(encode(message))
    assert line.events.seen == said


def test_pings_are_answered_with_our_clock_and_ours_measure_the_way() -> None:
    line = Line()
    line.say(encode(ClockPing(5)))
    assert line.answers == [ClockPong(ping_us=5, pong_us=20_000)]
    line.desk.ping()
    line.clock.advance(0.02)
    line.far.control.send(encode(ClockPong(ping_us=1_000_000, pong_us=0)))
    line.clock.advance(0.02)
    assert line.desk.round_trip_ms == 40.0


def test_messages_that_are_not_for_us_are_counted() -> None:
    line = Line()
    line.say(encode(ModeSwitch("h264", 0)))
    line.say(b"\xc1")
    assert line.desk.refused == 2
    assert line.events.seen == []


@given(st.binary(min_size=1, max_size=60))
def test_no_bytes_hurt(data: bytes) -> None:
    line = Line()
    line.say(data)
    assert line.desk.refused + len(line.events.seen) + len(line.answers) >= 1


def test_a_closed_channel_is_no_error() -> None:
    line = Line()
    line.near.control.close()
    line.desk.send(ModeSwitch("h264", 0))
    assert line.desk.sent_messages == 0


def grants(gate: KeyframeGate, *, asks: set[int], received: set[int], receipt: bool = True) -> list[int]:
    """The tenths of a second in which a keyframe was made; it leaves at once."""
    granted = []
    for tenth in range(100):
        if tenth in received:
            gate.received()
        if tenth in asks:
            gate.ask()
        if gate.take(now_s=tenth / 10):
            granted.append(tenth)
            gate.sent(now_s=tenth / 10, receipt=receipt)
    return granted


def test_nothing_asked_nothing_granted() -> None:
    assert grants(KeyframeGate(), asks=set(), received={3}) == []


def test_wishes_are_granted_at_intervals_and_never_forgotten() -> None:
    assert grants(KeyframeGate(), asks={0, 1, 2, 3, 80}, received=set(), receipt=False) == [0, 5, 80]


def test_a_keyframe_on_its_way_answers_what_is_asked_meanwhile() -> None:
    assert grants(KeyframeGate(), asks={0, 4, 7, 50}, received={8, 52}) == [0, 50]


def test_a_wish_after_the_receipt_is_a_new_one() -> None:
    assert grants(KeyframeGate(), asks={0, 4, 9}, received={8}) == [0, 9]


def test_without_a_receipt_patience_ends() -> None:
    assert grants(KeyframeGate(), asks={0, 4}, received=set()) == [0, 20]


def test_a_keyframe_sent_for_another_reason_counts_too() -> None:
    gate = KeyframeGate()
    gate.sent(now_s=0.0, receipt=True)
    assert grants(gate, asks={1}, received={4}) == []
