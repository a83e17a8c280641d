"""Signaling, command line: `facewire signal token`: a token that opens one room of a server of yours, for a while.

It prints what --token, --token-file and FACEWIRE_TOKEN of the other end take. It is signed with the server's own token,
which stays with whoever runs the server.
"""

import argparse
import re
import sys
import time
from collections.abc import Callable, Sequence

from signaling.credentials import TOKEN_VARIABLE, token_from
from signaling.errors import OptionsError
from signaling.server.admission import room_token

__all__ = ["main"]

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST_S = 366 * 86_400


def _seconds(text: str) -> int:
    known = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    seconds = int(known[1]) * _UNITS_S[known[2]] if known else 0
    if not 0 < seconds <= _LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text!r} is no time like 90s, 30m, 1h or 7d, of a year at most")
    return seconds


def main(arguments: Sequence[str] | None = None, *, now_s: Callable[[], float] = time.time) -> int:
    """Prints one line. Returns 0, or 2 after one that says what is wrong."""
    parser = argparse.ArgumentParser(prog="facewire signal token", description=__doc__.partition("\n\n")[2])
    parser.add_argument("--room", required=True, metavar="NAME", help="the room that it opens")
    parser.add_argument("--for", dest="seconds", type=_seconds, default="1h", metavar="TIME", help="90s, 30m, 1h, 7d")
    parser.add_argument("--token-file", default="", metavar="FILE", help=f"the server's own token, or {TOKEN_VARIABLE}")
    options = parser.parse_args(arguments)
    try:
        if not options.room.isprintable() or not options.room:
            raise OptionsError("--room: a room needs a name of printable characters")
        server_token = token_from("", options.token_file)
        if not server_token:
            raise OptionsError(f"--token-file or {TOKEN_VARIABLE} is needed: the server's own token")
        print(room_token(server_token, room=options.room, until_s=round(now_s()) + options.seconds))
    except OptionsError as error:
        print(f"facewire signal token: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
