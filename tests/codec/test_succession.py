"""An encoder that goes on where another one of another size stopped: what it takes over, and that it begins afresh."""

from collections.abc import Callable
from typing import Any

import numpy as np

from codec import CodedFrame

DURATION = 3600


def test_a_successor_goes_on_with_numbers_ids_time_and_pace_and_begins_with_a_keyframe(
    pictures: list[Any], originals: list[Any], decoder: Any, make_encoder: Callable[..., Any]
) -> None:
    before = make_encoder(size=512, kbps=20.0, bundle=1, measure_every=0)
    before.set_steps(windows=False, restoration=False)
    before.set_bundle(2, residual=False)
    for index in range(3):
        before.encode(originals[index], pts=index * DURATION)
    after = make_encoder(size=256, kbps=20.0, bundle=1, measure_every=0)
    after.succeed(before)
    assert (after.config.size, after.config.bundle, after.config.residual) == (256, 2, False)
    for index in range(3, 9):
        coded = CodedFrame.parse(bytes(after.encode(pictures[index], pts=(2 if index == 3 else index) * DURATION)))
        assert (after.report.number, coded.is_keyframe) == (index, index == 3)
        np.testing.assert_array_equal(decoder.decode(coded), after.reconstruction)
        if coded.is_keyframe:
            assert coded.reference is not None
            assert coded.reference.id == before.newest.id + 1
            assert coded.reference.picture[0] >> 2 == 0, "references are not restored"
            assert after.report.pts == 2 * DURATION + 1, "time does not stand still"
    assert after._state.windows & 3 == 0, "no windows are drawn"
    assert after._budget is before._budget, "what was spent is spent"
