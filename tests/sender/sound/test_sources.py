"""Sound of files and tracks: any rate and layout, at the picture's time, and what cannot be read has a name."""

import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from aiortc import VideoStreamTrack
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError

from codec.sound import SAMPLE_RATE
from sender.errors import SourceError
from sender.sound.sources import Block, FileSound, TrackSound


class Clock:
    """Time that passes by waiting alone."""

    def __init__(self) -> None:
        self.now_s = 50.0

    def time(self) -> float:
        return self.now_s

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.now_s += seconds
        return stop.is_set()


def wav(path: Path, *, rate: int, layout: str, seconds: float = 1.0, frequency: float = 440.0) -> Path:
    channels = 2 if layout == "stereo" else 1
    t = np.arange(round(seconds * rate)) / rate
    whole = (16_000 * np.sin(2 * np.pi * frequency * t)).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.repeat(whole, channels)[None], format="s16", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read(source: FileSound, *, blocks: int = 10_000) -> list[Block]:
    stop, heard = threading.Event(), list[Block]()

    def deliver(block: Block) -> None:
        heard.append(block)
        if len(heard) >= blocks:
            stop.set()

    source.read(deliver, stop)
    return heard


@pytest.mark.parametrize(
    ("rate", "layout"), [(8_000, "mono"), (44_100, "stereo"), (48_000, "mono"), (96_000, "stereo")]
)
def test_any_rate_and_layout_is_mono_at_48_khz(tmp_path: Path, rate: int, layout: str) -> None:
    clock = Clock()
    blocks = read(FileSound(wav(tmp_path / "a.wav", rate=rate, layout=layout), clock=clock.time, wait=clock.wait))
    samples = np.concatenate([block.samples for block in blocks])
    assert len(samples) == pytest.approx(SAMPLE_RATE, abs=2000)
    assert np.argmax(np.abs(np.fft.rfft(samples, SAMPLE_RATE))) == pytest.approx(440, abs=2)
    assert np.abs(samples).max() == pytest.approx(0.49, abs=0.03)
    assert blocks[0].captured_s == 50.0
    assert clock.now_s == pytest.approx(51.0, abs=0.05)  # it took as long as it lasts


def test_sound_begins_with_the_picture(tmp_path: Path) -> None:
    clock, begins = Clock(), iter([None, None, 70.0])
    path = wav(tmp_path / "a.wav", rate=48_000, layout="mono")
    blocks = read(FileSound(path, begins=lambda: next(begins), clock=clock.time, wait=clock.wait))
    assert blocks[0].captured_s == 70.0


def test_a_call_that_begins_when_the_pictures_have_run_for_long_gets_no_sound_of_before_it(tmp_path: Path) -> None:
    """All of half an hour was handed over at once: 230 MB, and no picture came for minutes."""
    clock = Clock()
    clock.now_s = 2000.0
    path = wav(tmp_path / "a.wav", rate=48_000, layout="mono", seconds=1.5)
    source = FileSound(path, begins=lambda: 200.0, loop=True, clock=clock.time, wait=clock.wait)
    blocks = read(source, blocks=200)
    assert min(block.captured_s for block in blocks) >= 2000.0 - 1.1
    assert clock.now_s >= 2001.0
    starts = {round((block.captured_s - 200.0) % 1.5, 3) for block in blocks}
    assert 0.0 in starts, "and it is in step with the file"
    assert read(FileSound(path, begins=lambda: 200.0, clock=clock.time, wait=clock.wait)) == []


def test_a_loop_begins_again_where_it_ended(tmp_path: Path) -> None:
    clock = Clock()
    path = wav(tmp_path / "a.wav", rate=48_000, layout="mono", seconds=0.25)
    blocks = read(FileSound(path, loop=True, clock=clock.time, wait=clock.wait), blocks=60)
    ends = [block.captured_s + len(block.samples) / SAMPLE_RATE for block in blocks]
    assert [block.captured_s for block in blocks[1:]] == pytest.approx(ends[:-1], abs=0.001)
    assert ends[-1] > 50.5


def film(path: Path, *, seconds: float, sound_s: float) -> Path:
    with av.open(str(path), "w") as container:
        pictures, sound = container.add_stream("mpeg4", rate=10), container.add_stream("aac", rate=SAMPLE_RATE)
        pictures.width = pictures.height = 64
        for number in range(round(10 * seconds)):
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number, np.uint8))
            container.mux(pictures.encode(picture))
        tone = np.sin(0.1 * np.arange(round(sound_s * SAMPLE_RATE))).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
        container.mux([*sound.encode(frame), *sound.encode(None), *pictures.encode(None)])
    return path


def test_where_pictures_go_on_after_the_sound_there_is_silence_until_both_begin_again(tmp_path: Path) -> None:
    clock = Clock()
    path = film(tmp_path / "a.mp4", seconds=1.0, sound_s=0.4)
    blocks = read(FileSound(path, loop=True, clock=clock.time, wait=clock.wait), blocks=150)
    ends = [block.captured_s + len(block.samples) / SAMPLE_RATE for block in blocks]
    assert [block.captured_s for block in blocks[1:]] == pytest.approx(ends[:-1], abs=0.001), "without a gap"
    loud = [block.captured_s % 1.0 for block in blocks if np.abs(block.samples).max() > 0.1]
    assert max(loud) < 0.5
    assert ends[-1] > 52.0


def test_what_has_no_sound_or_is_no_file_has_a_name(tmp_path: Path) -> None:
    silent = Path(__file__).parents[3] / "benchmarks" / "clips" / "data" / "sample.mp4"
    with pytest.raises(SourceError, match="no sound in it"):
        read(FileSound(silent))
    (tmp_path / "b.wav").write_bytes(b"RIFF and nothing more")
    for path in (tmp_path / "b.wav", tmp_path / "absent.wav"):
        with pytest.raises(SourceError, match="reading failed"):
            read(FileSound(path))


class Ending(AudioStreamTrack):
    """A track of three frames of 20 ms."""

    def __init__(self) -> None:
        super().__init__()
        self._left = 3

    async def recv(self) -> av.AudioFrame:
        if not self._left:
            raise MediaStreamError
        self._left -= 1
        frame = av.AudioFrame.from_ndarray(np.full((1, 640), 8000, np.int16), format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, 320 * (2 - self._left), Fraction(1, 16_000)
        return frame


async def test_a_track_is_read_to_its_end() -> None:
    blocks: list[Block] = []
    await TrackSound(Ending(), clock=lambda: 9.0).run(blocks.append)
    assert sum(len(block.samples) for block in blocks) == pytest.approx(2880, abs=150)
    assert blocks[0].captured_s == pytest.approx(9.0 - len(blocks[0].samples) / SAMPLE_RATE)


def test_a_video_track_is_no_sound() -> None:
    with pytest.raises(SourceError, match="audio track"):
        TrackSound(VideoStreamTrack())
