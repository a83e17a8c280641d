"""Stage 10, display: where a program's calls go: an output, and a recording of pictures and voice if wanted."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

from codec.sound import Samples
from receiver.display import open_output
from receiver.files import Recorder
from receiver.output import Ended, NullOutput, Output
from receiver.picture import Heard, Picture
from receiver.receive import FaceReceiver
from receiver.sound.outputs import SoundFile, hear
from signaling.threads import run_in_thread

__all__ = ["Destinations"]


class Destinations:
    """One output for all calls of a program; `recorded` pictures and what is heard go into files as well."""

    def __init__(self) -> None:
        self._output: Output = NullOutput()
        self._recorder: Output = NullOutput()
        self._sound_file: SoundFile | None = None

    async def open(self, output: str, *, record: Path | None, sound: bool, size: int, ended: Ended) -> None:
        """Raises DisplayError; what was opened before is closed by `close` all the same."""
        if record is not None:
            self._recorder = Recorder(record, size=size, sound=sound, ended=ended)
            self._sound_file = SoundFile(record / "sound.wav") if sound else None

        def work(_: threading.Event) -> None:
            self._output = open_output(output, size=size, sound=sound, ended=ended)

        # In a thread that no end waits for: a display may take half a minute to say no.
        await run_in_thread(work, name="facewire-open")

    async def close(self) -> None:
        """Closes all of them, each with what still waits. Raises DisplayError."""
        if self._sound_file is not None:
            self._sound_file.close()
        try:
            await asyncio.to_thread(self._output.close)
        finally:
            await asyncio.to_thread(self._recorder.close)

    def show(self, picture: Picture) -> None:
        """A picture that is due, into the output."""
        self._output.show(picture)

    def record(self, picture: Picture) -> None:
        """A picture that came, into the recording."""
        self._recorder.show(picture)

    async def hear(self, receiver: FaceReceiver, *, speaker: str, say: Callable[[str], None]) -> None:
        """The voice of one call, on the loudspeaker that `speaker` names and into the recording, until it ends."""
        receiver.sound.watch(lambda samples, pts: self._recorder.hear(Heard(samples, pts)))
        await hear(receiver.sound, receiver.sound_track, self._heard, speaker=speaker, say=say)

    def _heard(self, samples: Samples, at_us: int) -> None:
        self._output.hear(Heard(samples, at_us * 9 // 100))
        if self._sound_file is not None:
            self._sound_file.write(samples)
