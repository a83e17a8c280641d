"""The made clip: its picture and its sound mark the same moments, and what is read off it are those moments."""

from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.calls.sync.marks import GRID, LEAST_APART_S, mark_times, reduced, sides, write_marked
from benchmarks.calls.sync.run import SyncSettings, flips_us, onsets_us, sync_row
from benchmarks.clips.sample import SAMPLE
from benchmarks.errors import CallTooShort, SettingError

SIZE, SECONDS, FPS = 256, 6.0, 25


def test_marks_are_further_apart_than_any_delay_and_unevenly() -> None:
    gaps = np.diff(mark_times(60.0, fps=FPS))
    assert gaps.min() >= LEAST_APART_S
    assert len(set(np.round(gaps, 3))) > 5
    assert mark_times(60.0, fps=FPS) == mark_times(60.0, fps=FPS)


def test_what_the_clip_marks_is_found_again_in_picture_and_sound(tmp_path: Path) -> None:
    path = tmp_path / "marked.mkv"
    times_s = write_marked(SAMPLE, path, size=SIZE, seconds=SECONDS, fps=FPS)
    assert len(times_s) >= 3
    with av.open(str(path)) as container:
        greys = np.array([reduced(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)])
    with av.open(str(path)) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert greys.shape == (SECONDS * FPS, GRID, GRID)
    shown_us = (np.arange(len(greys)) * 1_000_000 // FPS).astype(np.int64)
    seen_us = flips_us(sides(SAMPLE, greys, size=SIZE), shown_us)
    assert seen_us == pytest.approx([at_s * 1e6 for at_s in times_s], abs=1)
    assert onsets_us(heard, from_us=5_000_000) == pytest.approx([5e6 + at_s * 1e6 for at_s in times_s], abs=2_000)


def test_silence_and_a_still_speaker_mark_nothing() -> None:
    assert onsets_us(np.zeros(48_000, np.int16), from_us=0) == []
    assert onsets_us(np.zeros(0, np.int16), from_us=0) == []
    assert flips_us(np.full(9, 0.5, np.float32), np.arange(9, dtype=np.int64)) == []


def test_sound_that_is_late_is_positive_and_a_mark_that_did_not_come_is_left_out() -> None:
    sent = [0.0, 2e6, 4e6, 6e6]
    row = sync_row(sent, [0.2e6, 2.2e6, 4.2e6], [0.23e6, 2.19e6, 6.2e6], loss=0.05, bundle=4, fps_sent=25.0)
    assert row.apart_ms == pytest.approx((30.0, -10.0))
    assert (row.marks, row.met, row.delay_met) == (4, True, True)
    assert row.screen_ms.median == pytest.approx(200.0)
    assert row.ear_ms.median == pytest.approx(210.0)
    far = sync_row(sent, [0.2e6, 2.2e6], [0.2e6, 2.3e6], loss=0.0, bundle=3, fps_sent=25.0)
    assert (far.met, far.delay_met) == (False, None)
    with pytest.raises(CallTooShort, match="both seen"):
        sync_row(sent, [0.2e6], [2.2e6], loss=0.0, bundle=4, fps_sent=25.0)


@pytest.mark.parametrize("wrong", [{"seconds": 1.0}, {"losses": (0.5,)}, {"bundles": (17,)}, {"fps": 26}])
def test_settings_that_make_no_sense_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingError, match="--"):
        SyncSettings(**wrong)  # type: ignore[arg-type]
