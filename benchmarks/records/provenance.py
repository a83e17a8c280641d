"""Stage 10, meter (offline): where a results file's figures come from, so that others can get them again."""

import ctypes
import hashlib
import os
import platform
import re
import shlex
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import av

from codec.weights import files as weights

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "facewire", "torch", "openvino", "aiortc", "av", "numpy", "opencv-python", "constriction", "scipy",
    "pytorch-msssim", "bjontegaard", "vmaf-torch",
)  # fmt: skip
# What measures and what is measured, as git names paths: of benchmarks/ the code, not the clips nor the results.
SOURCES = ("codec", ":(glob)benchmarks/**/*.py", "pyproject.toml", "constraints.txt")
CALL_SOURCES = (*SOURCES, "sender", "receiver", "signaling")
FLAGS = (
    "avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8",
    "asimddp", "i8mm", "bf16",
)  # fmt: skip
UNREADABLE = "not readable"
# The libraries as PyAV's wheels carry them: a part of the file name, and what inside tells the version.
VERSION_FUNCTIONS = {
    "SvtAv1Enc": "svt_av1_get_version",
    "vpx": "vpx_codec_version_str",
    "dav1d": "dav1d_version",
}
VERSION_TEXTS = {
    "x264": re.compile(rb"x264_encoder_open_(\d+)"),  # the build, which x264 calls its core
    "x265": re.compile(rb"\0(\d+\.\d+\+\d+-[0-9a-f]+)\0"),
}


def sha256(path: Path) -> str:
    """Of a file's bytes. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def cpu_name() -> str:
    """The processor as the kernel names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def cpu_flags() -> list[str]:
    """Which of the instructions that matter for networks the processor has, as the kernel names them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features"))), [])
    return [flag for flag in FLAGS if flag in flags]


def _loaded_libraries() -> list[Path]:
    """Shared libraries that PyAV brought into this process, where the system lists them."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return []
    paths = {line.split(maxsplit=5)[5] for line in lines if line.count("/") and len(line.split(maxsplit=5)) == 6}
    return [path for path in map(Path, sorted(paths)) if path.name.startswith("lib") and path.is_file()]


def _function_version(path: Path, function: str) -> str:
    try:
        call = getattr(ctypes.CDLL(str(path)), function)
    except (OSError, AttributeError):
        return UNREADABLE
    call.restype = ctypes.c_char_p
    return str((call() or UNREADABLE.encode()).decode(errors="replace"))


def coder_versions() -> dict[str, str]:
    """What the video coders call themselves: libraries of their own, which PyAV does not ask."""
    libraries = _loaded_libraries()
    found: dict[str, str] = {}
    for name in (*VERSION_FUNCTIONS, *VERSION_TEXTS):
        path = next((path for path in libraries if path.name.startswith(f"lib{name}")), None)
        if path is None:
            found[name] = UNREADABLE
        elif name in VERSION_FUNCTIONS:
            found[name] = _function_version(path, VERSION_FUNCTIONS[name])
        else:
            match = VERSION_TEXTS[name].search(path.read_bytes())
            found[name] = match[1].decode(errors="replace") if match else UNREADABLE
    return found


def environment() -> dict[str, Any]:
    """Versions and the machine: timings mean nothing without them."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "cpu": cpu_name(),
        "cpu_flags": cpu_flags(),
        "cores": os.cpu_count(),
        "packages": {name: _version(name) for name in PACKAGES},
        "libraries": {name: ".".join(map(str, version)) for name, version in av.library_versions.items()},
        "coders": coder_versions(),
    }


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def source_state(sources: Sequence[str] = SOURCES) -> dict[str, Any] | None:
    """The commit of this checkout, and whether its sources differ from that; None where it is no checkout."""
    top = _git("rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != ROOT:
        return None
    changed = _git("status", "--porcelain", "--untracked-files=all", "--", *sources)
    return {"commit": _git("rev-parse", "HEAD"), "modified": bool(changed)}


def _without_folders(argument: str) -> str:
    """An argument, or the `NAME=` and the path in it, without the folders, which are nobody's business elsewhere."""
    name, equals, path = argument.rpartition("=")
    return f"{name}{equals}{Path(path).name if '/' in path else path}"


def provenance(
    command: Sequence[str],
    *,
    clips: Sequence[Path],
    weights_name: str,
    metric_networks: Sequence[Path] = (),
    jobs: int = 1,
    sources: Sequence[str] = SOURCES,
) -> dict[str, Any]:
    """The command, the source, and the hash of every file that had a say. Raises OSError, WeightsError.

    `metric_networks` are the files of the networks that metrics need. The command names files without their folders.
    """
    weights_file, _ = weights.find(weights_name)
    return {
        "command": shlex.join(["python", "-m", "benchmarks", *map(_without_folders, command)]),
        "source": source_state(sources),
        "jobs": jobs,
        "seeds": "none: nothing that is measured draws random numbers",
        "clips": {path.stem: {"file": path.name, "sha256": sha256(path)} for path in clips},
        "weights": {"name": weights_name, "file": weights_file.name, "sha256": sha256(weights_file)},
        "nets": {path.name: sha256(path) for path in metric_networks},
    }
