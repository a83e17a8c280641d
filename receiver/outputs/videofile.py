"""Stage 10, display: pictures with their real time stamps into a file that plays even if the program is killed."""

from pathlib import Path

from codec.pictures.video import RECONSTRUCTED, VideoWriter
from codec.sound import Samples
from codec.units import PTS_PER_S, Image
from receiver.picture import fit

__all__ = ["VideoFile"]

SOUND_WAITS = PTS_PER_S  # a second of pictures: then there is silence where no sound came, which would hold them up


class VideoFile:
    """FILE.mp4 (H.264, AAC) or FILE.mkv (lossless), opened at the first picture, whose size the others are fitted to.

    The file's title and comment say that the pictures are reconstructed. Raises MediaError where it cannot be written.
    """

    def __init__(self, path: Path, *, sound: bool = False) -> None:
        self._writer = VideoWriter(path, title=RECONSTRUCTED, comment=RECONSTRUCTED, sound=sound, live=True)
        self._shape: tuple[int, ...] | None = None
        self._start = 0
        self._last = -1

    @property
    def pictures(self) -> int:
        """Pictures written so far."""
        return self._writer.frames

    def write(self, image_rgb: Image, *, pts: int) -> None:
        """Adds a picture, uint8 (H, W, 3), at `pts` (1/90000 s, increasing); times count from the first picture."""
        if self._shape is None:
            self._shape, self._start = image_rgb.shape, pts
        self._last = max(self._last + 1, pts - self._start)
        self._writer.write(fit(image_rgb, width=self._shape[1], height=self._shape[0]), pts=self._last)
        self._writer.silence(until=self._last - SOUND_WAITS)

    def write_sound(self, samples: Samples, *, pts: int) -> None:
        """Adds sound, float32 (N,) at 48 kHz, heard at `pts` of the same clock; none from before the first picture."""
        self._writer.write_sound(samples, pts=pts - self._start)

    def close(self) -> None:
        """Writes what is left and closes the file; without a single picture there is no file."""
        self._writer.close()
