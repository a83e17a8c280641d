"""A whole call, watched: nothing is started, asked of others, or written where nobody said so."""

import ipaddress
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "benchmarks" / "clips" / "data" / "sample.mp4"
PROGRAM = """
import asyncio, json, os, sys

STARTS = {"os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.system", "subprocess.Popen"}
ASKS = {"socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"}
MAKES = {"os.mkdir", "os.rename", "os.remove", "os.link", "os.symlink", "os.truncate", "shutil.copyfile"}
seen = []

def watch(event, arguments):
    if event in STARTS | MAKES:
        seen.append([event, str(arguments[0])])
    elif event in ASKS:
        address = arguments[0] if event in ("socket.getaddrinfo", "socket.gethostbyname") else arguments[1]
        seen.append([event, str(address[0] if isinstance(address, tuple) else address)])
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        seen.append([event, str(arguments[0])])

sys.addaudithook(watch)
from examples.embed import main
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
print(json.dumps(seen))
"""


# ifaddr, by which aioice learns the machine's addresses, has Python look for libc as it is imported.
KNOWN = (("subprocess.Popen", "/sbin/ldconfig"),)


def is_here(text: str) -> bool:
    """Whether an address is one of this machine's, or the group in which names of the neighbourhood are asked for."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text in ("localhost", "None") or text.startswith("/")
    if address.is_loopback:
        return True
    import ifaddr

    own = {
        str(ip.ip if isinstance(ip.ip, str) else ip.ip[0]) for adapter in ifaddr.get_adapters() for ip in adapter.ips
    }
    return str(address) in own


def test_a_call_starts_nothing_asks_nobody_and_writes_nowhere(tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    named = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR")
    environment = {
        **os.environ, **dict.fromkeys(named, str(home)), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(SAMPLE), "12"], cwd=work, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    seen = [tuple(one) for one in json.loads(done.stdout.splitlines()[-1])]
    assert [one for one in seen if one[0].startswith(("os.", "subprocess", "shutil")) and one not in KNOWN] == []
    assert not [one for one in seen if one[0] == "open" and one[1] != os.devnull]
    assert not [one for one in seen if one[0].startswith(("socket", "urllib")) and not is_here(one[1])]
    assert any(one[0].startswith("socket") for one in seen), "the watch sees nothing"
    assert list(home.iterdir()) == list(work.iterdir()) == []  # nor did a library below Python
