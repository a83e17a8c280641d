"""What a call's work is measured by, and which pictures are left out."""

import re
from collections.abc import Sequence

import pytest

from sender.work.sizes import SizeOrder
from sender.work.work_ladder import STEPS, Step
from sender.work.workload import Workload
from signaling.protocol.capabilities import PLAIN
from signaling.protocol.messages import Capabilities

STEP = 3600  # 25 pictures a second, in 1/90000 s


class Call:
    """A camera of 25 pictures a second and an encoder, on one clock that is moved by hand."""

    def __init__(self, sizes: tuple[int, ...] = (256,), **more: str) -> None:
        self.now_s = 100.0
        self.captured = 0
        self.steps: list[tuple[bool, bool]] = []  # each change
        self.sizes: list[SizeOrder] = []
        self.said: list[str] = []
        self.gave_up = False
        self.work = Workload(sets=self.set_steps, clock=lambda: self.now_s, sizes=sizes, **more)
        self.work.watch(self.said.append)

    def set_steps(self, *, windows: bool, restoration: bool, every: float, size: SizeOrder) -> None:
        self.every = every
        self.steps += [(windows, restoration)] if self.steps[-1:] != [(windows, restoration)] else []
        self.sizes += [size] if self.sizes[-1:] != [size] else []

    @property
    def there(self) -> int:
        """The newest picture of the camera."""
        return int((self.now_s - 100) * 25 + 1e-6)

    def go(self, seconds: float, *, takes_s: float, decoding: float | None = None) -> int:
        """The pictures that were coded: the newest when the encoder is free."""
        coded, end_s, heard_s = 0, self.now_s + seconds, self.now_s
        while self.now_s < end_s:
            if decoding is not None and self.now_s >= heard_s:
                heard_s += 1
                self.work.hear(decoding)
            self.captured = max(self.captured + 1, self.there)
            self.now_s = max(self.now_s, 100 + self.captured / 25)
            if self.work.skips(self.captured * STEP, coded=True):
                continue
            self.now_s += takes_s
            coded += 1
            self.gave_up |= self.work.done(captured=self.there)
        return coded


def test_who_keeps_up_codes_all_and_is_told_nothing() -> None:
    call = Call()
    assert call.go(60, takes_s=0.03) == pytest.approx(1500, abs=3)
    assert call.said == []
    assert call.work.states["load_coding"] == pytest.approx(0.75, rel=0.1)


@pytest.mark.parametrize(("takes_s", "step", "coded"), [(0.06, STEPS[1], 333), (0.08, STEPS[2], 250)])
def test_a_slow_machine_codes_as_many_pictures_as_it_can_in_time_and_says_so(
    takes_s: float, step: Step, coded: int
) -> None:
    call = Call()
    call.go(10, takes_s=takes_s)
    assert re.fullmatch(rf"coding is late \(\d+% of the time there is\): {STEPS[1].name} from now on", call.said[0])
    assert call.said[-1].endswith(f"{step.name} from now on")
    assert call.go(20, takes_s=takes_s) == pytest.approx(coded, abs=3)
    assert call.every == call.work.states["coded_every"] == step.every
    call.go(20, takes_s=0.02)
    assert call.said[-1] == "time to spare: every picture from now on"


@pytest.mark.parametrize(
    ("every", "seen", "expected"),
    [
        (1.5, range(12), [0, 1, 3, 4, 6, 7, 9, 10]),
        (1.5, [0, 3, 4, 5, 6, 10, 11, 12, 13], [0, 3, 4, 6, 10, 11, 13]),  # one that is lost is not made up for
        (2, range(12), [0, 2, 4, 6, 8, 10]),
        (2, [0, 1, 3, 4, 5, 9, 10, 11], [0, 3, 5, 9, 11]),
        (3, range(12), [0, 3, 6, 9]),
    ],
)
def test_which_pictures_of_how_many(every: float, seen: Sequence[int], expected: list[int]) -> None:
    call = Call()
    call.go(30, takes_s={1.5: 0.06, 2: 0.08, 3: 0.12}[every])
    assert call.work.states["coded_every"] == every
    first = call.captured + 100
    assert [n for n in seen if not call.work.skips((first + n) * STEP, coded=True)] == expected


