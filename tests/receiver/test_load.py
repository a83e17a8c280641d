"""What a receiver tells of its load: nothing while there is time."""

from typing import Any

import pytest

from receiver.figures.load import DecodingLoad


def figures(frames: int, render_ms: float) -> dict[str, Any]:
    return {"keypoints": {"totals": {"coded_frames": frames}}, "stages_ms": {"read": 1.0, "render": render_ms}}


def test_what_is_told() -> None:
    load = DecodingLoad()
    told = []
    for second, render_ms in enumerate((9.0, 9.0, 59.0, 9.0, 9.0)):
        load.see(figures(25 * second, render_ms), now_s=100.0 + second)
        told.append(load.to_tell())
    assert told == [None, None, 1.5, 0.25, None], "once that there is time again"
    assert load.see({"keypoints": {"totals": {}}, "stages_ms": {}}, now_s=105.0) <= 0
    assert load.to_tell() is None


@pytest.mark.parametrize("every_s", [0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("reports", [1, 2, 3])
def test_a_load_is_the_same_however_often_it_is_looked_at_and_told(every_s: float, reports: int) -> None:
    """Twenty pictures a second, 40 ms each."""
    load, told = DecodingLoad(), []
    for number in range(13):
        seen = load.see(figures(round(20 * every_s * number), 39.0), now_s=7.0 + every_s * number)
        assert seen == pytest.approx(0.8 if number else 0.0)
        if number % reports == 0:
            told.append(load.to_tell())
    assert told[0] is None
    assert told[1:] == [pytest.approx(0.8)] * (12 // reports)
