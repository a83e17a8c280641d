"""The documents hold: their programs run, the commands and flags they name exist, their links lead somewhere."""

import asyncio
import itertools
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from codec.bits.bitstream import VERSION as BITSTREAM
from codec.bits.container import VERSION as FILES
from codec.bits.packet import MOTION_HEADER, MOTION_VERSION
from signaling.transport.costs import MESSAGE_OVERHEAD, SACK_BYTES

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCUMENTS = (README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "benchmarks" / "README.md")
SAMPLE = ROOT / "benchmarks" / "clips" / "data" / "sample.mp4"
LONGEST_EXAMPLE = 60  # lines
FPS = 25
HAS_SUBCOMMANDS = ("codec", "benchmarks")


def python_block(containing: str) -> str:
    """The one Python block of the README that contains this text."""
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    (block,) = (block for block in blocks if containing in block)
    return str(block)


def code_lines(path: Path) -> Iterator[str]:
    """Indented lines, with their continuations, and code spans: where commands are written."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"\n {8,}", " ", text)
    indented = r"^ {4}(.*)$"
    yield from re.findall(indented, text, re.MULTILINE)
    yield from re.findall(r"`([^`]+)`", re.sub(indented, "", text, flags=re.MULTILINE))


def commands(start: str) -> list[Any]:
    """Every command of the documents that begins so, as test parameters."""
    found = {" ".join(line.partition("  #")[0].split()) for path in DOCUMENTS for line in code_lines(path)}
    return [pytest.param(line, id=line) for line in sorted(found) if re.match(rf"{start}( |$)", line)]


def scripts() -> dict[str, tuple[str, str]]:
    """Of each command the module and the function."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {name: (place.partition(":")[0], place.partition(":")[2]) for name, place in project["scripts"].items()}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_embedding_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    source = python_block("send_face")
    assert source == (ROOT / "examples" / "embed.py").read_text()
    assert len(source.splitlines()) < LONGEST_EXAMPLE
    program: dict[str, Any] = {"__name__": "example"}
    exec(compile(source, "README.md", "exec"), program)
    frames = asyncio.run(program["main"](str(SAMPLE), pictures=3))
    assert [(frame.width, frame.height) for frame in frames] == [(256, 256)] * 3
    assert all(before.pts < after.pts for before, after in itertools.pairwise(frames))
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_the_codec_snippet_runs() -> None:
    with av.open(SAMPLE) as container:
        image_rgb = next(container.decode(video=0)).to_ndarray(format="rgb24")
    program: dict[str, Any] = {"image_rgb": image_rgb, "pts": 0}
    exec(compile(python_block("CodedFrame.parse"), "README.md", "exec"), program)
    assert program["image"].shape == (256, 256, 3)
    assert program["image"].dtype == np.uint8
    assert (program["image"] == program["encoder"].reconstruction).all()


@pytest.mark.parametrize("command", commands(r"(python -m \S+|facewire-\S+)"))
def test_a_command_exists_with_its_flags(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(re.sub(r"\[|\]|\.\.\.|\|", " ", command))
    if words[0] == "python":
        name, arguments = words[2], words[3:]
        path = ROOT / name.replace(".", "/")
        main = import_module(f"{name}.__main__" if path.is_dir() else name).main
    else:
        name, arguments = words[0], words[1:]
        monkeypatch.setattr("facewire.__main__.end_at_once", lambda: None)  # the signals are those of the tests
        module, function = scripts()[name]
        main = getattr(import_module(module), function)
    chosen = arguments[:1] if name in HAS_SUBCOMMANDS and arguments else []
    monkeypatch.setattr(sys, "argv", [name, *chosen, "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    known = set(re.findall(r"--[a-z][a-z0-9-]*", capsys.readouterr().out))
    assert {word for word in arguments if word.startswith("--")} <= known


@pytest.mark.parametrize("command", commands("make"))
def test_a_make_target_exists_with_its_variables(command: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    target, *settings = shlex.split(command)[1:]
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    for setting in settings:
        assert re.search(rf"^{setting.partition('=')[0]} \?=", makefile, re.MULTILINE), setting


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text()
    for link in re.findall(r"\]\(([^)]+)\)", text):
        place, _, anchor = link.partition("#")
        if "://" in place:
            continue
        target = path.parent / place if place else path
        assert target.exists(), link
        headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE) if anchor else []
        assert not anchor or anchor in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings]


def test_the_bundle_table_follows_the_model() -> None:
    text = (ROOT / "docs" / "transport.md").read_text()
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| (\d+) ms \|$", text, re.MULTILINE)
    assert len(rows) == 5
    for row in rows:
        size, *figures = map(float, row)
        messages = FPS / size
        header_bytes = MOTION_HEADER.size + size - 1
        kbps = [count * messages * 8 / 1000 for count in (header_bytes, MESSAGE_OVERHEAD, SACK_BYTES)]
        assert figures == pytest.approx([messages, *kbps, (size - 1) * 1000 / FPS], abs=0.0051)


def test_named_files_exist() -> None:
    """A path in code spans, with a folder of ours in front, is a file or folder that is there."""
    folders = "codec|sender|receiver|signaling|benchmarks|tests|docs"
    for path in DOCUMENTS:
        for name in re.findall(rf"`((?:{folders})/[\w./-]*)`", path.read_text()):
            assert (ROOT / name).exists(), f"{path.name}: {name}"


def test_the_versions_it_names_are_those_of_the_code() -> None:
    says = f"Coded frames are at version {BITSTREAM}, motion messages at {MOTION_VERSION} and files at {FILES}"
    assert says in " ".join(README.read_text().split())
    text = " ".join((ROOT / "docs" / "bitstream.md").read_text().split())
    assert f"Coded frames are at version {BITSTREAM}, motion messages at version {MOTION_VERSION}" in text
