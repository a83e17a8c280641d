"""Tests of `python -m signaling`: its one line, its exit codes, and how it bears strangers, tokens and certificates."""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from signaling.__main__ import main
from signaling.client import SignalingClient
from signaling.errors import TokenError, Unreachable
from signaling.protocol.messages import Welcome

ROOT = Path(__file__).parents[2]


@dataclass
class Serving:
    """A server in a process of its own."""

    process: "subprocess.Popen[str]"
    url: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def health(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health") as answer:
            return str(answer.read().decode())

    def stop(self) -> tuple[int, str]:
        """Asks it to end; the exit code, and all that it logged."""
        assert self.process.stderr is not None
        self.process.send_signal(signal.SIGTERM)
        log = self.process.stderr.read()
        return self.process.wait(), log


@contextlib.contextmanager
def serving(*arguments: str, descriptors: int = 0, **environment: str) -> Iterator[Serving]:
    """Starts a server on a free port, with so many descriptors at most if a number is given."""
    command = [sys.executable, "-m", "signaling", "--port", "0", *arguments]
    if descriptors:
        command = ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *command]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            yield Serving(process, line.split()[-1])
        finally:
            process.kill()


@contextlib.contextmanager
def strangers(port: int, number: int) -> Iterator[list[socket.socket]]:
    """Silent connections from several addresses, as many as one of them may have at most from each."""
    with contextlib.ExitStack() as stack:
        opened: list[socket.socket] = []
        for one in range(number):
            sock = stack.enter_context(socket.socket())
            sock.bind((f"127.0.0.{2 + one // 50}", 0))
            sock.connect(("127.0.0.1", port))
            opened.append(sock)
        yield opened


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


def test_silent_connections_shut_nobody_out_and_fill_no_disk() -> None:
    """Three times as many as the process may open."""
    with serving(descriptors=128) as server, strangers(server.port, 200):
        for _ in range(5):
            assert '"status": "ok"' in server.health()
        code, log = server.stop()
        assert code == 0
        assert len(log) < 2000


def test_a_server_that_runs_out_of_descriptors_goes_on() -> None:
    with serving() as server, strangers(server.port, 20):
        assert '"status": "ok"' in server.health()  # those before it in the queue are in
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (20, 1024))
        with strangers(server.port, 60):
            for _ in range(3):
                assert '"status": "ok"' in server.health()
        code, log = server.stop()
        assert code == 0
        assert "a connection cannot be accepted: Too many open files" in log
        assert len(log) < 20_000


def test_what_is_logged_is_short_and_printable() -> None:
    with serving() as server:
        for number in range(400):
            with socket.create_connection(("127.0.0.1", server.port)) as sock:
                sock.sendall(b"GET /\x1b]0;owned\x07%d HTTP/9.9\r\n\r\n" % number)
                with contextlib.suppress(ConnectionError):
                    sock.recv(1)
        code, log = server.stop()
    lines = log.splitlines()
    assert code == 0
    assert 0 < len(lines) <= 300
    assert all(line.isprintable() and len(line) < 400 for line in lines)


@pytest.mark.parametrize("where", ["file", "environment"])
async def test_the_token_comes_from_a_file_or_the_environment(tmp_path: Path, where: str) -> None:
    (tmp_path / "token").write_text("from afar\n")
    arguments = ["--token-file", str(tmp_path / "token")] if where == "file" else []
    environment = {"FACEWIRE_TOKEN": "from afar"} if where == "environment" else {}
    with serving(*arguments, **environment) as server:
        with pytest.raises(TokenError):
            await SignalingClient.connect(server.url, room="r", role="sender", token="from near")
        async with await SignalingClient.connect(server.url, room="r", role="sender", token="from afar") as client:
            assert await anext(client) == Welcome(False)
        code, log = server.stop()
    assert code == 0
    assert "room r: a sender is there, from 127.0.0.1" in log
    assert "from afar" not in log


@pytest.mark.parametrize("argument", [b"--token=\xff\xfe", b"--token=a\nb", b"--token=" + b"x" * 257])
def test_a_token_that_is_no_text_is_refused_at_start(argument: bytes) -> None:
    command = [sys.executable.encode(), b"-m", b"signaling", b"--port", b"0", argument]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr == b"facewire-signal: --token: a token is printable text of 1 to 256 characters\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--token-file", "/nowhere/token"], "--token-file /nowhere/token: No such file or directory"),
        (["--key", "k.pem"], "--key without --cert"),
        (["--cert", "/nowhere/cert.pem"], "--cert /nowhere/cert.pem: no certificate and key that fit can be read"),
    ],
)
def test_secrets_that_cannot_be_had_are_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--port", "0", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"facewire-signal: {complaint}")
    assert captured.err.count("\n") == 1


async def test_a_server_with_a_certificate_is_met_by_whoever_trusts_it(certificate) -> None:
    with serving("--cert", str(certificate.chain), "--key", str(certificate.key)) as server:
        assert server.url.startswith("wss://127.0.0.1:")
        ca = str(certificate.authority)
        async with await SignalingClient.connect(server.url, room="r", role="sender", ca=ca) as client:
            assert await anext(client) == Welcome(False)
        with pytest.raises(Unreachable, match=r"the certificate of wss://127.0.0.1:\d+ is not trusted: .*certificate"):
            await SignalingClient.connect(server.url, room="r", role="sender")
        url = server.url.replace("127.0.0.1", "localhost")  # the certificate is for 127.0.0.1
        with pytest.raises(Unreachable, match="is not trusted: Hostname mismatch"):
            await SignalingClient.connect(url, room="r", role="sender", ca=ca)
        code, _ = server.stop()
    assert code == 0


async def test_silent_connections_do_not_shut_a_server_with_a_certificate(certificate) -> None:
    arguments = ("--cert", str(certificate.chain), "--key", str(certificate.key))
    with serving(*arguments, descriptors=128) as server, strangers(server.port, 200):
        ca = str(certificate.authority)
        async with await SignalingClient.connect(server.url, room="r", role="sender", ca=ca) as client:
            assert await anext(client) == Welcome(False)
        code, log = server.stop()
    assert code == 0
    assert len(log) < 2000


def test_nonsense_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--port", "70000"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "facewire-signal: error: argument --port: '70000' is not a port, 0 to 65535\n"
