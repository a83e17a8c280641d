"""Training starts where neither PyAV nor the range coder is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

_BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("av", "constriction"):
            raise ModuleNotFoundError(f"no {name} here", name=name)

sys.meta_path.insert(0, Blocked())
"""
_TRAINING = """
import codec
from codec.weights import files as weights
assert codec.CodecConfig().qp >= 0
weights.load(codec.CodecConfig().weights)
from codec.training import __main__ as training
training.main(["--help"])
"""


def test_training_starts_without_them() -> None:
    root = Path(__file__).parents[3]
    run = subprocess.run([sys.executable, "-c", _BLOCKED + _TRAINING], cwd=root, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "prepare DIR" in run.stdout


def test_what_the_package_exports() -> None:
    import codec

    for name in codec.__all__:
        assert getattr(codec, name).__name__ == name
    with pytest.raises(AttributeError, match="absent"):
        _ = codec.absent  # type: ignore[attr-defined]
