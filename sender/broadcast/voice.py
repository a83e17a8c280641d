"""Stage 5 and 6, the voice of a broadcast: one viewer's share of it, where there is a voice at all."""

import asyncio
from collections.abc import Callable

from sender.pace.shares import Shares
from sender.sound import SoundFlow
from signaling.protocol.messages import Capabilities

__all__ = ["ViewerVoice"]

_FRAME_MS = 40.0


class ViewerVoice:
    """A flow of the voice that all viewers share, or None: then there is nothing to hear, and nothing to do."""

    def __init__(self, flow: SoundFlow | None) -> None:
        self._flow = flow

    @property
    def is_there(self) -> bool:
        """Whether there is one."""
        return self._flow is not None

    async def run(self) -> None:
        """Takes what is coded, until it is cancelled."""
        await (asyncio.Event().wait() if self._flow is None else self._flow.run())

    def carry(self, motion: bytes) -> bool:
        """Takes a motion message along; False: it has to go by itself."""
        return self._flow is not None and self._flow.carry(motion)

    def is_leaving(self) -> bool:
        """Whether sound leaves with the next motion, or soon without."""
        return self._flow is not None and self._flow.is_leaving()

    def meet(self, peer: Capabilities | None) -> None:
        """The viewer has said what it can, or has not."""
        if self._flow is not None:
            self._flow.meet(peer)

    def hear_loss(self, loss: float | None) -> None:
        """What the viewer says of the last second."""
        if self._flow is not None:
            self._flow.bundler.hear_loss(loss)

    def follow(self, shares: Shares, *, agreed: Shares, may_leave: Callable[[], bool]) -> None:
        """How finely it may be coded for this viewer's line, and in spans as long as the bundles that all get."""
        if self._flow is not None:
            self._flow.set_pace(
                kbps=shares.sound_kbps,
                span_ms=_FRAME_MS * agreed.every * agreed.bundle,
                repeats=shares.repeats_sound,
                may_leave=may_leave,
            )

    def figures(self) -> dict[str, int]:
        """Counts since the viewer came."""
        return {} if self._flow is None else self._flow.figures()
