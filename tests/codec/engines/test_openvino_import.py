"""OpenVINO without its telemetry: nothing is reported, forked or written, and no signal comes back from it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
USE = """
from codec import CodecConfig
from codec.weights import files as weights
from codec.engines.openvino_engine import OpenVinoEngine
OpenVinoEngine(weights.load(CodecConfig().weights), threads=1, precision="f32").load("extractor", size=256)
"""
# What is written at exit is the last: the threads of a pool, which the telemetry reports from, have then ended.
WATCHED = f"""
import atexit, sys
seen, starts = [], ("os.fork", "os.posix_spawn", "os.mkdir", "subprocess.Popen")
def note(event, arguments):
    is_write = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if event.startswith("socket.") or event in starts or is_write:
        seen.append((event, str(arguments)))
atexit.register(lambda: print(seen))
sys.addaudithook(note)
{USE}
assert "openvino_telemetry" not in sys.modules, "loaded"
"""
# Whoever asks for an address waits for ever, in this process and in any that is forked from it. `rest` returns when
# all threads of all pools have done what was put into them.
UNANSWERED = f"""
import asyncio, os, signal, socket, threading
from concurrent.futures import thread as pools
socket.getaddrinfo = lambda *_, **__: threading.Event().wait()
async def main():
    loop, told, rested = asyncio.get_running_loop(), [], asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told.append, "SIGTERM")
    {USE.replace(chr(10), chr(10) + "    ")}
    def rest():
        pools._python_exit()
        loop.call_soon_threadsafe(rested.set)
    threading.Thread(target=rest).start()
    await rested.wait()
    print(told, flush=True)
    os._exit(0)
asyncio.run(main())
"""


def run(code: str, *, home: Path) -> subprocess.CompletedProcess[str]:
    """As a user's shell would: without CI in the environment, which keeps the telemetry still; `home` is its home."""
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")}
    environment |= {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize(("code", "says"), [(WATCHED, "[]\n"), (UNANSWERED, "[]\n")], ids=["watched", "unanswered"])
def test_a_loaded_graph_reports_forks_and_writes_nothing(code: str, says: str, tmp_path: Path) -> None:
    done = run(code, home=tmp_path)
    assert (done.returncode, done.stdout) == (0, says), done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("order", ["before", "after"])
def test_an_application_may_use_the_telemetry_itself(order: str, tmp_path: Path) -> None:
    lines = ["import openvino_telemetry as theirs", "from codec.engines.openvino_import import ov"]
    code = "\n".join([*(lines if order == "before" else reversed(lines)), "theirs.Telemetry; ov.convert_model"])
    code += "\nimport sys, os; assert sys.modules['openvino_telemetry'] is theirs and 'CI' not in os.environ"
    done = run(code, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())


def test_an_openvino_that_is_not_installed_is_an_import_error(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["openvino"] = None
try:
    import codec.engines.openvino_import
except ImportError:
    sys.exit("openvino_telemetry" in sys.modules)
sys.exit("no error")
"""
    done = run(code, home=tmp_path)
    assert done.returncode == 0, done.stderr
