"""Stage 6, transport: the channels of a call whose other end takes none: open, and nobody hears or says anything."""

from signaling.transport.channels import ChannelCallbacks, Channels, check_message

__all__ = ["silent_channels"]


class SilentChannel(ChannelCallbacks):
    """A Channel to nobody."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self._label = label
        self._is_open = True

    @property
    def label(self) -> str:
        return self._label

    @property
    def is_open(self) -> bool:
        return self._is_open

    @property
    def buffered_amount(self) -> int:
        return 0

    def send(self, data: bytes) -> None:
        check_message(data)

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self.tell(False)


def silent_channels() -> Channels:
    """Channels for an end that sends an H.264 track alone: the connection carries no others."""
    return Channels(
        reference=SilentChannel("facewire/-/reference"),
        motion=SilentChannel("facewire/-/motion"),
        control=SilentChannel("facewire/-/control"),
        hears=False,
    )
