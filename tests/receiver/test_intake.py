"""Intake: what comes twice is counted as bytes, and as nothing else."""

from collections import Counter
from types import SimpleNamespace
from typing import cast

from codec.bits.packet import MotionMessage
from receiver.figures.meter import Meter
from receiver.motion.decode import Decoding
from receiver.motion.intake import Intake


def test_a_message_that_comes_again_is_no_work_for_the_decoder() -> None:
    meter = Meter()
    intake = Intake(
        cast(Decoding, SimpleNamespace(read=print)),  # nothing is decoded without a worker
        worker=None,
        reorder_us=10_000,
        now_us=lambda: 0,
        meter=meter,
        counts=Counter(),
        on_reference=lambda _: None,
        on_read=lambda _: None,
        failed=lambda: None,
    )
    message = bytes(MotionMessage(7, 3, b"unit"))
    assert all(intake.take_motion(message) for _ in range(4))
    totals = meter.snapshot(now_us=1_000_000)["keypoints"]["totals"]
    assert (totals["coded_frames"], totals["motion_messages"]) == (3, 4)
    assert totals["payload_bytes"] == len(b"unit")
    assert intake.messages.counts == {"received": 1, "duplicate": 3}
