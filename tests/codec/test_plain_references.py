"""An encoder that is spared the restoration says so reference by reference, and both ends go on showing one picture."""

from collections.abc import Callable
from typing import Any

import numpy as np

from codec import CodedFrame

DURATION = 3600


def test_restoration_is_left_out_and_comes_back(
    pictures: list[Any], decoder: Any, make_encoder: Callable[..., Any]
) -> None:
    encoder, restored = make_encoder(measure_every=1), dict[int, bool]()
    wanted = {0: True, 6: False, 14: True}
    for index, picture in enumerate(pictures[:20]):
        if index in wanted:
            encoder.set_steps(windows=True, restoration=wanted[index])
            encoder.force_keyframe()
        coded = CodedFrame.parse(bytes(encoder.encode(picture, pts=index * DURATION)))
        np.testing.assert_array_equal(decoder.decode(coded), encoder.reconstruction)
        if coded.reference is not None:
            restored[index] = coded.reference.picture[0] >> 2 > 0
            held = np.array_equal(encoder.newest.picture, encoder.shown.prepared.picture)
            assert held is not restored[index], "what is not restored is shown as it was decoded"
    assert [restored[index] for index in wanted] == list(wanted.values())
