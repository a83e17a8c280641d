"""Tests of signaling.protocol.messages: the bytes of every message; decode never does anything but decode or refuse."""

import contextlib
import dataclasses
import re
import typing
from pathlib import Path

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.errors import MessageError
from signaling.protocol.messages import (
    MAX_BYTES,
    Answer,
    Bye,
    Candidate,
    Capabilities,
    ClockPing,
    ClockPong,
    Hello,
    KeyframeRequest,
    LoadReport,
    Message,
    ModeSwitch,
    Offer,
    PeerJoined,
    PeerLeft,
    QualityReport,
    ReceiverReport,
    ReferenceReceived,
    Refused,
    Welcome,
    decode,
    encode,
)

VECTORS = Path(__file__).parents[1] / "vectors"

EXAMPLES: dict[str, Message] = {
    "hello": Hello("blue", "sender", "a1b2", "secret", "0f1e2d3c"),
    "welcome": Welcome(True, "c3d4"),
    "peer-joined": PeerJoined("receiver", "c3d4"),
    "peer-left": PeerLeft("receiver"),
    "offer": Offer("v=0\r\n", "call-1"),
    "answer": Answer("v=0\r\n", "call-1"),
    "candidate": Candidate("candidate:1 1 udp 1 192.0.2.1 5000 typ host", "0", 0, "call-1"),
    "bye": Bye("done", "call-1"),
    "refused": Refused("taken", "room blue has a sender already"),
    "capabilities": Capabilities("sender", "facewire 0.1.0", 1, (2,), ("a1b2c3d4",), (256,), "0", ("compare",)),
    "keyframe-request": KeyframeRequest("no reference"),
    "reference-received": ReferenceReceived(3, 250),
    "receiver-report": ReceiverReport(0.125, 84.5, 24.0, 3.25, (1, 2), 1000, 2000, 3000, 40, 2, 60, 0.0625),
    "load-report": LoadReport(1.25),
    "mode-switch": ModeSwitch("h264", 90_000),
    "quality-report": QualityReport(90_000, 27.5, None, "compare", {"keypoints_kbps": 6.25}),
    "clock-ping": ClockPing(1_000_000),
    "clock-pong": ClockPong(1_000_000, 2_000_000),
}
HELLO: dict[str, object] = {"v": 1, "t": "hello", "room": "r", "role": "sender", "end": "e"}
REPORT: dict[str, object] = {"v": 1, "t": "receiver-report", "loss": 0.0, "delay_ms": None, "fps": 25, "jitter_ms": 1.0}


def golden(name: str) -> bytes:
    return (VECTORS / f"signaling-{name}.bin").read_bytes()


def test_every_message_has_an_example() -> None:
    assert {type(example) for example in EXAMPLES.values()} == set(typing.get_args(Message))


@pytest.mark.parametrize("name", EXAMPLES)
def test_golden_bytes(name: str) -> None:
    assert decode(golden(name)) == EXAMPLES[name]
    assert encode(EXAMPLES[name]) == golden(name)


def test_a_hello_of_before_secrets_is_read() -> None:
    assert decode(golden("hello-without-secret")) == Hello("blue", "sender", "a1b2", "secret", "")


WITH_VIEWERS: dict[str, Message] = {
    "hello-viewers": Hello("blue", "sender", "a1b2", "secret", "0f1e2d3c", 4),
    "welcome-viewers": Welcome(True, "c3d4", 4, ("c3d4", "e5f6")),
    "peer-left-viewers": PeerLeft("receiver", "c3d4"),
    "offer-viewers": Offer("v=0\r\n", "call-1", "c3d4"),
}


@pytest.mark.parametrize("name", WITH_VIEWERS)
def test_what_several_receivers_added(name: str) -> None:
    assert decode(golden(name)) == WITH_VIEWERS[name]
    assert encode(WITH_VIEWERS[name]) == golden(name)


