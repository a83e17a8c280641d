"""Rate: references are coarser where the warp errs and short-lived, fine where they are looked at for long."""

from collections.abc import Callable

import pytest

from codec.decisions.budget import Budget
from codec.decisions.reference_quality import COARSEST, ReferenceQuality
from codec.encoder import Encoder
from codec.reference import svt
from codec.units import Image

QP = 34
NEW_DB = 33.0


def serve(quality: ReferenceQuality, *, bits: int, frames: int, psnr_db: float, keyframe: bool = False) -> int:
    """A reference's life; how much coarser the next one should be."""
    quality.begin(bits=bits, psnr_db=NEW_DB, qp=QP, keyframe=keyframe)
    for _ in range(frames):
        quality.frame(psnr_db, shown_for=1.0)
    quality.begin(bits=bits, psnr_db=NEW_DB, qp=QP, keyframe=False)
    return quality.coarser_by


def test_the_first_references_are_as_qp_says() -> None:
    quality = ReferenceQuality()
    assert quality.coarser_by == 0
    quality.begin(bits=9000, psnr_db=NEW_DB, qp=QP, keyframe=True)
    assert quality.coarser_by == 0


def test_a_lively_face_gets_coarser_references_and_a_calm_one_does_not() -> None:
    assert serve(ReferenceQuality(), bits=4000, frames=10, psnr_db=NEW_DB - 10) > 0
    assert serve(ReferenceQuality(), bits=1000, frames=75, psnr_db=NEW_DB - 0.5) == 0


def test_the_more_one_costs_the_coarser_is_the_next() -> None:
    steps = [serve(ReferenceQuality(), bits=bits, frames=20, psnr_db=NEW_DB - 6) for bits in (500, 2000, 4000, 8000)]
    assert steps == sorted(steps)
    assert steps[0] < steps[-1]


def test_frames_that_are_shown_for_longer_count_for_more() -> None:
    usual, slow = ReferenceQuality(), ReferenceQuality()
    for quality, shown_for in ((usual, 1.0), (slow, 3.0)):
        quality.begin(bits=4000, psnr_db=NEW_DB, qp=QP, keyframe=False)
        for _ in range(10):
            quality.frame(NEW_DB - 6, shown_for=shown_for)
        quality.begin(bits=4000, psnr_db=NEW_DB, qp=QP, keyframe=False)
    assert slow.coarser_by < usual.coarser_by


def test_what_a_keyframe_costs_says_nothing() -> None:
    assert serve(ReferenceQuality(), bits=20_000, frames=5, psnr_db=NEW_DB - 15, keyframe=True) == 0


def test_it_stays_in_range_and_comes_back() -> None:
    quality = ReferenceQuality()
    for _ in range(20):
        wild = serve(quality, bits=8000, frames=6, psnr_db=NEW_DB - 15)
    assert wild == COARSEST
    for _ in range(20):
        calm = serve(quality, bits=800, frames=100, psnr_db=NEW_DB)
    assert calm == 0


@pytest.mark.skipif(not svt.available(), reason="this SVT-AV1 keeps its step for a stream")
@pytest.mark.parametrize("kbps", [0.0, 8.0])
def test_references_of_one_stream_differ_in_quality(
    pictures: list[Image],
    leave_at: Callable[..., None],
    make_encoder: Callable[..., Encoder],
    monkeypatch: pytest.MonkeyPatch,
    kbps: float,
) -> None:
    leave_at(2, 4, 6)
    monkeypatch.setattr(Budget, "grants", lambda self, *, excess_db: self.frames_granted())
    granted = iter([False, False, True, False, True] * 4)
    monkeypatch.setattr(Budget, "frames_granted", lambda self: next(granted), raising=False)
    wanted = iter(range(3, 60, 3))
    monkeypatch.setattr(ReferenceQuality, "coarser_by", property(lambda self: next(wanted)))
    encoder = make_encoder(qp=24, kbps=kbps, threads=1)
    crfs = []
    for index, picture in enumerate(pictures[:10]):
        if encoder.encode(picture, pts=3600 * index).reference is not None:
            crfs.append(encoder.newest.crf)
    assert len(crfs) > 2
    assert crfs[0] < crfs[1] < crfs[2]
