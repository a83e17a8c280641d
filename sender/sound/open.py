"""Stage 1, sound: what `--microphone` names, opened."""

from collections.abc import Callable
from pathlib import Path

from sender.errors import OptionsError
from sender.sound.devices import Microphone
from sender.sound.sources import FileSound, SoundSource

__all__ = ["MICROPHONE_HELP", "open_sound"]

MICROPHONE_HELP = "sound to send: default, the name of a device, FILE, input (of the input's file), or none"


def open_sound(
    name: str, *, picture: str, begins: Callable[[], float | None], loop: bool = False
) -> SoundSource | None:
    """The source of sound, None for none. `picture` is what `--input` names, which began at `begins` on the clock.

    Nothing is opened yet. Raises OptionsError for `input` where that is no file.
    """
    if name == "none":
        return None
    if name == "input":
        if not Path(picture).is_file():
            raise OptionsError(f"--microphone input: {picture} is no file")
        return FileSound(Path(picture), begins=begins, loop=loop)
    if Path(name).is_file():
        return FileSound(Path(name), loop=loop)
    return Microphone("" if name == "default" else name)