def test_a_much_slower_one_draws_no_windows_and_then_gives_up() -> None:
    call = Call()
    call.go(40, takes_s=0.4)
    assert len(call.said) == len(STEPS)
    assert call.said[-1].startswith("late all the same: H.264")
    assert call.steps == [(True, True), (False, True)]
    assert call.gave_up
    call = Call(then="nothing more can be left out")  # where no H.264 is sent
    call.go(40, takes_s=0.4)
    assert call.said[-1] == "late all the same: nothing more can be left out"


PLAIN_RECEIVER = Capabilities(end="receiver", features=(PLAIN,))


def test_restoration_is_left_out_last_and_only_for_a_receiver_that_can_hold_what_it_then_gets() -> None:
    call = Call()
    call.work.meet(PLAIN_RECEIVER)
    call.go(40, takes_s=0.4)
    assert call.steps == [(True, True), (False, True), (False, False)]
    assert call.said[-2].endswith("references not restored from now on")
    assert call.gave_up
    call.go(60, takes_s=0.005)
    assert call.steps[3:] == [(False, True), (True, True)], "and on the way up it comes first"
    for peer in (None, Capabilities(end="receiver")):
        call = Call()
        call.work.meet(peer)
        call.go(40, takes_s=0.4)
        assert call.steps == [(True, True), (False, True)]


def test_a_receiver_that_comes_back_and_cannot_hold_it_gets_restored_references_at_once() -> None:
    call = Call()
    call.work.meet(PLAIN_RECEIVER)
    call.go(20, takes_s=0.4)
    assert call.steps[-1] == (False, False)
    call.work.meet(PLAIN_RECEIVER)
    assert len(call.steps) == 3
    call.work.meet(None)
    assert call.steps[-1] == (False, True)


def test_a_slow_receiver_is_spared_too() -> None:
    call = Call()
    call.go(7, takes_s=0.01, decoding=1.6)
    late = "the receiver's decoding is late (160% of the time there is)"
    assert call.said == [f"{late}: {step.name} from now on" for step in STEPS[1:3]]
    call.go(5, takes_s=0.01)
    assert call.work.states["load_decoding"] is None  # what was said long ago says nothing
    call.go(20, takes_s=0.01)
    assert call.work.states["coded_every"] == 1


def test_after_a_pause_nothing_is_known() -> None:
    call = Call()
    call.go(3, takes_s=0.06)
    before = len(call.said)
    assert not call.work.skips(call.captured * STEP, coded=False)
    assert not call.work.done(captured=call.captured)
    call.now_s += 100
    assert not call.work.skips(call.captured * STEP + 1, coded=True)
    assert not call.work.done(captured=10**6)
    assert len(call.said) == before


def test_a_second_that_was_late_before_a_pause_is_not_the_pause_too() -> None:
    call = Call()
    while not call.gave_up:
        call.go(1, takes_s=0.4)
    for _ in range(3):  # H.264 carries the call, then keypoints are tried
        call.gave_up = False
        call.work.skips(call.captured * STEP, coded=False)
        call.now_s += 60
        call.go(3, takes_s=0.4)
        assert not call.gave_up, "a first second that is slow says little"
        call.go(4, takes_s=0.4)
        assert call.gave_up


WHOLE, SOON, SMALL = SizeOrder(), SizeOrder(soon=True), SizeOrder(small=True, soon=True)
LATE = "coding is late"


def large_call(*sizes: int, features: tuple[str, ...] = ()) -> Call:
    call = Call((512, 256))
    call.work.meet(Capabilities(end="receiver", sizes=sizes, features=features))
    return call


