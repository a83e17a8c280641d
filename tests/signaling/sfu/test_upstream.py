"""Tests of what viewers ask of a sender, and how rarely."""

import base64
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.errors import MessageError, PeerGone
from signaling.protocol.messages import (
    Capabilities,
    ClockPing,
    ClockPong,
    KeyframeRequest,
    Message,
    ModeSwitch,
    QualityReport,
    ReceiverReport,
    ReferenceReceived,
    decode,
    encode,
)
from signaling.sfu.mux import Kind, Multiplexer
from signaling.sfu.publication import Wishes
from signaling.sfu.upstream import UpstreamControl, UpstreamGate, Wish
from signaling.transport.memory import VirtualClock, memory_pair

VECTOR = Path(__file__).parents[2] / "vectors" / "sfu_wish.bin"
REPORT = ReceiverReport(0.0, 90.0, 25.0, 1.0)
WISH = Wish(0xC0FFEE, KeyframeRequest("joined"))


class Viewer:
    """A viewer's control channel, the stream that it belongs to, and the wishes that were posted."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        near, far = memory_pair(clock=self.clock)
        self.sender = Multiplexer(near.control).channel(Kind.CONTROL)
        self.posted: list[Wish] = []
        self.heard: list[Message] = []
        self.control = UpstreamControl(
            Multiplexer(far.control).channel(Kind.CONTROL), viewer=7, post=self.posted.append, now_s=self.clock.time
        )
        self.control.set_receiver(lambda data: self.heard.append(decode(data)))

    def say(self, *messages: Message) -> None:
        for message in messages:
            self.control.send(encode(message))

    def tell(self, *messages: Message) -> None:
        for message in messages:
            self.sender.send(encode(message))
        self.clock.advance(0.1)


def test_the_text_is_that_of_the_vector() -> None:
    text = VECTOR.read_bytes().decode()
    assert WISH.text() == text
    assert Wish.parse(text) == WISH


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no base64!",
        "h\xe4",
        base64.b64encode(b"\x14\x00\x00\x00\x07").decode(),  # says nothing
        base64.b64encode(b"\x14\x00\x00\x00\x07nonsense").decode(),
        base64.b64encode(b"\x12\x00\x00\x00\x07" + encode(KeyframeRequest())).decode(),  # of another kind
        base64.b64encode(b"\x24\x00\x00\x00\x07" + encode(KeyframeRequest())).decode(),  # of another version
        "A" * 2000,
    ],
)
def test_a_text_that_is_no_wish_is_refused(text: str) -> None:
    with pytest.raises(MessageError):
        Wish.parse(text)


@settings(deadline=None)
@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda data: base64.b64encode(b"\x14" + data).decode()))
def test_any_text_is_a_wish_or_refused(text: str) -> None:
    with suppress(MessageError):
        wish = Wish.parse(text)
        assert Wish.parse(wish.text()) == wish


def test_a_viewer_says_only_what_somebody_has_to_know() -> None:
    gate = UpstreamGate()

    def passed(message: Message) -> list[int]:
        return [now_s for now_s in range(300) if gate.lets_through(message, now_s=now_s)]

    assert passed(KeyframeRequest()) == [0, 4, 12, 28, 60, 120, 180, 240]
    assert passed(ClockPing(1)) == [0, 5, 10, 15, 75, 135, 195, 255]
    assert passed(REPORT) == list(range(30, 300, 30))
    assert passed(ReferenceReceived(1, 2)) == []
    assert passed(Capabilities("receiver")) == []


def test_a_viewer_that_has_been_content_for_long_asks_at_once_and_soon_again() -> None:
    gate = UpstreamGate()
    asked = [
        now_s for now_s in (0, 4, 12, 200, 203, 204, 211, 212) if gate.lets_through(KeyframeRequest(), now_s=now_s)
    ]
    assert asked == [0, 4, 12, 200, 204, 212]


def test_many_viewers_speak_the_more_rarely() -> None:
    viewer = Viewer()
    viewer.tell(Capabilities("sender"), QualityReport(0, None, None, "keypoints", {"viewers": 1000}))
    for _ in range(4):
        viewer.say(ClockPing(1))
        viewer.clock.advance(5.0)
    viewer.say(REPORT)
    viewer.posted.clear()
    for _ in range(4100):
        viewer.clock.advance(1.0)
        viewer.say(ClockPing(1), REPORT)
    assert [type(wish.message) for wish in viewer.posted].count(ClockPing) == 2
    assert [type(wish.message) for wish in viewer.posted].count(ReceiverReport) == 4


def test_a_viewer_asks_before_anything_has_come() -> None:
    viewer = Viewer()
    assert viewer.control.is_open
    viewer.say(Capabilities("receiver"), KeyframeRequest("joined"))
    assert viewer.posted == [Wish(7, KeyframeRequest("joined"))]


def test_a_viewer_hears_nothing_before_it_knows_who_sends() -> None:
    viewer = Viewer()
    viewer.tell(ModeSwitch("keypoints", 0), Capabilities("sender"), ModeSwitch("keypoints", 9))
    assert viewer.heard == [Capabilities("sender"), ModeSwitch("keypoints", 9)]


def test_an_answer_to_another_viewers_ping_is_left_out() -> None:
    viewer = Viewer()
    viewer.say(ClockPing(5))
    viewer.tell(ClockPong(4, 100), ClockPong(5, 101))
    assert viewer.heard == [ClockPong(5, 101)]


def test_a_stream_that_closes_closes_the_control_channel_once() -> None:
    viewer = Viewer()
    states: list[bool] = []
    viewer.control.set_state(states.append)
    viewer.sender.close()
    viewer.clock.advance(0.1)
    viewer.control.close()
    assert states == [True, False]
    with pytest.raises(PeerGone):
        viewer.say(KeyframeRequest())


async def test_of_what_the_textroom_says_announcements_are_wishes() -> None:
    wishes, heard = Wishes(), list[Wish]()
    wishes.watch(heard.append)
    wishes.hear('{"textroom": "success", "participants": []}')
    await wishes.joined()
    wishes.hear(json.dumps({"textroom": "announcement", "room": 77, "text": WISH.text()}))
    for text in ('{"textroom": "announcement", "text": "x"}', '{"textroom": "announcement"}', "[", "7", "x" * 9000):
        wishes.hear(text)
    wishes.hear('{"textroom": "join", "username": "a stranger"}')
    assert (heard, wishes.malformed) == ([WISH], 5)
