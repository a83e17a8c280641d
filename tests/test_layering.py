"""The map of the tree, kept true: who may import whom, no cycles, one line of place in every file, files of a size."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ARROWS: dict[str, set[str]] = {
    "codec": set(),
    "signaling": set(),
    "sender": {"codec", "signaling"},
    "receiver": {"codec", "signaling"},
    "facewire": {"codec", "signaling", "sender", "receiver", "benchmarks"},
    "benchmarks": {"codec", "signaling", "sender", "receiver"},
    "examples": {"codec", "signaling", "sender", "receiver", "facewire"},
}
FORBIDDEN = {
    "codec": {"asyncio", "aiohttp", "aiortc", "msgpack", "socket"},
    "signaling": {"av", "cv2", "torch"},
}
# Packages that one file alone imports, because it takes care to.
GUARDED = {"openvino": "codec.engines.openvino_import", "livekit": "codec.sound.echo"}
VAGUE_NAMES = {"base", "common", "helpers", "manager", "utils"}
MAX_LINES = 350
MAX_FILES = 16  # in one room


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path for package in ARROWS for path in sorted((ROOT / package).rglob("*.py"))}
TESTS = sorted((ROOT / "tests").rglob("*.py"))


# Parsed while the tests are collected, when nothing else runs: CPython before 3.11.8 raises SystemError from a parse
# that is interrupted by another one, and the report of a lost task, which the garbage collector may write, parses too.
TREES = {path: ast.parse(path.read_text(encoding="utf-8"), str(path)) for path in [*SOURCES.values(), *TESTS]}


@cache
def imported_names(path: Path) -> tuple[str, ...]:
    """Every absolute dotted name that a file imports, wherever the import stands; a relative import fails."""
    return tuple(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import in line {node.lineno}"
            assert node.module is not None
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in SOURCES else node.module


def imported_at_the_top(path: Path) -> set[str]:
    """The modules of ours that a file imports when it is imported itself."""
    found: set[str] = set()
    for node in TREES[path].body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found & SOURCES.keys()


def imported_modules(path: Path) -> set[str]:
    return {name for name in imported_names(path) if name in SOURCES}


@pytest.mark.parametrize("package", ARROWS)
def test_a_package_imports_only_what_its_arrows_allow(package: str) -> None:
    for name, path in SOURCES.items():
        if name.split(".")[0] != package:
            continue
        tops = {imported.split(".")[0] for imported in imported_names(path)}
        outside = (tops & ARROWS.keys()) - {package} - ARROWS[package]
        assert not outside, f"{name} imports {sorted(outside)}"
        banned = tops & FORBIDDEN.get(package, set())
        assert not banned, f"{name} imports {sorted(banned)}"
        assert not tops & {"tests"}, f"{name} imports the tests"


def test_training_is_imported_by_nothing_else() -> None:
    for name, path in SOURCES.items():
        if not name.startswith(("codec.training", "benchmarks")):
            assert not any(imported.startswith("codec.training") for imported in imported_names(path)), name


@pytest.mark.parametrize(("package", "guard"), GUARDED.items())
def test_a_guarded_package_is_imported_in_one_place(package: str, guard: str) -> None:
    for path in TREES:
        importing = package in {name.split(".")[0] for name in imported_names(path)}
        assert importing == (path == SOURCES[guard]), path


def test_no_import_cycles() -> None:
    edges = {name: imported_modules(path) for name, path in SOURCES.items()}
    finished: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name not in finished:
            for imported in sorted(edges[name]):
                visit(imported, (*trail, name))
            finished.add(name)

    for name in edges:
        visit(name, ())


@cache
def room_of(name: str) -> str:
    """The package a module stands in; what lies beside the rooms of a folder stands for itself."""
    package = name if SOURCES[name].name == "__init__.py" else name.rpartition(".")[0]
    if package not in SOURCES:  # a folder of programs
        return name
    holds_rooms = any(path.parent.parent == SOURCES[package].parent for path in SOURCES.values())
    return name if holds_rooms or "." not in package else package


def test_no_circle_between_rooms() -> None:
    """No two packages import each other, however far around: what a room needs can be read before the room."""
    edges: dict[str, set[str]] = {}
    for name, path in SOURCES.items():
        edges.setdefault(room_of(name), set()).update(map(room_of, imported_modules(path)))
    order: list[str] = []

    def visit(room: str, trail: tuple[str, ...]) -> None:
        assert room not in trail, " -> ".join([*trail[trail.index(room) :], room])
        if room not in order:
            for other in sorted(edges[room] - {room}):
                visit(other, (*trail, room))
            order.append(room)

    for room in sorted(edges):
        visit(room, ())


@pytest.mark.parametrize(("folder", "most"), [("codec", 12), ("benchmarks", 15)])
def test_a_newcomer_sees_at_a_glance_what_is_there(folder: str, most: int) -> None:
    """Few files beside the rooms of the codec, and few rooms and files that measure."""
    entries = [path for path in (ROOT / folder).iterdir() if path.name != "__pycache__"]
    rooms = [path for path in entries if (path / "__init__.py").exists()]
    files = [path for path in entries if path.is_file()]
    counted = files if folder == "codec" else rooms + [path for path in files if path.suffix == ".py"]
    assert len(counted) <= most, sorted(path.name for path in counted)


@pytest.mark.parametrize("folder", sorted({path.parent for path in SOURCES.values()}), ids=lambda path: path.name)
def test_a_room_holds_no_more_files_than_one_can_look_over(folder: Path) -> None:
    names = sorted(path.name for path in folder.glob("*.py"))
    assert len(names) <= MAX_FILES, names


def test_torch_stays_off_the_calls_path() -> None:
    """Whatever a call imports, at whatever depth, no module of ours that needs torch is imported with it."""
    reached: set[str] = set()

    def visit(name: str) -> None:
        if name in reached:
            return
        reached.add(name)
        tree = TREES[SOURCES[name]]
        for node in tree.body:  # at the top: what is imported when it is needed is another matter
            modules = {node.module} if isinstance(node, ast.ImportFrom) else set()
            modules |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            assert not any(str(module).split(".")[0] == "torch" for module in modules), name
        for imported in imported_at_the_top(SOURCES[name]):
            visit(imported)

    for program in (
        "sender.__main__",
        "receiver.__main__",
        "signaling.__main__",
        "codec.__main__",
        "facewire.__main__",
    ):
        visit(program)
    assert "codec.engines.runtime" in reached


@pytest.mark.parametrize("path", [*SOURCES.values(), *TESTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_says_its_place_in_one_line_and_stays_readable(path: Path) -> None:
    docstring = ast.get_docstring(TREES[path])
    assert docstring, "no docstring"
    first, *rest = docstring.splitlines()
    assert first.endswith("."), f"the first line is not a sentence: {first!r}"
    assert not rest or not rest[0].strip(), "the first line runs on"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES
    assert path.stem not in VAGUE_NAMES
