"""The lock that CI installs from: the versions of constraints.txt, each with the sha256 of its files."""

import re
from pathlib import Path

COMPARED_WITH = {"onnxruntime", "flatbuffers"}  # by a benchmark, where they are installed; nothing asks for them
ROOT = Path(__file__).parents[1]
REQUIREMENT = re.compile(r"^([\w.-]+)==([^\s\\]+)((?: \\\n    --hash=sha256:[0-9a-f]{64})*)$", re.MULTILINE)


def locked() -> list[tuple[str, str, str]]:
    return REQUIREMENT.findall((ROOT / "requirements.lock").read_text())


def constrained() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.lower().split("==") for line in lines if line and not line.startswith("#"))


def test_each_file_is_named_by_its_hash() -> None:
    text = (ROOT / "requirements.lock").read_text()
    entries = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    assert len(locked()) == len(entries) > 70, "a line is not as pip reads it"
    assert all(hashes for _, _, hashes in locked())


def test_it_has_the_versions_of_the_constraints() -> None:
    versions, tested = {name.lower(): version.split("+")[0] for name, version, _ in locked()}, constrained()
    assert {name: tested[name] for name in versions if name in tested} == {
        name: version for name, version in versions.items() if name in tested
    }
    assert tested.keys() == versions.keys() | COMPARED_WITH


def test_ci_installs_from_it() -> None:
    assert "LOCK=requirements.lock" in (ROOT / ".ci" / "run").read_text()
