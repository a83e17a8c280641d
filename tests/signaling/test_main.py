"""Tests of `python -m signaling`: its one line, its exit codes."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from signaling.__main__ import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_in_use_is_one_line_and_exit_code_2(taken_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", str(taken_port)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith(f"facewire-signal: cannot listen on 127.0.0.1:{taken_port}: ")


@pytest.mark.parametrize("value", ["70000", "-1", "http"])
def test_a_nonsensical_port_is_exit_code_2(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([f"--port={value}"])
    assert leaving.value.code == 2
    assert f"'{value}' is not a port, 0 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["soon", "-5", "0", "nan"])
def test_a_nonsensical_timeout_is_exit_code_2(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([f"--idle-timeout-s={value}"])
    assert leaving.value.code == 2
    assert f"'{value}' is not a number of seconds above 0" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_says_where_it_listens_and_stops_when_asked(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "signaling", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        line = server.stdout.readline()
        url, _, port = line.strip().rpartition(":")
        assert (url, port.isdigit()) == ("listening on ws://127.0.0.1", True)
        with socket.create_connection(("127.0.0.1", int(port))):
            server.send_signal(number)
            assert server.stdout.read() == ""
        assert server.stderr.read() == ""
        assert server.wait() == 0
