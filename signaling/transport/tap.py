"""Stage 6, transport: channels with somebody listening in: told of each message that leaves and of each that comes."""

from collections.abc import Callable
from dataclasses import replace

from signaling.transport.channels import Channel, Channels, Tap

__all__ = ["tapped"]


class TappedChannel:
    """A Channel that passes everything on and tells of it; see `signaling.transport.channels.Channel`."""

    def __init__(self, inner: Channel, tap: Tap, *, resent: bool) -> None:
        self._inner, self._tap, self._resent = inner, tap, resent

    @property
    def label(self) -> str:
        return self._inner.label

    @property
    def is_open(self) -> bool:
        return self._inner.is_open

    @property
    def buffered_amount(self) -> int:
        return self._inner.buffered_amount

    def send(self, data: bytes) -> None:
        self._inner.send(data)
        self._tap.sent(data, self._resent)

    def set_receiver(self, callback: Callable[[bytes], None]) -> None:
        def heard(data: bytes) -> None:
            self._tap.came(data)
            callback(data)

        self._inner.set_receiver(heard)

    def set_state(self, callback: Callable[[bool], None]) -> None:
        self._inner.set_state(callback)

    def close(self) -> None:
        self._inner.close()


def tapped(channels: Channels) -> Channels:
    """The same channels; their `tap` learns what leaves and what comes."""

    def tap(channel: Channel, *, resent: bool) -> Channel:
        return TappedChannel(channel, channels.tap, resent=resent)

    return replace(
        channels,
        reference=tap(channels.reference, resent=True),
        motion=tap(channels.motion, resent=False),
        control=tap(channels.control, resent=True),
        sound=None if channels.sound is None else tap(channels.sound, resent=False),
    )
