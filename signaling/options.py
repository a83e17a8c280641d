"""Signaling, options: where two ends meet, and which servers help them to a connection."""

from dataclasses import dataclass, field
from typing import Any

from signaling.errors import OptionsError
from signaling.transport.peer import ice_configuration

__all__ = ["MeetingOptions"]


def _option(text: str, metavar: str) -> dict[str, Any]:
    return {"help": text, "metavar": metavar}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingOptions:
    """Where to meet the other end. Raises OptionsError on nonsense."""

    signal: str = field(default="ws://127.0.0.1:8765", metadata=_option("rendezvous server", "ws://HOST:PORT"))
    room: str = field(default="facewire", metadata=_option("name of the room to meet in", "NAME"))
    token: str = field(default="", metadata=_option("the server's token, if it wants one", "TEXT"))
    stun: tuple[str, ...] = field(default=(), metadata=_option("STUN server; may be repeated", "stun:HOST:PORT"))
    turn: tuple[str, ...] = field(
        default=(), metadata=_option("TURN server; may be repeated", "turn:USER:PASSWORD@HOST:PORT")
    )

    def __post_init__(self) -> None:
        if not self.signal.startswith(("ws://", "wss://")):
            raise OptionsError(f"--signal {self.signal}: expected ws://HOST:PORT or wss://HOST:PORT")
        if not self.room:
            raise OptionsError("--room is empty")
        try:
            ice_configuration(stun=self.stun, turn=self.turn)
        except ValueError as error:
            raise OptionsError(str(error)) from None
