"""Signaling, server: tokens: the server's own, and those of one room for a while that are signed with it.

The latter are JSON Web Tokens (RFC 7519) by HMAC-SHA256, for the audience `facewire`, with `room` and `exp`, so that
whoever holds the server's token can hand out a link that opens one room today and nothing tomorrow. What a server's
token signs can be tried against guesses of it at leisure: so it has to be long.
"""

import hmac
import logging
from collections.abc import Callable
from enum import Enum

import jwt

from signaling.errors import OptionsError
from signaling.protocol.messages import Hello, Refusal
from signaling.server.quotas import Misses

__all__ = ["LEAST_SIGNING", "Admission", "Verdict", "judge", "room_token"]

_log = logging.getLogger(__name__)

LEAST_SIGNING = 32  # characters of a server's token that signs others
_LONGEST = 256  # what a hello takes
_ALGORITHM, _AUDIENCE = "HS256", "facewire"


class Verdict(Enum):
    """What a token opens."""

    GOOD = ""
    WRONG = "wrong token"
    EXPIRED = "this token is good no more"
    ELSEWHERE = "this token is of another room"


def judge(token: str, *, server_token: str, room: str) -> Verdict:
    """Whether an end with this token may come into this room."""
    if hmac.compare_digest(token.encode(), server_token.encode()):
        return Verdict.GOOD
    if len(server_token) < LEAST_SIGNING:
        return Verdict.WRONG
    try:
        claims = jwt.decode(
            token,
            server_token,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            options={"require": ["exp", "aud", "room"], "verify_iat": False},
        )
    except jwt.ExpiredSignatureError:
        return Verdict.EXPIRED
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return Verdict.WRONG
    return Verdict.GOOD if claims["room"] == room else Verdict.ELSEWHERE


def room_token(server_token: str, *, room: str, until_s: int) -> str:
    """A token that opens this room until that second of Unix time. Raises OptionsError, which repeats no secret."""
    if len(server_token) < LEAST_SIGNING:
        raise OptionsError(f"the server's token has to be of {LEAST_SIGNING} characters or more to sign others")
    token = jwt.encode({"aud": _AUDIENCE, "room": room, "exp": until_s}, server_token, algorithm=_ALGORITHM)
    if len(token) > _LONGEST:
        raise OptionsError("--room: too long a name for a token")
    return token


class Admission:
    """Who may come in, by token and by how many wrong ones came from where it comes from; without a token, anybody."""

    def __init__(self, token: str | None, *, now_s: Callable[[], float]) -> None:
        self._token = token
        self._misses = Misses(now_s=now_s)

    def refusal(self, hello: Hello, address: str, *, returns: bool) -> tuple[Refusal, str] | None:
        """Why an end may not; None where it may. One that `returns` to its seat may be late, and need not wait."""
        if self._token is None:
            return None
        if not returns and (wait_s := self._misses.wait_s(address)) > 0.0:
            return "busy", f"too many wrong tokens from this address; try again in {wait_s:.0f} s"
        verdict = judge(hello.token, server_token=self._token, room=hello.room)
        if verdict is Verdict.GOOD or (returns and verdict is Verdict.EXPIRED):
            return None
        if verdict is Verdict.WRONG:
            self._misses.miss(address)
        _log.info("from %s: %s", address, verdict.value)
        return "token", verdict.value
