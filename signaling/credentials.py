"""Signaling, credentials: where secrets come from, so that they need not stand in a command line that others can list.

A token is text: what a command line or a file holds of other bytes could never be sent.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from signaling.errors import OptionsError

__all__ = ["TOKEN_VARIABLE", "TURN_VARIABLE", "token_from", "turn_from"]

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
        return _checked(_read(file), f"--token-file {file}")
    return _checked(environment[TOKEN_VARIABLE], TOKEN_VARIABLE) if environment.get(TOKEN_VARIABLE) else ""


def turn_from(turn: tuple[str, ...], *, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """TURN servers as they were given, or those of the environment variable FACEWIRE_TURN, between spaces."""
    return turn or tuple(environment.get(TURN_VARIABLE, "").split())


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise OptionsError(f"--token-file {file}: not text in UTF-8") from None
    except OSError as error:
        raise OptionsError(f"--token-file {file}: {error.strerror}") from None
    except ValueError as error:  # a zero byte in the name
        raise OptionsError(f"--token-file: {error}") from None


def _checked(token: str, where: str) -> str:
    # Half surrogates, as which Python reads bytes that are no UTF-8, are not printable.
    if not token or not token.isprintable() or len(token) > _LONGEST:
        raise OptionsError(f"{where}: a token is printable text of 1 to {_LONGEST} characters")
    return token
