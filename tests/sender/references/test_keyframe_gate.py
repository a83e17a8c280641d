"""Tests of the gate in front of keyframes."""

from sender.references.keyframe_gate import KeyframeGate


def grants(gate: KeyframeGate, *, asks: set[int], received: set[int], receipt: bool = True) -> list[int]:
    """The tenths of a second in which a keyframe was made; it leaves at once."""
    granted = []
    for tenth in range(100):
        if tenth in received:
            gate.received()
        if tenth in asks:
            gate.ask()
        if gate.take(now_s=tenth / 10):
            granted.append(tenth)
            gate.sent(now_s=tenth / 10, receipt=receipt)
    return granted


def test_nothing_asked_nothing_granted() -> None:
    assert grants(KeyframeGate(), asks=set(), received={3}) == []


def test_wishes_are_granted_at_intervals_and_never_forgotten() -> None:
    assert grants(KeyframeGate(), asks={0, 1, 2, 3, 80}, received=set(), receipt=False) == [0, 5, 80]


def test_a_keyframe_on_its_way_answers_what_is_asked_meanwhile() -> None:
    assert grants(KeyframeGate(), asks={0, 4, 7, 50}, received={8, 52}) == [0, 50]


def test_a_wish_after_the_receipt_is_a_new_one() -> None:
    assert grants(KeyframeGate(), asks={0, 4, 9}, received={8}) == [0, 9]


def test_without_a_receipt_patience_ends() -> None:
    assert grants(KeyframeGate(), asks={0, 4}, received=set()) == [0, 20]


def test_a_keyframe_sent_for_another_reason_counts_too() -> None:
    gate = KeyframeGate()
    gate.sent(now_s=0.0, receipt=True)
    assert grants(gate, asks={1}, received={4}) == []
