"""Tests of signaling.server.rooms: seats, grace and expiry, by a clock moved by hand."""

import pytest

from signaling.protocol.messages import PeerLeft
from signaling.server.rooms import RoomLimits, Rooms


@pytest.fixture
def rooms(clock) -> Rooms[str]:
    return Rooms(RoomLimits(idle_timeout_s=60.0, grace_s=3.0, rooms=2), now_s=clock)


def test_a_room_is_there_while_somebody_sits_in_it(rooms: Rooms[str]) -> None:
    rooms.sit("r", "sender", end="a", line="line a")
    rooms.sit("r", "receiver", end="b", line="line b")
    assert rooms.lines == ("line a", "line b")
    assert rooms.leave("r", "sender", line="line a", orderly=True)
    assert rooms.leave("r", "receiver", line="line b", orderly=True)
    assert len(rooms) == 0


def test_an_end_that_is_back_in_time_has_its_seat_and_what_was_kept(rooms: Rooms[str], clock) -> None:
    seat, _ = rooms.sit("r", "sender", end="a", line="line a", secret="s")
    assert not rooms.leave("r", "sender", line="line a", orderly=False)
    seat.keep(b"answer")
    clock.now = 2.9
    assert rooms.sweep().bereaved == ()
    again, cut = rooms.sit("r", "sender", end="a", line="line a2", secret="s")
    assert list(again.kept) == [b"answer"]
    assert cut is not None
    assert (cut.end, cut.line) == ("a", None)


@pytest.mark.parametrize(("first", "second"), [("s", "t"), ("s", ""), ("", "s"), ("", "")])
def test_an_end_is_known_by_its_secret_alone(rooms: Rooms[str], first: str, second: str) -> None:
    seat, _ = rooms.sit("r", "sender", end="a", line="line a", secret=first)
    rooms.leave("r", "sender", line="line a", orderly=False)
    seat.keep(b"for the first a only")
    assert not seat.is_of("a", second)
    other, _ = rooms.sit("r", "sender", end="a", line="line a2", secret=second)
    assert list(other.kept) == []


def test_what_is_kept_for_an_end_is_bounded_in_number_and_bytes(rooms: Rooms[str]) -> None:
    seat, _ = rooms.sit("r", "sender", end="a", line="line a")
    for number in range(100):
        seat.keep(bytes([number]))
    assert list(seat.kept) == [bytes([number]) for number in range(68, 100)]
    for _ in range(4):
        seat.keep(bytes(60_000))
    assert list(map(len, seat.kept)) == [60_000, 60_000]


def test_an_end_that_stays_away_loses_its_seat(rooms: Rooms[str], clock) -> None:
    rooms.sit("r", "sender", end="a", line="line a")
    rooms.sit("r", "receiver", end="b", line="line b")
    rooms.leave("r", "sender", line="line a", orderly=False)
    clock.now = 3.0
    assert rooms.sweep().bereaved == (("line b", PeerLeft("sender")),)
    assert rooms.seat("r", "sender") is None
    assert rooms.sweep().bereaved == ()


def test_another_end_takes_the_seat_of_one_that_is_away(rooms: Rooms[str], clock) -> None:
    seat, _ = rooms.sit("r", "sender", end="a", line="line a")
    rooms.leave("r", "sender", line="line a", orderly=False)
    seat.keep(b"for a only")
    other, cut = rooms.sit("r", "sender", end="a2", line="line a2")
    assert (other.end, list(other.kept)) == ("a2", [])
    assert cut is not None
    assert (cut.end, cut.line) == ("a", None)
    clock.now = 10.0
    assert rooms.sweep().bereaved == ()


def test_a_returning_end_cuts_its_old_line(rooms: Rooms[str]) -> None:
    rooms.sit("r", "sender", end="a", line="old", secret="s")
    _, cut = rooms.sit("r", "sender", end="a", line="new", secret="s")
    assert cut is not None
    assert cut.line == "old"
    assert not rooms.leave("r", "sender", line="old", orderly=True)
    assert rooms.lines == ("new",)