WITH_EQUALS: dict[str, Message] = {
    "hello-equal": Hello("blue", "equal", "a1b2", "secret", "0f1e2d3c", 3),
    "welcome-equal": Welcome(True, "c3d4", 3, ("c3d4", "e5f6")),
    "welcome-equal-and-sender": Welcome(True, "c3d4", 3, ("c3d4",), "sender"),
    "peer-joined-equal": PeerJoined("equal", "c3d4"),
    "peer-left-equal": PeerLeft("equal", "c3d4"),
    "offer-equal": Offer("v=0\r\n", "call-1", "c3d4", "a1b2"),
    "answer-equal": Answer("v=0\r\n", "call-1", "a1b2", "c3d4"),
    "candidate-equal": Candidate("", None, None, "call-1", "c3d4", "a1b2"),
    "bye-equal": Bye("done", "call-1", "c3d4", "a1b2"),
}


@pytest.mark.parametrize("name", WITH_EQUALS)
def test_what_equals_added(name: str) -> None:
    assert decode(golden(name)) == WITH_EQUALS[name]
    assert encode(WITH_EQUALS[name]) == golden(name)


@pytest.mark.parametrize("viewers", [0, 33, True, "2"])
def test_a_number_of_viewers_out_of_range_is_refused(viewers: object) -> None:
    with pytest.raises(MessageError, match="hello: viewers"):
        decode(msgpack.packb(HELLO | {"viewers": viewers}))


def test_a_report_of_before_there_was_sound_is_read() -> None:
    report = decode(golden("receiver-report-without-sound"))
    assert report == dataclasses.replace(EXAMPLES["receiver-report"], sound_loss=None)


def test_capabilities_with_all_that_may_be_left_out_are_read() -> None:
    assert decode(golden("capabilities-whole")) == EXAMPLES["capabilities"]


def test_what_a_reader_takes_it_to_be_is_not_written() -> None:
    report = ReceiverReport(0.0, None, 25.0, 3.0)
    assert decode(encode(report)) == report
    assert len(encode(report)) < 80
    assert b"sound_loss" not in encode(report)
    assert b"sound_loss" in encode(dataclasses.replace(report, sound_loss=0.0))


def test_a_hello_that_is_shown_shows_no_secrets() -> None:
    shown = repr(EXAMPLES["hello"])
    assert "blue" in shown
    assert "0f1e2d3c" not in shown
    assert "'secret'" not in shown


def test_half_a_surrogate_is_no_text() -> None:
    with pytest.raises(MessageError, match="hello: token is no text"):
        encode(Hello("blue", "sender", "a1b2", "\udcff"))


@pytest.mark.parametrize("name", [*EXAMPLES, *WITH_EQUALS])
def test_truncated_twins_are_refused(name: str) -> None:
    data = golden(name)
    for length in range(len(data)):
        with pytest.raises(MessageError):
            decode(data[:length])


@pytest.mark.parametrize("name", EXAMPLES)
def test_bytes_behind_the_message_are_refused(name: str) -> None:
    with pytest.raises(MessageError):
        decode(golden(name) + b"\0")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ([1, 2], "no map"),
        ({}, "version None"),
        ({**HELLO, "v": 2}, "version 2"),
        ({**HELLO, "v": True}, "version True"),
        ({**HELLO, "t": "greeting"}, "unknown message type"),
        ({**HELLO, "t": ["hello"]}, "unknown message type"),
        ({"v": 1, "t": "hello", "role": "sender", "end": "e"}, "room is missing"),
        ({**HELLO, "room": 5}, "room is no text"),
        ({**HELLO, "room": b"r"}, "room is no text"),
        ({**HELLO, "room": "r" * 65}, "room is longer than 64"),
        ({**HELLO, "role": "spectator"}, "role is 'spectator'"),
        ({**HELLO, "role": None}, "role is None"),
        ({"v": 1, "t": "welcome", "peer_present": 1}, "peer_present is no truth value"),
        ({"v": 1, "t": "clock-ping", "sent_us": -1}, "sent_us is not between"),
        ({"v": 1, "t": "clock-ping", "sent_us": 1.0}, "sent_us is no whole number"),
        ({"v": 1, "t": "clock-ping", "sent_us": True}, "sent_us is no whole number"),
        ({"v": 1, "t": "clock-ping", "sent_us": 2**63}, "sent_us is not between"),
        ({"v": 1, "t": "mode-switch", "mode": "vp9", "pts": 0}, "mode is 'vp9'"),
        ({**REPORT, "loss": 1.5}, "loss is not between"),
        ({**REPORT, "fps": float("nan")}, "fps is no finite number"),
        ({**REPORT, "fps": float("inf")}, "fps is no finite number"),
        ({**REPORT, "fps": "25"}, "fps is no finite number"),
        ({**REPORT, "references": "12"}, "references is no list"),
        ({**REPORT, "references": [1, "2"]}, "references is no whole number"),
        ({**REPORT, "references": [0] * 65}, "references is longer than 64"),
        ({"v": 1, "t": "candidate", "candidate": "", "sdp_mline_index": 256}, "sdp_mline_index is not between"),
    ],
)
def test_invalid_twins_are_refused(content: object, complaint: str) -> None:
    with pytest.raises(MessageError, match=re.escape(complaint)):
        decode(msgpack.packb(content))


