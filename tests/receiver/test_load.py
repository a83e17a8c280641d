"""What a receiver tells of its load: nothing while there is time."""

from typing import Any

from receiver.figures.load import DecodingLoad


def figures(frames: int, render_ms: float) -> dict[str, Any]:
    return {"keypoints": {"totals": {"coded_frames": frames}}, "stages_ms": {"read": 1.0, "render": render_ms}}


def test_what_is_told() -> None:
    load = DecodingLoad()
    assert load.of(figures(25, 9.0)) is None
    assert load.of(figures(50, 59.0)) == 1.5
    assert load.of(figures(75, 9.0)) == 0.25  # once: there is time again
    assert load.of(figures(100, 9.0)) is None
    assert load.of({"keypoints": {"totals": {}}, "stages_ms": {}}) is None
