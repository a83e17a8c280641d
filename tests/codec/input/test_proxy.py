"""A proxy of the environment is not gone by: a stream is read from where it was named, or not at all."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parents[3]


def accepted_by(server: socket.socket, lines: list[bytes], come: threading.Event) -> None:
    connection, _ = server.accept()
    with connection:
        lines.append(connection.recv(1000).partition(b"\r\n")[0])
        come.set()


def test_the_server_is_asked_itself() -> None:
    program = "import sys; from codec.__main__ import main; sys.exit(main(['encode', sys.argv[1], '/dev/null']))"
    with socket.create_server(("127.0.0.1", 0)) as named, socket.create_server(("127.0.0.1", 0)) as proxy:
        lines, come = list[bytes](), threading.Event()
        for server in (named, proxy):
            threading.Thread(target=accepted_by, args=(server, lines, come), daemon=True).start()
        surprise = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        environment = {**os.environ, "http_proxy": surprise, "HTTP_PROXY": surprise, "no_proxy": "", "NO_PROXY": ""}
        url = f"http://127.0.0.1:{named.getsockname()[1]}/a.mp4"
        done = subprocess.run([sys.executable, "-c", program, url], cwd=ROOT, env=environment, capture_output=True)
        assert come.wait(30)
    assert lines == [b"GET /a.mp4 HTTP/1.1"]  # of a proxy it would be asked with the whole address
    assert done.returncode == 2