@pytest.mark.parametrize("figures", [{"a": "1"}, {"a": True}, {"a" * 65: 1.0}, [1.0], {str(n): 1.0 for n in range(65)}])
def test_figures_are_checked(figures: object) -> None:
    content = {"v": 1, "t": "quality-report", "pts": 0, "keypoints_psnr_db": None, "h264_psnr_db": None}
    with pytest.raises(MessageError, match="figures"):
        decode(msgpack.packb({**content, "mode": "h264", "figures": figures}))


def test_unknown_fields_are_ignored_and_defaults_filled_in() -> None:
    assert decode(msgpack.packb({**HELLO, "colour": {"a": [1]}})) == Hello("r", "sender", "e", "")


def test_whole_numbers_stand_for_floats() -> None:
    report = decode(msgpack.packb(REPORT))
    assert isinstance(report, ReceiverReport)
    assert type(report.fps) is float


def test_oversized_messages_are_refused_both_ways() -> None:
    with pytest.raises(MessageError, match="over 65536"):
        decode(msgpack.packb({**HELLO, "padding": bytes(MAX_BYTES)}))
    with pytest.raises(MessageError, match="sdp is longer"):
        encode(Offer("x" * MAX_BYTES))
    with pytest.raises(MessageError, match="more than 65536"):
        encode(Offer("\N{GREEK SMALL LETTER PI}" * 40_000))


def test_what_would_be_refused_is_not_encoded() -> None:
    with pytest.raises(MessageError, match="keypoints_psnr_db is no finite number"):
        encode(QualityReport(0, float("inf"), None, "compare"))


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_raise_message_error(data: bytes) -> None:
    with contextlib.suppress(MessageError):
        decode(data)


@given(st.sampled_from(sorted([*EXAMPLES, *WITH_EQUALS])), st.data())
def test_damaged_messages_decode_or_raise_message_error(name: str, choices: st.DataObject) -> None:
    data = bytearray(golden(name))
    for _ in range(choices.draw(st.integers(1, 3))):
        data[choices.draw(st.integers(0, len(data) - 1))] = choices.draw(st.integers(0, 255))
    with contextlib.suppress(MessageError):
        decode(bytes(data))


NUMBERS = st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats()
VALUES = st.recursive(
    st.none() | NUMBERS | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted([*EXAMPLES, *WITH_EQUALS])), st.data())
def test_any_value_in_any_field_decodes_or_raises_message_error(name: str, choices: st.DataObject) -> None:
    content = msgpack.unpackb(golden(name))
    field = choices.draw(st.sampled_from(sorted(content)))
    content[field] = choices.draw(VALUES)
    with contextlib.suppress(MessageError):
        message = decode(msgpack.packb(content))
        assert decode(encode(message)) == message


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(MessageError):
        decode(b"\x81\xa1v" + b"\x91" * 5000 + b"\x01")
