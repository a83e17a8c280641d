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
    told = [silence.see(1 if tick < 9 else 2, now_s=tick / 4) for tick in range(18)]
    assert told == [tick in (8, 17) for tick in range(18)]


def test_an_end_that_was_busy_itself_has_not_heard_silence() -> None:
    silence = Silence(lambda: None)
    assert not silence.see(1, now_s=0)
    assert not silence.see(1, now_s=30), "packets may wait that it had no time to read"
    assert [silence.see(1, now_s=30 + look * 10) for look in (1, 2, 3)] == [False, False, True]
