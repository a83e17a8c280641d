"""Stage 10, display: where a call goes: an output, a recording if wanted; and what the keys of a window ask for."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from codec.sound import Samples
from codec.units import Image
from receiver.errors import DisplayError
from receiver.figures.meter import Figures
from receiver.outputs.display import open_output
from receiver.outputs.files import check_writable
from receiver.outputs.output import Ended, NullOutput, Output
from receiver.outputs.overlay import Status, figures_line, one_of_several
from receiver.outputs.recordings import Recordings
from receiver.outputs.snapshot import save_snapshot
from receiver.picture import Heard, Picture
from receiver.sound import SoundPlayout, SoundTrack
from receiver.sound.mixer import Pulled
from receiver.sound.outputs import GivenOut, SoundFile, hear, nobody
from signaling.threads import run_in_thread, tell_loop

__all__ = ["Destinations"]


class Destinations:
    """One output for all calls of a program; `recorded` pictures and what is heard go into files as well.

    Where several are received at a time each has a place, from 1 on, and a recording of its own.
    """

    def __init__(self) -> None:
        self._output: Output = NullOutput()
        self._recordings = Recordings()
        self._sound_file: SoundFile | None = None
        self._snapshot: Path | None = None
        self._latest: Picture | None = None
        self._status = Status()
        self._commands: dict[str, Callable[[], None]] = {"snapshot": self._save, "voice": self._switch_voice}

    async def open(
        self,
        output: str,
        *,
        record: Path | None,
        sound: bool,
        size: int,
        ended: Ended,
        snapshot: Path | None = None,
    ) -> None:
        """Raises DisplayError; what was opened before is closed by `close` all the same.

        `snapshot` is where the picture goes that is shown last.
        """
        loop = asyncio.get_running_loop()
        if snapshot is not None:
            check_writable(snapshot)
            self._snapshot = snapshot
        if record is not None:
            self._recordings = Recordings(record, size=size, sound=sound, ended=ended)
            self._sound_file = SoundFile(record / "sound.wav") if sound else None

        def pressed(name: str) -> None:
            tell_loop(loop, self._do, name)

        def work(_: threading.Event) -> None:
            self._output = open_output(output, size=size, sound=sound, ended=ended, pressed=pressed)

        # In a thread that no end waits for: a display may take half a minute to say no.
        await run_in_thread(work, name="facewire-open")
        self.tell()

    async def close(self) -> None:
        """Closes all of them, each with what still waits. Raises DisplayError."""
        if self._sound_file is not None:
            self._sound_file.close()
        try:
            await asyncio.to_thread(self._output.close)
        finally:
            await asyncio.to_thread(self._recordings.close)
        if self._snapshot is not None and self._latest is not None:
            await asyncio.to_thread(save_snapshot, self._latest, self._snapshot)

    def begin(self, *, place: int = 1) -> None:
        """Another call, of which the recording is told from now on."""
        self._recordings.begin(place)

    def show(self, picture: Picture) -> None:
        """A picture that is due, into the output."""
        self._latest = picture
        if self._status.held:
            self.tell(held=False)
        self._output.show(picture)

    def hold(self, is_held: bool = True, seconds: float = 0.0) -> None:
        """Nothing newer comes, and outputs that can say so do, until a picture is shown (`Held.watch`)."""
        if is_held and self._latest is not None:
            self.tell(held=True)

    def show_own(self, image_rgb: Image | None) -> None:
        """Your own picture, where there is a place for it."""
        self._output.show_own(image_rgb)

    def record(self, picture: Picture, *, place: int = 1) -> None:
        """A picture that came, into the recording."""
        self._recordings.show(place, picture)

    def record_voice(self, playout: SoundPlayout, *, place: int = 1) -> None:
        """A voice, as it is decoded, into the recording."""
        playout.watch(partial(self._recordings.hear, place))

    async def hear(
        self,
        playout: Pulled,
        track: SoundTrack,
        *,
        speaker: str,
        say: Callable[[str], None],
        played: GivenOut = nobody,
    ) -> None:
        """A voice, or several as one, on the loudspeaker that `speaker` names and into the output, until it ends.

        `played` is told what the loudspeaker is given.
        """
        if speaker != "none" and self._status.voice is None:
            self.tell(voice=True)
        await hear(playout, track, self._heard, speaker=speaker, say=say, is_on=self._is_audible, played=played)

    def _heard(self, samples: Samples, at_us: int) -> None:
        self._output.hear(Heard(samples, at_us * 9 // 100))
        if self._sound_file is not None:
            self._sound_file.write(samples)

    def _is_audible(self) -> bool:
        return self._status.voice is not False

    # What a window says, and what its keys ask for

    def tell(self, **changes: Any) -> None:
        """What has changed in how the call stands (Status)."""
        self._status = replace(self._status, **changes)
        self._output.tell(self._status)

    def meter(self, figures: Figures) -> None:
        """One second's figures."""
        self.tell(figures=figures_line(figures))

    def meter_several(self, figures: Iterable[Figures]) -> None:
        """The newest figures of each of several ends."""
        self.tell(figures="\n".join(map(one_of_several, figures)))

    def offer(self, name: str, command: Callable[[], None]) -> None:
        """What a key does: "microphone" has one."""
        self._commands[name] = command

    def _do(self, name: str) -> None:
        if (command := self._commands.get(name)) is not None:
            command()

    def _switch_voice(self) -> None:
        if self._status.voice is not None:
            self.tell(voice=not self._status.voice)

    def _save(self) -> None:
        """A picture at a key's wish, here and now: it takes some milliseconds, and nobody asks twice a second."""
        if self._latest is None:
            self.tell(news="there is no picture yet")
            return
        path = _free(time.strftime("facewire-%Y%m%d-%H%M%S"))
        try:
            save_snapshot(self._latest, path)
        except DisplayError as error:
            self.tell(news=str(error))
        else:
            self.tell(news=f"saved as {path}")


def _free(stem: str) -> Path:
    """The first name of that kind that no file here has."""
    number, path = 1, Path(f"{stem}.png")
    while path.exists():
        number += 1
        path = Path(f"{stem}-{number}.png")
    return path