def test_a_large_call_turns_small_before_mouth_and_eyes_are_given_up_and_comes_back() -> None:
    call = large_call(256, 512)
    assert call.go(8, takes_s=0.1)
    assert (call.sizes, call.work.states["coded_size"]) == ([WHOLE, SOON], 512), "it is prepared a step before"
    call.go(3, takes_s=0.1)
    assert (call.sizes, call.work.states["coded_size"]) == ([WHOLE, SOON, SMALL], 256)
    assert call.steps == [(True, True)]
    assert [text.partition(": ")[2] for text in call.said] == [
        "two pictures of three at 512x512 from now on",
        "every second picture at 512x512 from now on",
        "two pictures of three at 256x256 from now on",
    ]
    assert all(text.startswith(LATE) for text in call.said)
    call.go(60, takes_s=0.01)
    assert call.said[3:] == [
        "time to spare: every second picture at 512x512 from now on",
        "time to spare: two pictures of three at 512x512 from now on",
        "time to spare: every picture from now on",
    ]
    assert call.sizes[3:] == [SOON, WHOLE]


def test_at_the_smaller_size_the_ladder_goes_on_as_ever() -> None:
    call = large_call(256, 512, features=(PLAIN,))
    call.go(40, takes_s=0.4)
    assert [text.partition(": ")[2] for text in call.said[3:]] == [
        "every second picture at 256x256 from now on",
        "every third picture at 256x256 from now on",
        "every third picture at 256x256, without eyes and mouth drawn from now on",
        "every third picture at 256x256, without eyes and mouth drawn, references not restored from now on",
        "H.264 carries the call where --mode auto lets it",
    ]
    assert call.steps == [(True, True), (False, True), (False, False)]
    assert call.gave_up


@pytest.mark.parametrize("peer", [None, Capabilities(end="receiver"), Capabilities(end="receiver", sizes=(512,))])
def test_a_receiver_that_has_not_said_that_it_reads_the_smaller_size_is_not_sent_it(peer: Capabilities | None) -> None:
    call = Call((512, 256))
    call.work.meet(peer)
    call.go(40, takes_s=0.4)
    assert call.sizes == [WHOLE]
    assert len(call.said) == len(STEPS)


def test_one_that_comes_back_and_cannot_read_it_gets_the_larger_size_at_once() -> None:
    call = large_call(256, 512)
    call.go(10, takes_s=0.1)
    assert call.sizes[-1] == SMALL
    call.work.meet(None)
    assert (call.sizes[-1], call.work.states["coded_size"]) == (WHOLE, 512)


def test_a_slow_receiver_of_a_large_call_gets_the_smaller_size() -> None:
    call = large_call(256, 512)
    call.go(11, takes_s=0.01, decoding=1.5)
    assert call.sizes == [WHOLE, SOON, SMALL]
    assert call.said[-1].startswith("the receiver's decoding is late")


def test_of_several_viewers_all_must_read_the_smaller_size_and_who_has_said_nothing_is_not_asked() -> None:
    both, large = (Capabilities(end="receiver", sizes=sizes) for sizes in ((256, 512), (512,)))
    call = Call((512, 256))
    call.work.meet_all([both, both, Capabilities(end="receiver")])
    call.go(10, takes_s=0.1)
    assert call.sizes[-1] == SMALL
    call.work.meet_all([])
    assert call.sizes[-1] == SMALL, "nobody is there who could not"
    call.work.meet_all([both, large])
    assert call.sizes[-1] == WHOLE


def test_a_call_at_the_smaller_size_has_no_such_step() -> None:
    call = Call((256,))
    call.work.meet(Capabilities(end="receiver", sizes=(256, 512)))
    call.go(40, takes_s=0.4)
    assert call.sizes == [WHOLE]
    assert "x256" not in " ".join(call.said)
