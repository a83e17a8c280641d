"""Stage 1, input, sound: the sound of a clip on its way into a `.fw` file, as far as its pictures are."""

from collections.abc import Callable

from codec.bits.container import FileWriter
from codec.errors import MediaError
from codec.input.names import Name
from codec.input.sound import has_sound, read_sound
from codec.sound import SoundConfig
from codec.sound.in_file import Message, coded_sound, cut, length

__all__ = ["ClipSound"]


class ClipSound:
    """What is heard beside a clip's pictures; nothing with no `config`, or where the clip has no sound.

    Where the sound breaks off, `say` is told so and the pictures go on without.
    """

    def __init__(
        self, source: Name, config: SoundConfig | None, *, stream: int | None, say: Callable[[str], None]
    ) -> None:
        self._say = say
        self.is_there = config is not None and has_sound(source)
        blocks = read_sound(source, stream=stream) if self.is_there else iter(())
        self._messages = coded_sound(blocks, config or SoundConfig())
        self._next = self._take()

    def write(self, writer: FileWriter, *, until: int, last: bool = False) -> None:
        """What has been heard by `until`, in whole messages; with `last`, all of what is heard before it."""
        while self._next is not None and self._next[0] < until:
            pts, message = self._next
            if last:
                message = cut(message, pts=pts, end=until)
            elif pts + length(message) > until:
                return
            writer.write_sound(bytes(message), pts=pts)
            self._next = self._take()

    def _take(self) -> Message | None:
        try:
            return next(self._messages, None)
        except MediaError as error:
            self._say(str(error))
            return None
