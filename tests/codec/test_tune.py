"""Tuned for likeness, references are finer by what is said, and both ends go on showing one picture."""

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest

from codec import CodecConfig, CodedFrame
from codec.config import Tune
from codec.errors import ConfigError
from codec.reference.crf import TUNES, reference_crf

QP, DURATION = 40, 3600


@pytest.mark.parametrize("tune", get_args(Tune))
def test_references_are_as_fine_as_the_tuning_says(
    tune: Tune, pictures: list[Any], decoder: Any, make_encoder: Callable[..., Any]
) -> None:
    encoder = make_encoder(qp=QP, tune=tune, measure_every=1)
    for index, picture in enumerate(pictures[:3]):
        coded = CodedFrame.parse(bytes(encoder.encode(picture, pts=index * DURATION)))
        np.testing.assert_array_equal(decoder.decode(coded), encoder.reconstruction)
        if index == 0:
            assert encoder.newest.crf == reference_crf(QP + TUNES[tune])


def test_likeness_takes_finer_pictures() -> None:
    assert TUNES["perceptual"] < TUNES["psnr"] == 0


def test_there_is_no_other_tuning() -> None:
    with pytest.raises(ConfigError, match="tune is 'ssim'"):
        CodecConfig(tune="ssim")  # type: ignore[arg-type]
