"""Rows that nothing was measured for."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.clips.clip import Clip
from benchmarks.quality.metrics import Quality
from benchmarks.rate.anchors.coded_clip import CodedClip
from benchmarks.rate.results.rows import (
    FACEWIRE,
    FREEZE,
    RateRow,
    make_row,
)
from signaling.transport.costs import Wire

ROW = RateRow(
    clip="a", codec=FACEWIRE, setting="qp 32", frames=50, fps=25.0, kbps=8.0, keyframe_kbps=3.0, reference_kbps=3.0,
    motion_kbps=2.0, wire_kbps=14.0, wire_back_kbps=6.0, psnr_db=28.0, ssim=0.8, ms_ssim=0.9, lpips=0.12,
    encode_ms=60.0, decode_ms=30.0, first_keyframe_bytes=750, motion_bytes_per_frame=10.0, motion_kbps_at_25=2.0,
)  # fmt: skip


def measured_rows(*, saving: float = 1.0) -> list[RateRow]:
    """Two clips at three QPs, with freeze rows; every rate times `saving`."""
    listed = []
    for clip in ("a", "b"):
        listed.append(replace(ROW, clip=clip, codec=FREEZE, setting="", kbps=0.0, psnr_db=20.0))
        for step, qp in enumerate((44, 32, 20)):
            kbps, psnr_db = saving * 4.0 * 2**step, 25.0 + 2 * step
            quality = {"psnr_db": psnr_db, "ms_ssim": 0.8 + 0.05 * step, "lpips": 0.2 - 0.04 * step}
            listed.append(replace(ROW, clip=clip, setting=f"qp {qp}", kbps=kbps, **quality))
    return listed


@pytest.fixture(name="measured_rows")
def _measured_rows() -> Callable[..., list[RateRow]]:
    return measured_rows


@pytest.fixture
def row() -> RateRow:
    clip = Clip("a", 25.0, np.zeros((50, 4, 4, 3), np.uint8))
    coded = CodedClip(clip.pictures, 1000, 500, 250, Wire(4000, 2000), 12.0, 6.0, 900)
    return make_row(clip, coded, Quality(30.0, 0.9, 0.95, 0.1), codec=FACEWIRE, setting="qp 32")
