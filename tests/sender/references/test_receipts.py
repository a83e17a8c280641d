"""Which receipts count, and when a reference that nobody speaks of is taken for lost."""

from sender.references.receipts import Receipts


def sent(receipts: Receipts, reference_id: int, number: int, *, now_s: float) -> None:
    receipts.expect(reference_id, number)
    receipts.left(reference_id, number, now_s=now_s)


def test_only_the_reference_that_has_the_id_now_is_confirmed() -> None:
    receipts = Receipts()
    sent(receipts, 3, 40, now_s=0.0)
    assert not receipts.confirm(3, 8)
    assert receipts.confirm(3, 40)
    assert not receipts.confirm(3, 40)
    assert not receipts.is_overdue(now_s=1000.0)


def test_one_that_waits_here_is_not_lost_and_one_that_left_long_ago_is() -> None:
    receipts = Receipts()
    receipts.expect(1, 10)
    assert not receipts.is_overdue(now_s=1000.0)
    receipts.left(1, 9, now_s=1000.0)  # an older one of this id
    assert not receipts.is_overdue(now_s=2000.0)
    receipts.left(1, 10, now_s=2000.0)
    assert not receipts.is_overdue(now_s=2005.9)
    assert receipts.is_overdue(now_s=2006.0)
    assert not receipts.is_overdue(now_s=3000.0), "it is said once"
    assert not receipts.confirm(1, 10), "what comes in its place counts"


def test_who_never_confirms_is_asked_less_and_less_often_until_a_receipt_comes() -> None:
    receipts, now_s, waits = Receipts(), 0.0, []
    for number in range(6):
        sent(receipts, 2, number, now_s=now_s)
        since_s = now_s
        while not receipts.is_overdue(now_s=now_s):
            now_s += 1.0
        waits.append(now_s - since_s)
    assert waits == [6, 12, 24, 48, 48, 48]
    sent(receipts, 2, 7, now_s=now_s)
    assert receipts.confirm(2, 7)
    sent(receipts, 2, 8, now_s=now_s)
    assert receipts.is_overdue(now_s=now_s + 6)


def test_what_was_given_up_is_not_missed() -> None:
    receipts = Receipts()
    sent(receipts, 1, 10, now_s=0.0)
    receipts.forget()
    assert not receipts.is_overdue(now_s=1000.0)
    sent(receipts, 1, 11, now_s=0.0)
    receipts.expect(1, 12)  # the same id again, before the receipt of the one before
    assert not receipts.is_overdue(now_s=1000.0)
