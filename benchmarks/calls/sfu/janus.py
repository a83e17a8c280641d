"""Stage 6, transport, measured: a Janus of our own: VideoRoom, TextRoom and WebSockets, and nothing else of it."""

import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.errors import BenchmarkError

__all__ = ["Janus", "JanusUnavailable", "free_port", "janus_version"]

_START_S = 10.0
_READY = "WebSockets thread started"


class JanusUnavailable(BenchmarkError):
    """There is no Janus here, or it does not start."""


def janus_version() -> str:
    """What it says of itself. Raises JanusUnavailable where it is not installed."""
    program = shutil.which("janus")
    if program is None:
        raise JanusUnavailable("no janus: Debian's package is janus")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return next((line.strip() for line in done.stdout.splitlines() if line.startswith("Janus version")), "unknown")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listened on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Janus:
    """The server on one host. Leaving the block ends it; `kill` and `start` are for those who want to see it go."""

    def __init__(
        self,
        folder: Path,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        prefix: Sequence[str] = (),
        textroom: bool = True,
        event_loops: int = 0,
    ) -> None:
        """`event_loops`: threads that all connections share; 0: each has its own, as Janus is by default."""
        self._folder, self._address, self._prefix = folder, address, prefix
        self._port = port or free_port()
        self._textroom, self._event_loops = textroom, event_loops
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / "janus.log"

    @property
    def url(self) -> str:
        """What --sfu takes."""
        return f"janus:ws://{self._address}:{self._port}"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        janus_version()
        self._configure()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_START_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def start(self) -> None:
        """Starts it, and waits until it listens. Raises JanusUnavailable."""
        command = [*self._prefix, "janus", "-F", str(self._folder), "-C", str(self._folder / "janus.jcfg")]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        give_up_s = time.monotonic() + _START_S
        while _READY not in self.log.read_text(errors="replace"):
            if self._process.poll() is not None or time.monotonic() > give_up_s:
                self.kill()
                raise JanusUnavailable(f"janus does not start: {self.log.read_text(errors='replace')[-300:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Ends it at once, as a machine that loses its power does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _configure(self) -> None:
        home = _home()
        wanted = {
            "libjanus_videoroom.so",
            "libjanus_websockets.so",
            *(["libjanus_textroom.so"] if self._textroom else []),
        }
        others = {
            kind: ",".join(sorted({one.name for one in (home / kind).glob("*.so")} - wanted))
            for kind in ("plugins", "transports")
        }
        self._write(
            "janus",
            f'general: {{ configs_folder = "{self._folder}" plugins_folder = "{home / "plugins"}" '
            f'transports_folder = "{home / "transports"}" debug_level = 4 interface = "{self._address}"'
            f"{f' event_loops = {self._event_loops}' if self._event_loops else ''} }}",
            "media: { ipv6 = false }",
            f'nat: {{ ice_enforce_list = "{self._address}" }}',
            f'plugins: {{ disable = "{others["plugins"]}" }}',
            f'transports: {{ disable = "{others["transports"]}" }}',
        )
        self._write(
            "janus.transport.websockets",
            f'general: {{ json = "plain" ws = true ws_port = {self._port} ws_ip = "{self._address}" wss = false }}',
        )
        for plugin in ("videoroom", "textroom"):
            self._write(f"janus.plugin.{plugin}", "general: { }")

    def _write(self, name: str, *lines: str) -> None:
        (self._folder / f"{name}.jcfg").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _home() -> Path:
    """Where its plugins are. Raises JanusUnavailable."""
    for folder in (*Path("/usr/lib").glob("*/janus"), Path("/usr/lib/janus"), Path("/opt/janus/lib/janus")):
        if (folder / "plugins").is_dir():
            return folder
    raise JanusUnavailable("janus is here, but not its plugins")
