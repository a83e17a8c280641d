"""Stages 3 and 9: which precision training computes in, by what the processor multiplies itself."""

import pytest
import torch

from codec.networks import layers
from codec.networks.layers import full_precision, mixed_precision


@pytest.mark.parametrize(("multiplies", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_bfloat16_is_for_processors_that_have_it(
    multiplies: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "has_bfloat16", lambda: multiplies)
    layer, picture = torch.nn.Conv2d(1, 1, 1), torch.ones(1, 1, 2, 2)
    with mixed_precision(torch.device("cpu")):
        assert layer(picture).dtype == expected
        with full_precision(picture):
            assert layer(picture).dtype == torch.float32


def test_a_processor_is_asked_for_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    for features, expected in (({"avx512_bf16": True}, True), ({"avx2": True, "amx_bf16": False}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda features=features: features)
        layers.has_bfloat16.cache_clear()
        assert layers.has_bfloat16() == expected
    layers.has_bfloat16.cache_clear()
