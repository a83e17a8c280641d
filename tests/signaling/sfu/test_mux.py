"""Tests of all channels of a stream in one."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.errors import MessageError, PeerGone
from signaling.sfu.mux import LONGEST, Kind, Multiplexer, MuxMessage
from signaling.transport.channels import Channels
from signaling.transport.memory import VirtualClock, memory_pair

VECTORS = Path(__file__).parents[2] / "vectors"


class Forwarded:
    """A stream's channels over one channel, and the same at the other end."""

    def __init__(self, *, rate_bps: float | None = None) -> None:
        self.clock = VirtualClock()
        near, far = memory_pair(clock=self.clock, rate_bps=rate_bps)
        self.carrier, self.far_carrier = near.control, far.control
        self.near, self.far = Multiplexer(near.control), Multiplexer(far.control)

    def channels(self) -> Channels:
        return self.near.channels(control=self.near.channel(Kind.CONTROL), flying=lambda: None, extra=lambda: 0)


def test_the_bytes_are_those_of_the_vector() -> None:
    data = (VECTORS / "sfu_motion.bin").read_bytes()
    assert MuxMessage.parse(data) == MuxMessage(Kind.MOTION, b"motion of a span")
    assert bytes(MuxMessage(Kind.MOTION, b"motion of a span")) == data


@pytest.mark.parametrize("kind", Kind)
def test_what_goes_in_comes_out_of_the_channel_of_its_kind(kind: Kind) -> None:
    line = Forwarded()
    heard: dict[Kind, list[bytes]] = {one: [] for one in Kind}
    for one in Kind:
        line.far.channel(one).set_receiver(heard[one].append)
    for data in (b"x", bytes(LONGEST)):
        line.near.channel(kind).send(data)
    line.clock.advance(1.0)
    assert {one: data for one, data in heard.items() if data} == {kind: [b"x", bytes(LONGEST)]}


def test_a_message_that_would_take_two_packets_is_refused() -> None:
    line = Forwarded()
    for data in (b"", bytes(LONGEST + 1)):
        with pytest.raises(MessageError):
            line.near.channel(Kind.MOTION).send(data)
    assert line.channels().longest == LONGEST


def test_each_channel_knows_what_of_it_waits() -> None:
    line = Forwarded(rate_bps=8000)
    channels = line.channels()
    channels.reference.send(bytes(500))  # leaves at once
    channels.reference.send(bytes(300))
    channels.motion.send(bytes(99))
    assert (channels.reference.buffered_amount, channels.motion.buffered_amount) == (301, 100)
    assert channels.queued_bytes == 401
    line.clock.advance(0.6)  # the first is through
    assert (channels.reference.buffered_amount, channels.motion.buffered_amount) == (0, 100)
    line.clock.advance(1.0)
    assert channels.queued_bytes == 0


def test_all_channels_open_and_close_with_the_one() -> None:
    line = Forwarded()
    states: list[bool] = []
    line.near.channel(Kind.MOTION).set_state(states.append)
    line.near.channel(Kind.REFERENCE).close()
    assert states == [True, False]
    with pytest.raises(PeerGone):
        line.near.channel(Kind.MOTION).send(b"late")


@pytest.mark.parametrize("data", [b"\x10", b"\x01x", b"\x21x", b"\x15x", b"\x1fx", b"\x10" + bytes(LONGEST + 1)])
def test_nonsense_is_counted_and_left_alone(data: bytes) -> None:
    with pytest.raises(MessageError):
        MuxMessage.parse(data)
    line = Forwarded()
    if len(data) <= LONGEST:
        line.carrier.send(data)
        line.clock.advance(1.0)
        assert line.far.counts == {"malformed_mux": 1}


@settings(deadline=None)
@given(st.binary(max_size=1300))
def test_any_bytes_are_read_as_they_are_written_or_refused(data: bytes) -> None:
    with suppress(MessageError):
        assert bytes(MuxMessage.parse(data)) == data
