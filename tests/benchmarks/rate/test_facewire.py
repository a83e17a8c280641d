"""Stage 3 to 9, without a network: what a clip through the codec costs, counted as it would be sent."""

import numpy as np

from benchmarks.clips.clip import load_clip
from benchmarks.clips.sample import SAMPLE
from benchmarks.rate.facewire import Halves, bundles, run_codec
from codec import CodecConfig


def test_what_was_coded_is_what_is_counted() -> None:
    clip = load_clip(SAMPLE, size=256, seconds=0.2)
    coded = run_codec(clip, CodecConfig(size=256, threads=1))
    assert coded.pictures.shape == clip.pictures.shape
    assert coded.keyframe_bytes > coded.motion_bytes > 0
    assert coded.wire.out > coded.payload_bytes
    assert coded.wire.back % 93 == 0


def test_shuffled_expressions_cost_the_same_and_show_other_faces() -> None:
    clip = load_clip(SAMPLE, size=256, seconds=0.5)
    config = CodecConfig.preset("one-keyframe", residual=False, threads=1)
    right, wrong = (run_codec(clip, config, shuffled=shuffled) for shuffled in (False, True))
    assert right.payload_bytes == wrong.payload_bytes
    changed = [float(np.abs(a.astype(int) - b).mean()) for a, b in zip(right.pictures, wrong.pictures, strict=True)]
    assert sum(one > 0 for one in changed) > len(changed) / 2


def test_chained_frames_share_a_message() -> None:
    chained = (False, True, True, False, True)
    frames = [Halves(False, b"", bytes([n]), chain) for n, chain in enumerate(chained)]
    silent = Halves(False, b"", b"", False)
    assert bundles([*frames, silent]) == [[b"\0", b"\1", b"\2"], [b"\3", b"\4"]]
