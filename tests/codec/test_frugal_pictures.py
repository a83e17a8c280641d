"""Pictures that a late receiver makes for less: nearly the same, and nothing is built on them."""

from typing import Any

import numpy as np
import pytest

from codec import Rendering
from codec.pictures.psnr import psnr_db


@pytest.mark.parametrize("refined", [True, False])
@pytest.mark.parametrize("generated", [True, False])
def test_a_picture_made_for_less_is_nearly_the_same_and_nothing_is_built_on_it(
    stream: list[Any], decoder: Any, refined: bool, generated: bool
) -> None:
    rendering = Rendering(refined=refined, generated=generated)
    for coded in stream:
        if coded.frame.reference is not None:
            decoder.add_reference(coded.frame)
        state = decoder.read(coded.frame)
        assert psnr_db(decoder.render(state, rendering=rendering), coded.shown) > 25
        np.testing.assert_array_equal(decoder.render(state), coded.shown)


def test_each_part_that_is_left_out_runs_no_network(stream: list[Any], decoder: Any) -> None:
    decoder.add_reference(stream[0].frame)
    state = next(state for coded in stream if (state := decoder.read(coded.frame)).coefficients.any())
    ran = list[str]()
    load = decoder._runtime._graph

    def watched(name: str) -> Any:
        ran.append(name)
        return load(name)

    decoder._runtime._graph = watched
    seen = {}
    for rendering in (Rendering(), Rendering(refined=False), Rendering(generated=False), Rendering(False, False)):
        ran.clear()
        decoder.render(state, rendering=rendering)
        seen[rendering] = ("refinement" in ran, "generator" in ran)
    assert all(rendering == parts for rendering, parts in seen.items())
