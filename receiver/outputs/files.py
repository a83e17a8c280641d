"""Stage 10, display: pictures and sound into files, each file's in a thread of its own."""

from abc import abstractmethod
from collections import deque
from contextlib import ExitStack
from pathlib import Path

from codec.pictures.video import RECONSTRUCTED, VideoWriter
from codec.sound import SAMPLE_RATE
from codec.units import PTS_PER_S
from receiver.errors import DisplayError
from receiver.outputs.output import Ended, Pictures
from receiver.outputs.videofile import VideoFile
from receiver.picture import Heard, Picture, fit
from signaling.transport.costs import KINDS, Kind

__all__ = ["FileOutput", "Recorder"]

MOST_BLOCKS = 1024  # of sound that wait: twenty seconds
PICTURE_WAITS_S = 0.5  # for sound: then it is written without a new one
SOUND_WAITS = PTS_PER_S  # pictures: then where no sound came there is silence, so that what is written can be played


class _Films(Pictures):
    """Files that hold pictures and sound. Sound that is no more than `_uneven` off follows what was before it."""

    _uneven = PTS_PER_S // 25  # the time that a device tells is not to the sample

    def __init__(self, *, name: str, what: str, capacity: int, ended: Ended) -> None:
        self._sounds: deque[Heard] = deque(maxlen=MOST_BLOCKS)
        self._sound_end: int | None = None
        super().__init__(name=name, what=what, capacity=capacity, ended=ended)

    def hear(self, sound: Heard) -> None:
        with self._ready:
            self._sounds.append(sound)

    def _step(self) -> bool:
        picture = self._next(timeout=PICTURE_WAITS_S)
        if picture is not None:
            self._handle(picture)
        self._add_sound()
        return picture is not None or not self._closing

    def _add_sound(self) -> None:
        while self._sounds:  # others put some in at any time: it is theirs to put and ours to take
            sound = self._sounds.popleft()
            is_next = self._sound_end is not None and abs(sound.pts - self._sound_end) <= self._uneven
            pts = self._sound_end if is_next and self._sound_end is not None else sound.pts
            self._sound_end = pts + round(len(sound.samples) * PTS_PER_S / SAMPLE_RATE)
            self._write_sound(Heard(sound.samples, pts))

    @abstractmethod
    def _write_sound(self, sound: Heard) -> None:
        """Writes some sound, in the thread."""


class FileOutput(_Films):
    """FILE.mp4 or FILE.mkv with the times at which pictures were shown and sound was heard."""

    def __init__(self, path: Path, *, sound: bool = False, ended: Ended) -> None:
        check_writable(path)
        self._file = VideoFile(path, sound=sound)
        super().__init__(name="facewire-file", what=str(path), capacity=64, ended=ended)

    @property
    def pictures(self) -> int:
        """Pictures written so far."""
        return self._file.pictures

    def _handle(self, picture: Picture) -> None:
        self._file.write(picture.rgb(), pts=picture.shown_us * 9 // 100)

    def _write_sound(self, sound: Heard) -> None:
        self._file.write_sound(sound.samples, pts=sound.pts)

    def _finish(self) -> None:
        self._file.close()


class Recorder(_Films):
    """Both codecs' pictures, lossless, with the sender's time stamps (TimeLine): DIR/keypoints.mkv and DIR/h264.mkv.

    With `sound` each holds it too, as it was decoded, by the same time stamps.
    """

    _uneven = PTS_PER_S // 200

    def __init__(self, folder: Path, *, size: int, sound: bool = False, ended: Ended) -> None:
        check_writable(folder / "keypoints.mkv")
        self._size = size
        self._files = {
            kind: VideoWriter(folder / f"{kind}.mkv", comment=f"{kind}. {RECONSTRUCTED}", sound=sound, live=True)
            for kind in KINDS
        }
        self._last: dict[Kind, int] = dict.fromkeys(KINDS, -1)
        super().__init__(name="facewire-record", what=str(folder), capacity=128, ended=ended)

    def _handle(self, picture: Picture) -> None:
        if picture.pts > self._last[picture.kind]:
            self._last[picture.kind] = picture.pts
            image_rgb = fit(picture.rgb(), width=self._size, height=self._size)
            self._files[picture.kind].write(image_rgb, pts=picture.pts)
            self._files[picture.kind].silence(until=picture.pts - SOUND_WAITS)

    def _write_sound(self, sound: Heard) -> None:
        for file in self._files.values():
            file.write_sound(sound.samples, pts=sound.pts)

    def _finish(self) -> None:
        with ExitStack() as stack:  # one that cannot be finished holds up no other
            for file in self._files.values():
                stack.callback(file.close)


def check_writable(path: Path) -> None:
    """Raises DisplayError where no file can be made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
        if path.stat().st_size == 0:
            path.unlink()
    except OSError as error:
        raise DisplayError(f"{path}: cannot write: {error.strerror}") from None
