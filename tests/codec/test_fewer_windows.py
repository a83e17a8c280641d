"""An encoder that is spared the windows says so frame by frame, and both ends go on showing one picture."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codec import CodedFrame
from codec.state.chain import EYES_BIT, FACE_BIT, MOUTH_BIT

DURATION = 3600


@pytest.mark.parametrize("measure_every", [0, 1])
def test_windows_are_left_out_and_come_back(
    measure_every: int, pictures: list[Any], decoder: Any, make_encoder: Callable[..., Any]
) -> None:
    encoder, drawn = make_encoder(measure_every=measure_every), dict[int, bool]()
    wanted = {0: True, 8: False, 16: True}
    for index, picture in enumerate(pictures[:24]):
        if index in wanted:
            encoder.set_steps(windows=wanted[index], restoration=True)
        coded = CodedFrame.parse(bytes(encoder.encode(picture, pts=index * DURATION)))
        shown = decoder.decode(coded)
        np.testing.assert_array_equal(shown, encoder.reconstruction)
        windows = encoder._state.windows
        if windows & FACE_BIT:
            drawn[index] = bool(windows & (MOUTH_BIT | EYES_BIT))
    assert not any(drawn[index] for index in drawn if 8 <= index < 16)
    for first, last in ((0, 8), (16, 24)):
        assert any(drawn[index] for index in drawn if first <= index < last)
