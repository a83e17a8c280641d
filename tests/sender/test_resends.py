"""How often H.264 packets are sent again."""

from sender.h264.resends import ResendBudget


def test_each_packet_is_sent_again_twice_at_most() -> None:
    budget = ResendBudget()
    assert [budget.may_resend(7) for _ in range(4)] == [True, True, False, False]


def test_all_together_are_half_of_what_was_sent() -> None:
    budget, granted = ResendBudget(), 0
    for packet in range(1000):
        budget.sent(1)
        granted += sum(budget.may_resend(10_000 + 4 * packet + n) for n in range(4))
    assert 500 <= granted <= 520
    assert budget.refused == 4000 - granted


def test_a_third_that_is_lost_can_all_be_sent_again() -> None:
    budget = ResendBudget()
    for packet in range(3000):
        budget.sent(1)
        assert packet % 3 or budget.may_resend(packet)