def test_an_end_that_waits_alone_too_long_is_sent_away(rooms: Rooms[str], clock) -> None:
    rooms.sit("r", "sender", end="a", line="line a")
    clock.now = 59.0
    assert rooms.sweep().expired == ()
    rooms.use("r")
    clock.now = 118.0
    assert rooms.sweep().expired == ()
    clock.now = 119.0
    assert rooms.sweep().expired == ("line a",)
    assert len(rooms) == 0


def test_a_room_with_both_ends_does_not_expire(rooms: Rooms[str], clock) -> None:
    rooms.sit("r", "sender", end="a", line="line a")
    rooms.sit("r", "receiver", end="b", line="line b")
    clock.now = 1e6
    assert rooms.sweep().expired == ()


def test_there_are_so_many_rooms(rooms: Rooms[str]) -> None:
    rooms.sit("r1", "sender", end="a", line="1")
    rooms.sit("r2", "sender", end="b", line="2")
    assert rooms.why_full("r3", "here") == "the server has no room left"
    assert rooms.why_full("r1", "here") is None


def test_ends_from_one_address_are_in_so_many_rooms(clock) -> None:
    rooms: Rooms[str] = Rooms(RoomLimits(rooms_per_address=2), now_s=clock)
    rooms.sit("r1", "sender", end="a", line="1", address="here")
    rooms.sit("r2", "receiver", end="b", line="2", address="here")
    rooms.sit("r3", "sender", end="c", line="3", address="there")
    assert (
        rooms.why_full("r4", "here") == rooms.why_full("r3", "here") == "ends from this address are in 2 rooms already"
    )
    assert rooms.why_full("r4", "there") is None
    assert rooms.why_full("r2", "here") is None
    rooms.leave("r1", "sender", line="1", orderly=True)
    assert rooms.why_full("r4", "here") is None


def equals(rooms: Rooms[str], *names: str, viewers: int = 1) -> None:
    for name in names:
        rooms.sit("r", "equal", end=name, line=name, viewers=viewers)


def test_a_full_room_of_equals_has_a_place_where_one_of_them_is_away(rooms: Rooms[str]) -> None:
    equals(rooms, "a", "b")
    assert {seat.end for _, seat in rooms.in_the_way("r", "equal", viewers=3)} == {"a", "b"}
    rooms.leave("r", "equal", line="b", orderly=False)
    assert rooms.in_the_way("r", "equal", viewers=3, present_only=True) == ()
    assert [(role, seat.end) for role, seat in rooms.make_way("r", "equal", viewers=3)] == [("equal", "b")]
    equals(rooms, "c")
    assert rooms.lines == ("a", "c")


def test_an_end_that_calls_one_other_alone_has_a_place_beside_one_equal(rooms: Rooms[str]) -> None:
    equals(rooms, "a", "b", "c", viewers=3)
    assert len(rooms.in_the_way("r", "sender")) == 3
    assert rooms.make_way("r", "sender", viewers=1) == ()
    for name in ("b", "c"):
        rooms.leave("r", "equal", line=name, orderly=False)
    assert rooms.in_the_way("r", "sender", present_only=True) == ()
    assert [seat.end for _, seat in rooms.make_way("r", "sender", viewers=1)] == ["b", "c"]
    rooms.sit("r", "sender", end="o", line="line o")
    assert len(rooms.in_the_way("r", "receiver")) == len(rooms.in_the_way("r", "equal", viewers=3)) == 2
    assert [(role, seat.end) for role, seat in rooms.company("r", "sender", "o")] == [("equal", "a")]
    assert rooms.departure("r", "equal", "a", to="sender") == PeerLeft("receiver")
    assert rooms.departure("r", "sender", "o", to="equal") == PeerLeft("sender", "o")


def test_equals_expire_alone_and_not_together(rooms: Rooms[str], clock) -> None:
    equals(rooms, "a", "b")
    clock.now = 1e6
    assert rooms.sweep().expired == ()
    rooms.leave("r", "equal", line="a", orderly=True)
    clock.now = 2e6
    assert rooms.sweep().expired == ("b",)
