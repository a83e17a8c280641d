"""Stage 3 to 9, offline: facewire without a part is another codec while it is measured, and itself again afterwards."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.clips.clip import Clip, load_clip
from benchmarks.clips.sample import SAMPLE
from benchmarks.errors import SettingError
from benchmarks.rate.anchors.coded_clip import CodedClip
from benchmarks.rate.facewire import run_codec
from benchmarks.rate.left_out import PARTS, part_of
from benchmarks.rate.operating_points import RateSettings, operating_points
from benchmarks.rate.results.ablation import ablations
from benchmarks.rate.results.rows import FACEWIRE, WITHOUT
from codec import CodecConfig
from tests.benchmarks.rate.conftest import measured_rows

_QP = 20  # so many bits that there are five references


@pytest.fixture(scope="module")
def clip() -> Clip:
    """So much motion that there are several references: only then does anything stand still, or a quality differ."""
    whole = load_clip(SAMPLE, size=256, seconds=10)
    return replace(whole, pictures=whole.pictures[::10])


@pytest.fixture(scope="module")
def whole(clip: Clip) -> CodedClip:
    return run_codec(clip, CodecConfig(qp=_QP, threads=1))


@pytest.mark.parametrize("name", PARTS)
def test_each_part_is_missed(name: str, clip: Clip, whole: CodedClip) -> None:
    part, config = part_of(name), CodecConfig(qp=_QP, threads=1)
    with part.left_out():
        without = run_codec(clip, part.config(config))
    assert not np.array_equal(without.pictures, whole.pictures), f"{name} does nothing on this clip"


def test_it_comes_back_after_an_error() -> None:
    before = {name: vars(owner).get(name) for owner, name in _owners()}
    for part in PARTS.values():
        with pytest.raises(KeyError), part.left_out():
            raise KeyError
    assert {name: vars(owner).get(name) for owner, name in _owners()} == before


def _owners() -> list[tuple[object, str]]:
    import codec.state.chain
    import codec.state.references
    from codec.decisions.face_search import FaceSearch
    from codec.decisions.reference_policy import ReferencePolicy
    from codec.engines.runtime import Runtime

    return [
        (Runtime, "_graph"),
        (FaceSearch, "draws"),
        (ReferencePolicy, "coarser_by"),
        (codec.state.chain, "follow_landmarks"),
        (codec.state.references, "_face"),
        (codec.state.references, "still_places"),
    ]


def test_parts_are_rows_of_their_own_at_every_qp() -> None:
    settings = RateSettings(anchors=(), prototype_steps=(), qps=(44, 20), without=("windows", "residual"))
    listed = [(p.codec, p.setting) for p in operating_points(settings) if p.codec.startswith(WITHOUT)]
    assert listed == [
        ("facewire without windows", "qp 20"),
        ("facewire without windows", "qp 44"),
        ("facewire without residual", "qp 20"),
        ("facewire without residual", "qp 44"),
    ]
    with pytest.raises(SettingError, match="restoration"):
        RateSettings(without=("hair",))


def test_what_a_part_saves_is_told_in_bits_at_equal_quality() -> None:
    rows = measured_rows()
    dearer = [
        replace(row, codec=WITHOUT + "windows", kbps=row.kbps * (1.5 if row.clip == "a" else 1.1))
        for row in rows
        if row.codec == FACEWIRE
    ]
    assert ablations(rows) == []
    (found,) = ablations([*rows, *dearer])
    assert found.part == "windows"
    assert found.psnr.value == pytest.approx(30.0, abs=0.01), "the mean rates are 1.3 times those of the whole"
    assert found.least_psnr == pytest.approx(10.0, abs=0.01)
    assert found.most_psnr == pytest.approx(50.0, abs=0.01)
    assert found.lpips is not None
    assert found.lpips.value == pytest.approx(30.0, abs=0.01)
