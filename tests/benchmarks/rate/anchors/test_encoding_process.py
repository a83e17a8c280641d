"""Stage 4, for comparison: an encoder that comes to a halt costs another try, not the run."""

import os
import signal
from dataclasses import replace
from typing import Any, cast

import pytest

from benchmarks.clips.clip import Clip
from benchmarks.errors import EncoderFailed
from benchmarks.rate.anchors.encoder import encode
from benchmarks.rate.anchors.encoding_process import PATIENCE_S, EncodingProcess
from benchmarks.rate.anchors.setups import ANCHORS, Anchor

SETUP = ANCHORS["x264"]


def test_what_comes_out_is_what_the_encoder_gives(clip: Clip) -> None:
    process = EncodingProcess()
    there = process.encode(SETUP, clip, crf=40)
    assert there.pictures == encode(SETUP, clip, crf=40).pictures
    assert there.seconds > 0
    process.close()
    process.close()
    assert process.pid is None


def test_what_does_not_answer_in_time_is_ended_and_tried_again(clip: Clip) -> None:
    process = EncodingProcess(patience_s=(0.0, *PATIENCE_S))
    process.encode(SETUP, clip, crf=40)
    first = process.pid
    assert first is not None
    assert process.encode(SETUP, clip, crf=44).pictures == encode(SETUP, clip, crf=44).pictures
    assert process.pid != first
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    process.close()


def test_a_process_that_died_is_begun_anew(clip: Clip) -> None:
    process = EncodingProcess()
    process.encode(SETUP, clip, crf=40)
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert process.encode(SETUP, clip, crf=40).pictures
    assert process.pid != first
    process.close()


class Deadly:
    """A set-up that ends the process which reads it."""

    encoder = "libdeadly"

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (3,)


def test_a_process_that_dies_at_every_try_is_told(clip: Clip) -> None:
    process = EncodingProcess()
    with pytest.raises(EncoderFailed, match="libdeadly stalled or died 3 times on texture at crf 40"):
        process.encode(cast(Anchor, Deadly()), clip, crf=40)
    assert process.encode(SETUP, clip, crf=40).pictures
    process.close()


def test_after_all_tries_it_is_told(clip: Clip) -> None:
    process = EncodingProcess(patience_s=(0.0, 0.0))
    with pytest.raises(EncoderFailed, match="libx264 stalled or died 2 times on texture at crf 40"):
        process.encode(SETUP, clip, crf=40)
    assert process.pid is None


def test_mistakes_come_through_and_the_process_goes_on(clip: Clip) -> None:
    process = EncodingProcess()
    with pytest.raises(Exception, match="nosuchcodec"):
        process.encode(replace(SETUP, encoder="nosuchcodec"), clip, crf=40)
    first = process.pid
    assert process.encode(SETUP, clip, crf=40).pictures
    assert process.pid == first
    process.close()
