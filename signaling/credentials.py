"""Signaling, credentials: where secrets come from, so that they need not stand in a command line that others can list.

A token is text: what a command line or a file holds of other bytes could never be sent.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path

from signaling.errors import OptionsError

__all__ = ["TOKEN_VARIABLE", "TURN_VARIABLE", "read_secret", "token_from", "turn_from", "turn_login"]

TOKEN_VARIABLE = "FACEWIRE_TOKEN"
TURN_VARIABLE = "FACEWIRE_TURN"

_LONGEST = 256  # characters, what a hello takes


def token_from(token: str, file: str, *, environment: Mapping[str, str] = os.environ) -> str:
    """The token as it was given, else that of the file, else of FACEWIRE_TOKEN in the environment; "" without any.

    Raises OptionsError, which does not repeat it, for a file that cannot be read and a token that is no printable text.
    """
    if token:
        return _checked(token, "--token")
    if file:
        return read_secret(file, "--token-file")
    return _checked(environment[TOKEN_VARIABLE], TOKEN_VARIABLE) if environment.get(TOKEN_VARIABLE) else ""


def turn_from(turn: tuple[str, ...], *, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """TURN servers as they were given, or those of the environment variable FACEWIRE_TURN, between spaces."""
    return turn or tuple(environment.get(TURN_VARIABLE, "").split())


def read_secret(file: str, flag: str) -> str:
    """The text of a file that `flag` names. Raises OptionsError, which does not repeat it."""
    try:
        text = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise OptionsError(f"{flag} {file}: not text in UTF-8") from None
    except OSError as error:
        raise OptionsError(f"{flag} {file}: {error.strerror}") from None
    except ValueError as error:  # a zero byte in the name
        raise OptionsError(f"{flag}: {error}") from None
    return _checked(text, f"{flag} {file}")


def _checked(token: str, where: str) -> str:
    # Half surrogates, as which Python reads bytes that are no UTF-8, are not printable.
    if not token or not token.isprintable() or len(token) > _LONGEST:
        raise OptionsError(f"{where}: a token is printable text of 1 to {_LONGEST} characters")
    return token


def turn_login(secret: str, *, user: str, until_s: int) -> tuple[str, str]:
    """User and password for a TURN server that shares `secret` with us, good until `until_s` of Unix time.

    As coturn's use-auth-secret has it (draft-uberti-behave-turn-rest-00): the user's name says how long it is good, and
    the password is the HMAC-SHA1 of that name. No list of users is kept anywhere.
    """
    name = f"{until_s}:{user}"
    code = hmac.new(secret.encode(), name.encode(), hashlib.sha1).digest()
    return name, base64.b64encode(code).decode()
