"""A voice that comes without motion, beside H.264 alone, is recorded by the sender's times all the same."""

import asyncio
from typing import Any

import numpy as np
import pytest

from codec.sound import SoundConfig, SoundEncoder, SoundMessage
from receiver.options import ReceiverOptions
from receiver.receive import FaceReceiver
from signaling.protocol.messages import QualityReport
from signaling.transport.memory import memory_pair


async def test_a_voice_without_motion_has_the_senders_times(toys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = memory_pair(delay_s=0.0)
    sender, told = toys.Sender(there), list[int]()
    receiver = FaceReceiver(
        here, options=ReceiverOptions(sound=True), worker=toys.Worker(), decoder=toys.Decoder(), video=toys.Video()
    )
    monkeypatch.setattr(receiver._wake, "set", lambda: None)  # no motion comes that would wake the playout
    receiver.sound.watch(lambda samples, pts: told.append(pts))
    encoder = SoundEncoder(SoundConfig(dtx=False))
    hum = np.asarray(0.3 * np.sin(np.arange(1920) / 30), np.float32)
    assert there.sound is not None
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(receiver.run())
        figures = {"pts_origin_us": 400_000.0, "h264_origin_pts": 0.0}
        report = QualityReport(pts=0, keypoints_psnr_db=None, h264_psnr_db=30.0, mode="h264", figures=figures)
        number = 0
        while len(told) < 5:
            message = SoundMessage(sequence=number, time=90_000 + 3600 * number, frames=(encoder.encode(hum),))
            there.sound.send(bytes(message))
            number += 1
            if number == 5:  # as it does: a while after the call has begun
                sender.say(report)
            await receiver.sound_track.recv()
            await receiver.sound_track.recv()
        await receiver.close()
    assert np.diff(told).tolist() == [3600] * (len(told) - 1)
    assert (told[0] - 54_000) % 3600 == 0
