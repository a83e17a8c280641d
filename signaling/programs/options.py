"""Signaling, options: where two ends meet, and which servers help them to a connection."""

from dataclasses import dataclass, field
from typing import Any

from signaling.address import trust, without_login
from signaling.credentials import TOKEN_VARIABLE, TURN_VARIABLE, token_from, turn_from
from signaling.errors import OptionsError
from signaling.programs.meter_table import LEVELS, Level
from signaling.transport.peer import ice_configuration

__all__ = ["MeetingOptions"]


def _option(text: str, metavar: str) -> dict[str, Any]:
    return {"help": text, "metavar": metavar}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingOptions:
    """Where to meet the other end. Raises OptionsError on nonsense.

    `token` and `turn` are what was given, or what `token_file` and the environment say.
    """

    signal: str = field(
        default="ws://127.0.0.1:8765",
        metadata=_option("rendezvous server; wss:// is verified by its certificate", "ws://HOST:PORT"),
    )
    room: str = field(default="facewire", metadata=_option("name of the room to meet in", "NAME"))
    token: str = field(
        default="",
        repr=False,
        metadata=_option(
            f"the server's token, if it wants one; others can list what stands here: --token-file or {TOKEN_VARIABLE} "
            "in the environment keep it",
            "TEXT",
        ),
    )
    token_file: str = field(default="", metadata=_option("file that holds the server's token", "FILE"))
    ca: str = field(
        default="", metadata=_option("certificates (PEM) to trust for wss:// instead of the system's", "FILE")
    )
    stun: tuple[str, ...] = field(default=(), metadata=_option("STUN server; may be repeated", "stun:HOST:PORT"))
    turn: tuple[str, ...] = field(
        default=(),
        repr=False,
        metadata=_option(
            f"TURN server; may be repeated; {TURN_VARIABLE} in the environment, where others do not see the password",
            "turn:USER:PASSWORD@HOST:PORT",
        ),
    )

    log_level: Level = field(
        default="info",
        metadata=_option("what is told: debug (of libraries too), info (news and figures), warning, error", "LEVEL"),
    )

    @property
    def server(self) -> str:
        """Where this end goes: what has to show a certificate, if it is wss://."""
        return self.signal

    def __post_init__(self) -> None:
        if self.log_level not in LEVELS:
            raise OptionsError(f"--log-level {self.log_level}: one of {', '.join(LEVELS)}")
        if not self.signal.startswith(("ws://", "wss://")):
            raise OptionsError(f"--signal {without_login(self.signal)}: expected ws://HOST:PORT or wss://HOST:PORT")
        if not self.room:
            raise OptionsError("--room is empty")
        if not self.room.isprintable():
            raise OptionsError("--room: a name of printable characters is needed")
        trust(self.server, self.ca)
        # Frozen, but for what stands elsewhere than in the command line.
        object.__setattr__(self, "token", token_from(self.token, self.token_file))
        object.__setattr__(self, "turn", turn_from(self.turn))
        try:
            ice_configuration(stun=self.stun, turn=self.turn)
        except ValueError as error:
            raise OptionsError(str(error)) from None
