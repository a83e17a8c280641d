"""Tests of the control channel: who is there, pings, and what makes no sense."""

from hypothesis import given
from hypothesis import strategies as st

from signaling.protocol.messages import (
    Capabilities,
    ClockPing,
    ClockPong,
    KeyframeRequest,
    Message,
    ModeSwitch,
    ReferenceReceived,
    decode,
    encode,
)
from signaling.transport.control import ControlChannel
from signaling.transport.memory import VirtualClock, memory_pair


class Line:
    """A control channel that knows keyframe requests and receipts, and the far end of it."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.near, self.far = memory_pair(clock=self.clock, delay_s=0.02)
        self.seen: list[Message] = []
        self.peers: list[Capabilities | None] = []
        self.control = ControlChannel(
            self.near.control,
            now_us=lambda: round(self.clock.time() * 1e6),
            heed=self._heed,
            on_peer=self.peers.append,
        )
        self.near.control.set_receiver(self.control.receive)
        self.answers: list[Message] = []
        self.far.control.set_receiver(lambda data: self.answers.append(decode(data)))

    def _heed(self, message: Message) -> bool:
        known = isinstance(message, KeyframeRequest | ReferenceReceived)
        if known:
            self.seen.append(message)
        return known

    def say(self, data: bytes) -> None:
        self.far.control.send(data)
        self.clock.advance(1.0)


def test_what_the_other_end_says_is_heeded() -> None:
    line = Line()
    said = [KeyframeRequest("joined"), ReferenceReceived(3, 200)]
    for message in said:
        line.say(encode(message))
    assert line.seen == said


def test_the_other_end_is_known_by_its_first_word() -> None:
    line, talker = Line(), Line()
    peer = Capabilities(end="receiver", weights=("00ff",))
    for message in (ClockPing(1), ClockPong(1, 1), peer, KeyframeRequest(""), peer):
        line.say(encode(message))
    assert line.peers == [peer]
    assert line.control.peer == peer
    for message in (ClockPing(1), KeyframeRequest(""), KeyframeRequest("")):
        talker.say(encode(message))
    assert talker.peers == [None], "it does not say: an end of version 0.1"


def test_pings_are_answered_with_our_clock_and_ours_measure_the_way() -> None:
    line = Line()
    line.say(encode(ClockPing(5)))
    assert line.answers == [ClockPong(ping_us=5, pong_us=20_000)]
    line.control.ping()
    line.clock.advance(0.02)
    line.far.control.send(encode(ClockPong(ping_us=1_000_000, pong_us=0)))
    line.clock.advance(0.02)
    assert line.control.clock.latest is not None
    assert line.control.clock.latest.round_trip_us == 40_000


def test_a_pong_is_believed_once_and_only_in_answer_to_a_ping() -> None:
    line = Line()
    line.say(encode(ClockPong(ping_us=0, pong_us=2**53)))
    line.control.ping()  # at 1 s
    for _ in range(2):
        line.say(encode(ClockPong(ping_us=1_000_000, pong_us=5)))
    assert line.control.counts["unexpected_control"] == 2
    assert [sample.round_trip_us for sample in line.control.clock._samples] == [20_000]


def test_messages_that_are_not_for_us_are_counted() -> None:
    line = Line()
    line.say(encode(ModeSwitch("h264", 0)))
    line.say(b"\xc1")
    assert (line.control.counts["unexpected_control"], line.control.counts["malformed_control"]) == (1, 1)
    assert line.seen == []


@given(st.binary(min_size=1, max_size=60))
def test_no_bytes_hurt(data: bytes) -> None:
    line = Line()
    line.say(data)
    counts = line.control.counts
    assert counts["malformed_control"] + counts["unexpected_control"] + len(line.seen) + len(line.answers) >= 1


def test_a_closed_channel_is_no_error() -> None:
    line = Line()
    line.near.control.close()
    line.control.send(ModeSwitch("h264", 0))
    assert (line.control.sent_messages, line.control.counts["unsent"]) == (0, 1)
