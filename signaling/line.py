"""Signaling, line: what a call needs of the way to its other end, alone in the room or one of several."""

from typing import Protocol

from signaling.protocol.messages import Message, Role

__all__ = ["SignalingLine"]


class SignalingLine(Protocol):
    """A `SignalingClient`, or what `signaling.hall` has for each of several. Raises as the client does."""

    @property
    def role(self) -> Role:
        """As what this end is in the room: a sender offers, a receiver answers."""

    @property
    def peer(self) -> str:
        """The name of the other end, "" while it is not there, as far as the messages given out say."""

    async def send(self, message: Message, *, mend: bool = True) -> None:
        """Sends one message to the other end."""

    def put_back(self, message: Message) -> None:
        """The next message given out will be `message`."""

    async def __anext__(self) -> Message:
        """The next message. Raises PeerGone where the other end left and nobody can take its place."""

    async def renew(self) -> None:
        """Has the line to the server made anew, which shows as one more Welcome."""
