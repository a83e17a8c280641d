"""The link between two hosts, where this machine can have any."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.network.hosts import Hosts
from benchmarks.network.link import LinkUnavailable, Wire

HEAR = "import socket; s = socket.socket(2, 2); s.bind(('', 9)); s.settimeout({patience})\n"
LISTEN = HEAR + "print('ready', flush=True)\nn = 0\nwhile n < {count}:\n    s.recv(99)\n    n += 1\nprint('heard', n)"
SAY = "import socket; s = socket.socket(2, 2)\nfor i in range({count}): s.sendto(b'x' * 72, ('10.78.0.2', 9))"


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    try:
        with Hosts(tmp_path) as both:
            yield both
    except LinkUnavailable as reason:
        pytest.skip(str(reason))


def sent_through(hosts: Hosts, *, count: int, patience_s: float = 20.0) -> bool:
    """Whether `count` datagrams of 100 bytes, as IP counts, arrive."""
    python = [sys.executable, "-c"]
    command = [*hosts.prefix("receiver"), *python, LISTEN.format(patience=patience_s, count=count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as hearing:
        assert hearing.stdout is not None
        assert hearing.stdout.readline() == "ready\n"
        subprocess.run([*hosts.prefix("sender"), *python, SAY.format(count=count)], check=True)
        return "heard" in hearing.stdout.read()


def counted(hosts: Hosts, *, packets: int, of: str = "in_packets") -> dict[str, int]:
    """What the link has counted once it has seen so many packets; a line of counts may lie between in and out."""
    give_up_s = time.monotonic() + 20
    while time.monotonic() < give_up_s:
        lines = hosts.link.counts()
        if lines and lines[-1]["ab"][of] >= packets:
            return dict(lines[-1]["ab"])
    raise AssertionError(f"the link did not count {packets} {of}")


def test_a_plain_wire_carries_all_and_counts_it(hosts: Hosts) -> None:
    assert sent_through(hosts, count=20)
    ab = counted(hosts, packets=20, of="out_packets")
    assert ab["in_bytes"] >= 2000
    assert ab["in_packets"] >= ab["out_packets"]
    assert ab["lost"] == ab["dropped"] == 0


def test_a_cut_wire_carries_nothing(hosts: Hosts) -> None:
    assert sent_through(hosts, count=1)  # the hosts know each other's cards: what follows is no question for those
    hosts.link.set(Wire(cut=True))
    assert not sent_through(hosts, count=1, patience_s=0.5)
    assert counted(hosts, packets=1, of="lost")["lost"] >= 1


def test_a_limit_queues_what_it_cannot_carry_and_drops_the_rest(hosts: Hosts) -> None:
    assert sent_through(hosts, count=1)
    hosts.link.set(Wire(kbps=80, queue_ms=50))  # 100 bytes are 10 ms
    assert not sent_through(hosts, count=200, patience_s=1.0)
    assert counted(hosts, packets=101, of="dropped")["in_packets"] >= 101


def test_a_host_that_moves_is_found_at_its_new_address(hosts: Hosts) -> None:
    hosts.move_receiver()
    done = subprocess.run([*hosts.prefix("receiver"), "ip", "address"], capture_output=True, text=True, check=True)
    assert "10.78.0.3" in done.stdout
    assert "10.78.0.2" not in done.stdout


def test_without_a_compiler_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None if name in ("cc", "gcc", "clang") else f"/bin/{name}")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(LinkUnavailable, match="no C compiler"), Hosts(tmp_path):
        pass
