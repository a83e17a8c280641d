"""Pictures that a late receiver makes for less: nearly the same, and nothing is built on them."""

from typing import Any

import numpy as np

from codec.pictures.psnr import psnr_db


def test_a_picture_without_refinement_is_nearly_the_same_and_nothing_is_built_on_it(
    stream: list[Any], decoder: Any
) -> None:
    for coded in stream:
        if coded.frame.reference is not None:
            decoder.add_reference(coded.frame)
        state = decoder.read(coded.frame)
        frugal = decoder.render(state, refined=False)
        assert psnr_db(frugal, coded.shown) > 25
        np.testing.assert_array_equal(decoder.render(state), coded.shown)
