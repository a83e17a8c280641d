"""Tests of the control desk and of the gate in front of keyframes."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sender.control import ControlDesk, KeyframeGate
from signaling.memory import VirtualClock, memory_pair
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


def test_keyframes_are_granted_at_most_every_interval_and_never_forgotten() -> None:
    gate = KeyframeGate(interval_s=0.5)
    assert not gate.take(now_s=0.0)
    granted = []
    for step in range(100):
        if step in (0, 1, 2, 3, 80):
            gate.ask()
        if gate.take(now_s=step / 20):
            granted.append(step / 20)
    assert granted == [0.0, 0.5, 4.0]
