"""Stage 10, meter (offline): a call's figures against their targets."""

from collections.abc import Callable

from benchmarks.calls.call import CallRun
from benchmarks.speed.rows import HELD, call_rows, row

ACall = Callable[..., CallRun]


def test_frames_a_second_are_held_at_99_percent(a_call: ACall) -> None:
    held, *_ = call_rows([a_call(), a_call()], size=256)
    assert (held.judged, held.met, held.details["interpolated"]) == (30, True, 0)
    missed, sender, receiver = call_rows([a_call(frames_a_second=29)], size=256)
    assert (missed.judged, missed.met) == (29, False)
    assert row("call_fps", 256, "fps", [30.0], judged=HELD * 30).met
    assert (sender.judged, sender.details, sender.met) == (320, {"steady": 300}, True)
    assert receiver.judged == 210
