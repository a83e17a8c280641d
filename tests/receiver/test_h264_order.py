"""RTP packets as they come -> whole pictures in order, and none that came too late."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.h264.h264_order import Packet, PictureOrder, WholePicture

KEY, OTHER = b"\0\0\0\1\x67key", b"\0\0\0\1\x41"
STEP = 3600


def stream(pictures: int, *, keys: tuple[int, ...] = (0,), parts: int = 2, first: int = 65_530) -> list[Packet]:
    """Pictures of `parts` packets each, 40 ms apart; the numbers wrap."""
    packets = []
    for index in range(pictures):
        for part in range(parts):
            head = (KEY if index in keys else OTHER) if part == 0 else b""
            data = head + bytes([index, part])
            number = (first + index * parts + part) % 65_536
            packets.append(Packet(number, (4_294_960_000 + index * STEP) % 2**32, part == parts - 1, data))
    return packets


def feed(
    order: PictureOrder, packets: list[Packet], *, begin_s: float = 0.0, step_s: float = 0.02
) -> list[WholePicture]:
    return [
        picture for index, packet in enumerate(packets) for picture in order.add(packet, now_s=begin_s + index * step_s)
    ]


def indices(pictures: list[WholePicture]) -> list[int]:
    return [round(picture.pts / STEP) for picture in pictures]


def test_whole_pictures_come_out_at_once_in_order_whatever_wraps() -> None:
    order = PictureOrder()
    for index, packet in enumerate(stream(10)):
        pictures = order.add(packet, now_s=index / 50)
        assert indices(pictures) == ([index // 2] if index % 2 else [])


def test_packets_that_overtake_each_other_are_put_right() -> None:
    packets = stream(6)
    packets[3], packets[4] = packets[4], packets[3]
    packets[7], packets[8] = packets[8], packets[7]
    assert indices(feed(PictureOrder(), packets)) == [0, 1, 2, 3, 4, 5]


def test_a_resend_within_the_patience_loses_nothing_and_brings_all_that_waited_at_once() -> None:
    packets = stream(8)
    late = packets.pop(5)
    order = PictureOrder()
    before = feed(order, packets[:12])
    assert indices(before) == [0, 1]
    assert indices(order.add(late, now_s=0.24)) == [2, 3, 4, 5]


def test_what_waits_too_long_goes_and_a_key_picture_is_asked_for() -> None:
    packets = stream(30, keys=(0, 20))
    del packets[5]
    order = PictureOrder()
    out, asked = [], []
    for index, packet in enumerate(packets):
        out += order.add(packet, now_s=index * 0.02)
        if order.needs_key and order.gave_up is not None:
            asked.append(index * 0.02)
    assert indices(out) == [0, 1, *range(20, 30)]
    assert asked[0] == pytest.approx(0.12 + 0.2, abs=0.05)
    assert len(asked) > 5, "a request can be lost, too"


def test_the_delay_after_a_loss_is_what_it_was_before() -> None:
    packets = stream(100, keys=(0, 30))
    del packets[21]
    order = PictureOrder()
    for index, packet in enumerate(packets):
        pictures = order.add(packet, now_s=index * 0.02)
        if index > 70 and packet.last:
            assert len(pictures) == 1


def test_a_key_picture_that_lacks_a_packet_is_not_waited_for_without_a_word() -> None:
    packets = stream(30, keys=(0,), parts=3)
    del packets[1]
    order = PictureOrder()
    asked = [order.gave_up for index, packet in enumerate(packets) if order.add(packet, now_s=index * 0.02) == []]
    assert order.needs_key
    assert any(number is not None for number in asked)


def test_nothing_begins_without_a_key_picture() -> None:
    order = PictureOrder()
    assert feed(order, stream(5, keys=())) == []
    assert order.needs_key
    assert indices(feed(order, stream(10, keys=(5,))[10:], begin_s=1.0)) == [0, 1, 2, 3, 4]


def test_packets_twice_do_no_harm() -> None:
    doubled = [packet for packet in stream(10) for _ in range(2)]
    assert indices(feed(PictureOrder(), doubled, step_s=0.01)) == list(range(10))


packets_of_strangers = st.builds(
    Packet,
    sequence=st.integers(0, 65_535),
    timestamp=st.integers(0, 2**32 - 1),
    last=st.booleans(),
    data=st.sampled_from([KEY, OTHER, b"", b"x"]),
)


@given(st.lists(packets_of_strangers, max_size=200))
@settings(deadline=None)
def test_whatever_comes_is_borne_and_bounded(packets: list[Any]) -> None:
    order = PictureOrder()
    feed(order, packets, step_s=0.001)
    assert len(order._waiting) <= 513
