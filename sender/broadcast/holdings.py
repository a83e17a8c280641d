"""Stage 6, holdings: which references a viewer was sent, and which it has said that it holds. Pure."""

from dataclasses import dataclass, field

__all__ = ["Holdings"]

_PATIENCE_S = 2.0  # so long a reference may be on its way before nobody waits for it any more
_USELESS_S = 1.0  # so long a frame waits at a receiver for its reference


@dataclass(slots=True)
class Holdings:
    """Of one viewer, since its last keyframe or what stood for one. References are known by id and frame number."""

    _held: dict[int, int] = field(default_factory=dict)
    _sent: dict[int, tuple[int, float]] = field(default_factory=dict)  # number, and when

    def clear(self) -> None:
        """It begins anew."""
        self._held.clear()
        self._sent.clear()

    def sent(self, reference_id: int, number: int, *, now_s: float) -> None:
        """A reference has been handed over to it."""
        self._held.pop(reference_id, None)
        self._sent[reference_id] = number, now_s

    def received(self, reference_id: int, number: int) -> None:
        """It says that it holds this one."""
        self._held[reference_id] = number

    def holds(self, reference_id: int, number: int) -> bool:
        """Whether it has said so."""
        return self._held.get(reference_id) == number

    @property
    def is_whole(self) -> bool:
        """Whether it holds all that it was sent."""
        return self._held.keys() >= self._sent.keys()

    def keeps_up(self, now_s: float) -> bool:
        """Whether it holds something, and lacks no more than one that has been on its way for a moment."""
        missing = [at_s for one, (_, at_s) in self._sent.items() if one not in self._held]
        return bool(self._held) and (not missing or (len(missing) == 1 and now_s - missing[0] < _PATIENCE_S))

    def lacks(self, reference_id: int, *, now_s: float) -> bool:
        """Whether motion that moves this one would be for nothing."""
        if reference_id in self._held or reference_id not in self._sent:
            return False
        return now_s - self._sent[reference_id][1] > _USELESS_S
