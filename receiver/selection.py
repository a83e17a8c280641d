"""Stage 10, display: which of the two pictures is shown, so that the viewer sees one continuous stream."""

from typing import Literal

from signaling.transport.costs import Kind

Mode = Literal["keypoints", "h264", "compare"]


class Selection:
    """Follows the sender's mode, but never goes dark while one of the two flows.

    The sender's mode names the preferred picture (compare prefers keypoints). The other one is shown while the
    preferred has not come for `stall_us`: so the old picture runs on until the first of the new kind is there, and
    H.264 takes over by itself when keypoints stop.
    """

    def __init__(self, *, stall_us: int = 700_000) -> None:
        self._stall_us = stall_us
        self._seen_us: dict[Kind, int] = {}
        self.mode: Mode = "keypoints"
        self.showing: Kind | None = None
        self.changes = 0

    @property
    def preferred(self) -> Kind:
        """The picture that the sender's mode asks for."""
        return "h264" if self.mode == "h264" else "keypoints"

    def offer(self, kind: Kind, *, now_us: int) -> bool:
        """A picture of this kind is ready: True if it is to be shown."""
        self._seen_us[kind] = now_us
        if kind != self.preferred and not self._stalled(self.preferred, now_us=now_us):
            return False
        if kind != self.showing:
            self.changes += self.showing is not None
            self.showing = kind
        return True

    def wants(self, kind: Kind, *, now_us: int) -> bool:
        """Whether a picture of this kind would be shown now: no need to render what is not."""
        return kind == self.preferred or self._stalled(self.preferred, now_us=now_us)

    def _stalled(self, kind: Kind, *, now_us: int) -> bool:
        seen_us = self._seen_us.get(kind)
        return seen_us is None or now_us - seen_us > self._stall_us
