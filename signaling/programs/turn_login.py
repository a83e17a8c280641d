"""Signaling, command line: `facewire turn-login`: a login for a TURN server that shares a secret with us, for a while.

It prints what --turn and FACEWIRE_TURN take. The secret is coturn's `static-auth-secret`; it stays with whoever runs
the server, and those who call are given a line that is of no use tomorrow.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from urllib.parse import quote

from signaling.credentials import read_secret, turn_login
from signaling.errors import OptionsError
from signaling.transport.peer import ice_configuration

__all__ = ["main", "turn_url"]

_HOURS = 12.0


def turn_url(server: str, *, transport: str, login: tuple[str, str]) -> str:
    """The server as --turn takes it; `server` is HOST or HOST:PORT. Raises OptionsError."""
    user, password = (quote(part, safe="") for part in login)
    scheme, query = ("turns", "") if transport == "tls" else ("turn", "?transport=tcp" if transport == "tcp" else "")
    url = f"{scheme}:{user}:{password}@{server}{query}"
    try:
        ice_configuration(turn=[url])
    except ValueError:
        raise OptionsError("--server: HOST or HOST:PORT is needed") from None
    return url


def main(arguments: Sequence[str] | None = None, *, now_s: Callable[[], float] = time.time) -> int:
    """Prints one line. Returns 0, or 2 after one that says what is wrong."""
    parser = argparse.ArgumentParser(prog="facewire turn-login", description=__doc__.partition("\n\n")[2])
    parser.add_argument("--server", required=True, metavar="HOST[:PORT]", help="the TURN server")
    parser.add_argument("--secret-file", required=True, metavar="FILE", help="holds its static-auth-secret")
    parser.add_argument("--user", default="facewire", metavar="NAME", help="who it is for (default: %(default)s)")
    parser.add_argument("--hours", type=float, default=_HOURS, help="how long it is good (default: %(default)g)")
    parser.add_argument("--transport", choices=("udp", "tcp", "tls"), default="udp", help="default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        if not options.hours > 0:
            raise OptionsError(f"--hours {options.hours:g}: above 0")
        until_s = round(now_s() + 3600 * options.hours)
        login = turn_login(read_secret(options.secret_file, "--secret-file"), user=options.user, until_s=until_s)
        print(turn_url(options.server, transport=options.transport, login=login))
    except OptionsError as error:
        print(f"facewire turn-login: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
