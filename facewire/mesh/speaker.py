"""Stage 10, speaker: who of several is speaking, from how loud each is heard. Pure."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Speaker"]

_SPEAKS_DB = -45.0  # against full scale: a voice at a microphone's usual level lies between -30 and -15
_TAKES_OVER_S = 0.4  # so long the loudest, while the one who is marked speaks too
_BEGINS_S = 0.1  # so long, while that one is silent: a cough or a knock is no speech
_STAYS_S = 1.5  # marked after the last word

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class Speaker(Generic[K]):
    """Marks one of several, without jumping to and fro."""

    marked: K | None = None
    _heard_s: float = 0.0  # when the marked one was heard last
    _challenger: K | None = None
    _since_s: float = 0.0

    def see(self, levels_db: Mapping[K, float], *, now_s: float) -> K | None:
        """Who is to be marked now; None while nobody has spoken lately. Asked several times a second."""
        if self.marked not in levels_db:
            self.marked = None
        speaking = {name: level for name, level in levels_db.items() if level >= _SPEAKS_DB}
        if self.marked in speaking:
            self._heard_s = now_s
        loudest = max(speaking, key=lambda name: speaking[name], default=None)
        if loudest != self._challenger:
            self._challenger, self._since_s = loudest, now_s
        if loudest is not None and loudest != self.marked:
            patience_s = _TAKES_OVER_S if self.marked in speaking else _BEGINS_S
            if now_s - self._since_s >= patience_s:
                self.marked, self._heard_s = loudest, now_s
        elif loudest is None and now_s - self._heard_s > _STAYS_S:
            self.marked = None
        return self.marked
