"""Stage 6, fallback: how often H.264 packets are sent again; on a full line each resend costs another packet."""

from collections import deque

__all__ = ["ResendBudget"]

_PART = 0.5  # of the packets sent, at most; a loss of a third needs as much
_BURST = 12
_TIMES_EACH = 2
_REMEMBERED = 256


class ResendBudget:
    """Grants resends: each packet twice at most, all together half of what was sent, twelve at once. Pure."""

    def __init__(self) -> None:
        self._tokens = float(_BURST)
        self._granted: deque[int] = deque(maxlen=_REMEMBERED)
        self.refused = 0

    def sent(self, packets: int) -> None:
        """So many have been sent, for the first time."""
        self._tokens = min(float(_BURST), self._tokens + _PART * packets)

    def may_resend(self, sequence: int) -> bool:
        """Whether this one may be sent again now."""
        if self._tokens < 1 or self._granted.count(sequence) >= _TIMES_EACH:
            self.refused += 1
            return False
        self._tokens -= 1
        self._granted.append(sequence)
        return True
