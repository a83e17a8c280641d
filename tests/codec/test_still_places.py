"""Still places through encoder and decoder: both hold the same cells, and a decoded frame is what the encoder saw."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from codec.state.chain import STILL_BIT

Picture = npt.NDArray[np.uint8]
Make = Callable[..., Any]


def test_what_stands_still_behind_a_head_is_held_and_decodes_alike(
    pictures: list[Picture], leave_at: Callable[..., None], decoder: Any, make_encoder: Make, monkeypatch: Any
) -> None:
    """The flag's worth depends on weights and clip: here holding always helps, at both ends the same cells are held."""
    leave_at(2, 5)
    monkeypatch.setattr("codec.decisions.motion_search.warp_psnr", better_where_held())
    encoder = make_encoder(threads=1)
    stream = encoder.record(pictures[:12])
    held = [state.windows & STILL_BIT for coded in stream if (state := followed(decoder, coded)).windows]
    assert any(held)
    assert encoder.shown.still is not None
    assert encoder.shown.still.max() == 1


def better_where_held() -> Callable[..., float]:
    """A plain warp's PSNR that is higher the less is moved."""
    return lambda driving, source, flow: 30.0 - float(np.abs(flow).mean())


def followed(decoder: Any, coded: Any) -> Any:
    """The state of a frame that decodes to what the encoder saw."""
    frame = coded.frame
    if frame.reference is not None:
        decoder.add_reference(frame)
    state = decoder.read(frame)
    np.testing.assert_array_equal(decoder.render(state), coded.shown)
    return state
