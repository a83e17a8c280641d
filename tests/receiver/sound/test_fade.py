"""What is made up fades away, and what comes again comes softly."""

import numpy as np

from codec.sound import Samples
from receiver.sound.fade import Fade

FRAME = np.ones(1920, np.float32)  # 40 ms


def heard(fade: Fade, *, made_up: bool, frames: int) -> Samples:
    return np.concatenate([fade.pass_on(FRAME, made_up=made_up) for _ in range(frames)])


def test_what_comes_passes_as_it_is() -> None:
    fade = Fade()
    assert fade.pass_on(FRAME, made_up=False) is FRAME


def test_a_lost_message_is_heard_as_opus_makes_it_up() -> None:
    fade = Fade()
    assert np.array_equal(heard(fade, made_up=True, frames=3), np.ones(3 * 1920, np.float32))
    assert fade.pass_on(FRAME, made_up=False) is FRAME


def test_a_long_gap_fades_to_nothing_without_a_step_and_the_voice_comes_back() -> None:
    fade = Fade()
    gap = heard(fade, made_up=True, frames=12)
    assert np.all(np.diff(gap) <= 0)
    assert np.max(np.abs(np.diff(gap))) < 0.001
    assert np.all(gap[9 * 1920 :] == 0.0)
    back = heard(fade, made_up=False, frames=2)
    assert 0 < back[0] < 0.01
    assert np.max(np.diff(back)) < 0.01
    assert np.all(back[960:] == 1.0)


def test_lost_messages_one_after_the_other_do_not_come_back_at_once() -> None:
    fade = Fade()
    heard(fade, made_up=True, frames=8)
    fade.pass_on(FRAME[:240], made_up=False)  # 5 ms are a quarter of the way back
    assert np.all(fade.pass_on(FRAME, made_up=True) < 0.3)
