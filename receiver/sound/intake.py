"""Stages 6 and 7, sound: messages of the sound channel -> frames for the playout, and the motion that rode along."""

from collections import Counter
from collections.abc import Callable

from codec.errors import BitstreamError
from codec.sound import SoundMessage
from receiver.sound.playout import SoundPlayout

__all__ = ["SoundIntake"]

Figures = dict[str, float | None]


class SoundIntake:
    """Reads the sound channel of one stream, and tells what the line loses of it. `on_motion` gets motion messages."""

    def __init__(
        self,
        playout: SoundPlayout,
        *,
        now_us: Callable[[], int],
        on_motion: Callable[[bytes], None],
        counts: Counter[str],
    ) -> None:
        self._playout = playout
        self._now_us = now_us
        self._on_motion = on_motion
        self._counts = counts
        self._before = (0, 0)  # expected and received at the last `loss`

    def take(self, data: bytes) -> None:
        """One message of the sound channel."""
        try:
            message = SoundMessage.parse(data)
        except BitstreamError:
            self._counts["malformed_sound"] += 1
            return
        self._counts["sound_messages"] += 1
        self._counts["sound_bytes"] += len(data) - len(message.motion)
        self._playout.add(message, arrived_us=self._now_us())
        if message.motion:
            self._on_motion(message.motion)

    def loss(self) -> float | None:
        """The part of the frames announced since the last call that did not come as new ones; None where none was."""
        expected, received = self._playout.expected, self._playout.counts["received"]
        more, came = expected - self._before[0], received - self._before[1]
        self._before = expected, received
        return min(1.0, max(0.0, 1 - came / more)) if more > 0 else None

    def figures(self) -> dict[str, float]:
        """For the meter: the delay of sound and what became of its frames."""
        return {"delay_ms": round(self._playout.delay_us / 1000, 1), **self._playout.counts}
