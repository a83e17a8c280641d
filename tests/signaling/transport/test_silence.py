"""Whether anything comes over a connection at all."""

from signaling.transport.silence import Silence


def test_silence_is_told_after_two_seconds_and_a_sign_is_asked_for_before() -> None:
    asked = []
    silence = Silence(lambda: asked.append(1))
    told = [silence.see(7, now_s=10 + tick / 4) for tick in range(12)]
    assert told == [tick >= 8 for tick in range(12)]
    assert len(asked) == 8


def test_any_packet_ends_it() -> None:
    silence = Silence(lambda: None)
    assert not silence.see(1, now_s=0)
    assert silence.see(1, now_s=5)
    assert not silence.see(2, now_s=5.25)
    assert not silence.see(2, now_s=7)
    assert silence.see(2, now_s=7.25)
