"""Stage 10, display: a recording for each of those that are received at a time."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from codec.sound import Samples
from receiver.outputs.files import Recorder
from receiver.outputs.output import Ended, NullOutput, Output
from receiver.outputs.timeline import TimeLine
from receiver.picture import Heard, Picture

__all__ = ["Recordings"]


class Recordings:
    """The first one's files are in `folder`, those of the others in folders inside it: 2, 3 and so on.

    Without a folder nothing is recorded. Raises DisplayError where a file cannot be written.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        size: int = 0,
        sound: bool = False,
        ended: Ended = lambda error: None,
    ) -> None:
        self._folder, self._size, self._sound, self._ended = folder, size, sound, ended
        self._outputs: dict[int, Output] = {}
        self._times: dict[int, TimeLine] = {}
        self._of(1)  # what cannot be written is told at the start

    def begin(self, place: int) -> None:
        """Another call at one place, from 1 on, of which its recording is told from now on."""
        self._times.setdefault(place, TimeLine()).begin()

    def show(self, place: int, picture: Picture) -> None:
        """A picture that came to this place."""
        self._of(place).show(replace(picture, pts=self._placed(place, picture.pts)))

    def hear(self, place: int, samples: Samples, pts: int) -> None:
        """Sound that came to this place; from any thread."""
        self._of(place).hear(Heard(samples, self._placed(place, pts)))

    def _placed(self, place: int, pts: int) -> int:
        return self._times.setdefault(place, TimeLine()).place(pts)

    def _of(self, place: int) -> Output:
        if self._folder is None:
            return _NOWHERE
        if place not in self._outputs:
            folder = self._folder if place == 1 else self._folder / str(place)
            self._outputs[place] = Recorder(folder, size=self._size, sound=self._sound, ended=self._ended)
        return self._outputs[place]

    def close(self) -> None:
        """Closes all of them, each with what still waits. Raises DisplayError."""
        with ExitStack() as stack:
            for output in self._outputs.values():
                stack.callback(output.close)


_NOWHERE = NullOutput()
