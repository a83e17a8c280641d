"""Training, model card: what a weight file was made from and what it can do, in Markdown."""

from pathlib import Path

from codec.training.dataset import Dataset
from codec.training.options import TrainingOptions


def write_card(
    path: Path,
    *,
    options: TrainingOptions,
    training: Dataset,
    heldout: Dataset,
    minutes: dict[str, float],
    samples: dict[str, int],
    scores: dict[str, float | None],
) -> None:
    """Writes the card; what it cannot know (whose faces, under which licences) is left for a person to add."""
    people = len({clip.file.person for clip in training.clips})
    lines = [
        "# Model card",
        "",
        "## Data",
        f"{len(training.clips)} clips of {people} people, {training.frames} frames held in memory; "
        f"{len(training.labelled_clips)} clips with face-mesh labels. "
        f"Held out: {len(heldout.clips)} clips of {len({clip.file.person for clip in heldout.clips})} other people.",
        "",
        "## Steps",
        *(f"- {name}: {minutes[name]:.1f} minutes, {samples.get(name, 0)} samples" for name in minutes),
        f"- on {options.device}, batch {options.batch}, peak rate {options.rate:g}, seed {options.seed}, started from "
        f"{options.resume or options.start}",
        "",
        "## Scores on the held-out people",
        *(f"- {name}: {value:.3f}" for name, value in scores.items() if value is not None),
        "",
        "## Limits",
        "Faces looking roughly at the camera, one a picture, upright. It animates a face: use it with consent.",
        "",
    ]
    path.write_text("\n".join(lines))
