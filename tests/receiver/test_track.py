"""Frames of the track: what encoders take as it is, so that nobody who shares one converts it in place."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from aiortc.contrib.media import MediaRecorder, MediaRelay
from aiortc.mediastreams import MediaStreamError
from av.video.reformatter import VideoReformatter

from codec.input.converter import Converter
from codec.input.video import read_video
from receiver.picture import Picture
from receiver.track import FaceTrack

LEVELS = np.linspace(0, 255, 64, dtype=np.uint8)
SMOOTH = np.stack(np.broadcast_arrays(LEVELS[:, None], LEVELS[None, :], LEVELS[::-1, None]), axis=-1)


def picture(shown_us: int, image_rgb: Any = SMOOTH) -> Picture:
    return Picture("keypoints", shown_us * 9 // 100, shown_us, image_rgb)


@pytest.mark.parametrize("side", [64, 63, 2])
async def test_frames_are_ready_for_encoders_and_say_what_they_are(side: int) -> None:
    track = FaceTrack()
    track.offer(picture(5_000_000, SMOOTH[:side, :side]))
    frame = await track.recv()
    assert (frame.format.name, frame.width, frame.height) == ("yuv420p", side, side)
    assert frame.pts == 0
    back = Converter().rgb(frame)  # by its tags
    error = np.abs(back.astype(int) - SMOOTH[:side, :side])
    assert error.mean() < 4


class Ending(FaceTrack):
    """Says when its reader has seen its end."""

    def __init__(self, *, capacity: int) -> None:
        super().__init__(capacity=capacity)
        self.over = asyncio.Event()

    async def recv(self) -> Any:
        try:
            return await super().recv()
        except MediaStreamError:
            self.over.set()
            raise


async def test_a_recording_of_the_track_goes_on_when_pictures_change_their_size(tmp_path: Path) -> None:
    """The size of the call may change; aiortc's recorder keeps that of its first frame."""
    sides = (64, 64, 32, 32, 64, 64)
    track, recorder = Ending(capacity=len(sides) + 1), MediaRecorder(str(tmp_path / "film.mp4"))
    for number, side in enumerate(sides):
        track.offer(picture(40_000 * number, SMOOTH[:side, :side]))
    track._put(None)  # the end, behind them
    recorder.addTrack(track)
    await recorder.start()
    await asyncio.wait_for(track.over.wait(), 30)
    await recorder.stop()
    film = [image_rgb for image_rgb, _ in read_video(tmp_path / "film.mp4")]
    assert [image_rgb.shape for image_rgb in film] == [(64, 64, 3)] * len(sides)
    assert np.abs(film[3].astype(int) - cv2.resize(SMOOTH[:32, :32], (64, 64))).mean() < 10


async def test_arrays_come_from_a_reformatter_of_ones_own() -> None:
    track = FaceTrack()
    track.offer(picture(0))
    array = VideoReformatter().reformat(await track.recv(), format="rgb24").to_ndarray()
    assert np.abs(array.astype(int) - SMOOTH).mean() < 4


async def test_consumers_of_a_relay_encode_one_frame_at_once(encoders: Callable[[], Any]) -> None:
    """Three encoders of aiortc, each in its thread, get the same object and give pictures."""
    track, relay = FaceTrack(), MediaRelay()
    consumers = [(relay.subscribe(track), encoders()) for _ in range(3)]
    together = threading.Barrier(len(consumers))

    def work(encoder: Any, frame: Any) -> int:
        together.wait(30)
        payloads, _ = encoder.encode(frame)
        return len(payloads)

    async def consume(relayed: Any, encoder: Any) -> list[int]:
        sizes = list[int]()
        while len(sizes) < 20:
            frame = await relayed.recv()
            sizes.append(await asyncio.to_thread(work, encoder, frame))
            arrived.set()
        return sizes

    arrived = asyncio.Event()
    tasks = [asyncio.create_task(consume(relayed, encoder)) for relayed, encoder in consumers]
    number = 0
    async with asyncio.timeout(60):
        while not all(task.done() for task in tasks):
            track.offer(picture(number * 40_000, np.roll(SMOOTH, number, axis=0)))
            number += 1
            arrived.clear()
            waiting = asyncio.ensure_future(arrived.wait())
            await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
    assert all(min(task.result()) > 0 for task in tasks)
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()


@pytest.fixture
def encoders() -> Callable[[], Any]:
    from aiortc.codecs.vpx import Vp8Encoder

    return Vp8Encoder
