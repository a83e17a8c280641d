"""Stage 10, meter (offline): the conditions of a run in a few words; times say nothing without them."""

from typing import Any

LIBRARIES = ("openvino", "torch", "opencv-python", "av", "numpy")
PLAIN_FLAGS = ("avx2", "avx512f")  # what any server has; the others decide in which precision networks run
QUIET_LOAD = 0.5


def machine_lines(report: dict[str, Any]) -> list[str]:
    """Processor, versions, weights and commit of a results file, each in one line."""
    environment, provenance = report["environment"], report["provenance"]
    flags = [flag for flag in environment["cpu_flags"] if flag not in PLAIN_FLAGS]
    cores = report["cores"]
    held = f"held to {len(cores)} of" if cores else "not held to some of"
    installed = [
        f"{name} {version}"
        for name in LIBRARIES
        if (version := environment["packages"].get(name, "not installed")) != "not installed"
    ]
    source, weights = provenance["source"], provenance["weights"]
    commit = "no checkout" if source is None else source["commit"][:10] + (", changed" if source["modified"] else "")
    load = report["load_before"]
    busy = load is not None and load > QUIET_LOAD
    return [
        *([f"careful: the machine was not quiet, its load before the run was {load:.1f}"] if busy else []),
        f"{environment['cpu']} ({', '.join(flags) or 'no flags known'}), {held} {environment['cores']} cores",
        f"Python {environment['python']}, {', '.join(installed)}",
        f"weights {weights['name']} ({weights['sha256'][:8]}), commit {commit}",
    ]
