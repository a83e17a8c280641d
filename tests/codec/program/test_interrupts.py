"""Interrupts: at once while a program is being loaded, in order while it writes, and never in the middle of a line."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from codec.program.interrupts import Interrupted, Interrupts

ROOT = Path(__file__).parents[3]
BLOCKS = "import os; os.write(2, b'loading'); os.read(0, 1)\n"
NUMBERS = [signal.SIGINT, signal.SIGTERM]


@contextmanager
def started(*arguments: str, path: str = "") -> "Iterator[subprocess.Popen[bytes]]":
    """A Python that hears SIGINT, whatever started the tests; killed at the end of the block."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (path, str(ROOT))))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: "subprocess.Popen[bytes]") -> tuple[int, bytes]:
    """Its exit code and the rest of what it said on standard error; standard input stays open."""
    assert process.stderr is not None
    said = process.stderr.read()
    return process.wait(timeout=30), said


@pytest.fixture
def hearing() -> Iterator[None]:
    """SIGINT interrupts: a shell makes what it starts in the background deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("program", "waits_for"),
    [
        (["-m", "sender"], "aiortc"),
        (["-m", "receiver"], "aiortc"),
        (["-m", "signaling"], "aiohttp"),
        (["-m", "codec", "encode"], "rich"),
        *((["-m", "facewire", name], "aiortc") for name in ("send", "receive", "call")),
        (["-m", "facewire", "signal"], "aiohttp"),
        (["-m", "facewire", "encode"], "rich"),
        (["-m", "facewire", "decode"], "rich"),
        (["-c", "import facewire.__main__ as f; f.send()"], "aiortc"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("number", NUMBERS)
def test_a_program_that_is_being_loaded_ends_at_once(
    program: list[str], waits_for: str, number: signal.Signals, tmp_path: Path
) -> None:
    (tmp_path / f"{waits_for}.py").write_text(BLOCKS)
    with started(*program, path=str(tmp_path)) as process:
        assert process.stderr is not None
        assert process.stderr.read(7) == b"loading"
        process.send_signal(number)
        assert ended(process) == (-number, b"")


@pytest.mark.usefixtures("hearing")
@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_written_is_interrupted_where_it_can_be(number: signal.Signals) -> None:
    done = []
    before = signal.getsignal(number)
    with Interrupts() as interrupts:
        interrupts.check()
        os.kill(os.getpid(), number)
        done.append("the line in hand")
        os.kill(os.getpid(), number)  # impatient
        done.append("and the next")
        with pytest.raises(Interrupted):
            interrupts.check()
    assert done == ["the line in hand", "and the next"]
    assert signal.getsignal(number) == before


def test_who_is_deaf_stays_deaf() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGINT)
            interrupts.check()
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_pipe_that_says_nothing_holds_no_program(number: signal.Signals) -> None:
    """The main thread never comes back from its read, and no exception has to reach it."""
    program = """
import os
from codec.program.interrupts import Interrupts
with Interrupts(last_words="told to end"):
    os.write(1, b"reading")
    os.read(0, 1)
"""
    with started("-c", program) as process:
        assert process.stdout is not None
        assert process.stdout.read(7) == b"reading"
        process.send_signal(number)
        assert ended(process) == (130, b"told to end\n")


def test_a_program_leaves_threads_that_do_not_end() -> None:
    program = """
import os, threading
from codec.program.interrupts import leave
threading.Thread(target=lambda: os.read(0, 1)).start()
print("written")
leave(3)
"""
    with started("-c", program) as process:
        assert ended(process) == (3, b"")
        assert process.stdout is not None
        assert process.stdout.read() == b"written\n"


def test_what_cannot_be_written_at_the_end_is_no_success() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", "from codec.program.interrupts import leave; print('x'); leave(0)"],
            cwd=ROOT,
            stdout=full,
        )
    assert done.returncode == 1
