"""What is held by receivers that confirm nothing."""

import pytest

from sender.references.assumed import Assumed


class _Sender:
    """Hears what is held, on a clock that only the test moves."""

    def __init__(self, *, in_order: bool) -> None:
        self.now_s, self.held = 100.0, list[tuple[int, int]]()
        self.assumed = Assumed(
            in_order=in_order, held=lambda *reference: self.held.append(reference), clock=lambda: self.now_s
        )

    def wait(self, seconds: float) -> list[tuple[int, int]]:
        self.now_s += seconds
        self.assumed.settle()
        return self.held


def test_a_reference_is_held_once_it_has_had_time_to_be_restored() -> None:
    sender = _Sender(in_order=True)
    sender.assumed.left(3, 70)
    assert sender.wait(0.4) == []
    sender.assumed.left(4, 75)
    assert sender.wait(0.2) == [(3, 70)]
    assert sender.wait(0.5) == [(3, 70), (4, 75)]
    assert sender.wait(10) == [(3, 70), (4, 75)], "each is told once"


@pytest.mark.parametrize("seconds", [0.4, 1000.0])
def test_where_messages_may_be_lost_nothing_is_assumed(seconds: float) -> None:
    sender = _Sender(in_order=False)
    sender.assumed.left(3, 70)
    assert sender.wait(seconds) == []
