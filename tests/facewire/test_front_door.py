"""The front door: names, types and commands lead where they should, and a call needs no torch."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import facewire
from facewire.__main__ import COMMANDS, main

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "benchmarks" / "clips" / "data" / "sample.mp4"

CONSUMER = """\
import numpy as np
import numpy.typing as npt
from aiortc import MediaStreamTrack, RTCPeerConnection

from facewire import (
    CodecConfig,
    CodedFrame,
    Decoder,
    Encoder,
    FrameReport,
    ReceiverOptions,
    SenderOptions,
    __version__,
    receive_face,
    send_face,
)


def code(image_rgb: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], FrameReport]:
    encoder = Encoder(CodecConfig(size=256))
    data: bytes = bytes(encoder.encode(image_rgb, pts=0))
    return Decoder(CodecConfig(size=256)).decode(CodedFrame.parse(data)), encoder.report


async def both(pc: RTCPeerConnection, camera: MediaStreamTrack) -> str:
    async with send_face(pc, camera, SenderOptions(qp=30)) as sender, receive_face(pc, ReceiverOptions()) as receiver:
        await receiver.track.recv()
        version: str = __version__
        return version + str(sender.figures()["mode"]) + str(receiver.figures()["mode"])
"""
MISTAKES = """\
from facewire import Encoder, SenderOptions

Encoder(256)
SenderOptions(qp="30")
"""

_BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError(f"no {name} here", name=name)

sys.meta_path.insert(0, Blocked())
"""


def test_every_name_is_there() -> None:
    for name in facewire.__all__:
        assert getattr(facewire, name) is not None
    with pytest.raises(AttributeError, match="absent"):
        _ = facewire.absent  # type: ignore[attr-defined]


def test_the_version_has_one_source(capsys: pytest.CaptureFixture[str]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert facewire.__version__ == version
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"facewire {version}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_hands_over_to_a_program_that_explains_itself(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as done:
        main([command, "--help"])
    assert done.value.code == 0
    assert "usage: " in capsys.readouterr().out


def test_help_names_every_command_and_a_wrong_one_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in COMMANDS)
    assert main(["sned"]) == 2
    assert capsys.readouterr().err == f"facewire: no command 'sned': {', '.join(COMMANDS)}\n"


def test_errors_of_one_kind_are_caught_by_one_name() -> None:
    import receiver
    import sender

    for options in (lambda: sender.SenderOptions(qp=99), lambda: receiver.ReceiverOptions(size=1)):
        with pytest.raises(facewire.OptionsError):
            options()
    assert issubclass(sender.OptionsError, facewire.SenderError)
    assert issubclass(receiver.OptionsError, facewire.ReceiverError)


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True)


def test_the_public_surface_is_typed(tmp_path: Path) -> None:
    """An application that mypy checks strictly sees our types, and its mistakes."""
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(CONSUMER)
    wrong.write_text(MISTAKES)
    command = ["-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml")]
    done = run(*command, str(right))
    assert done.returncode == 0, done.stdout
    done = run(*command, str(wrong))
    assert done.stdout.count("error:") == 2, done.stdout
    for package in ("codec", "facewire", "receiver", "sender", "signaling"):
        assert (ROOT / package / "py.typed").exists()


def test_a_call_needs_no_torch(tmp_path: Path) -> None:
    """What a call imports, and a clip there and back, where torch is not installed."""
    program = f"""
import facewire, sender.__main__, receiver.__main__, signaling.__main__
for name in facewire.__all__:
    getattr(facewire, name)
from facewire.__main__ import main
assert main(["encode", {str(SAMPLE)!r}, {str(tmp_path / "a.fw")!r}, "--limit", "3"]) == 0
assert main(["decode", {str(tmp_path / "a.fw")!r}, {str(tmp_path / "a.mp4")!r}]) == 0
assert main(["encode", {str(SAMPLE)!r}, {str(tmp_path / "b.fw")!r}, "--engine", "torch"]) == 2
assert main(["bench", "rate", {str(SAMPLE)!r}]) == 2
assert "torch" not in sys.modules
"""
    done = run("-c", _BLOCKED + program)
    assert done.returncode == 0, done.stderr
    assert "pip install 'facewire[torch]'" in done.stderr
    assert "pip install 'facewire[bench]'" in done.stderr
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    ("module", "extra"), [("codec.training", "train"), ("codec.export", "export"), ("codec.engines.calibrate", "torch")]
)
def test_programs_that_need_torch_say_what_to_install(module: str, extra: str) -> None:
    done = run("-c", f"{_BLOCKED}\nimport runpy\nrunpy.run_module({module!r}, run_name='__main__', alter_sys=True)")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(f"pip install 'facewire[{extra}]'")
    assert len(done.stderr.splitlines()) == 1


def test_a_system_without_the_libraries_of_opencv_is_told_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "cv2.py").write_text(
        "raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')"
    )
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from facewire.__main__ import main; "
    done = run("-c", program + "sys.exit(main(['receive']))")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "libGL.so.1" in line
    assert "apt-get install libgl1" in line


def test_nothing_of_opencv_that_opens_windows_is_used() -> None:
    """Its wheel without a GUI does as well: the window is SDL's."""
    for package in ("codec", "facewire", "receiver", "sender", "signaling"):
        for path in (ROOT / package).rglob("*.py"):
            assert not {"imshow", "namedWindow", "waitKey"} & set(re.findall(r"cv2\.(\w+)", path.read_text())), path
