"""Training, model card: what a weight file was made from and what it can do, in Markdown."""

from collections.abc import Mapping
from pathlib import Path

from codec.training.checkpoint import State
from codec.training.materials import Materials


def write_card(
    path: Path, *, materials: Materials, state: State, source: str, scores: Mapping[str, float | None]
) -> None:
    """Writes the card; what it cannot know (whose faces, under which licences) is left for a person to add."""
    training, heldout, options = materials.training, materials.heldout, materials.options
    moving = [training.clips[number] for number in training.moving_clips]
    stills = sum(len(clip.references) for clip in training.clips if clip.file.still)
    people = len({clip.file.person for clip in moving})
    lines = [
        "# Model card",
        "",
        "## Data",
        f"{len(moving)} clips of {people} people, {sum(len(clip.frames) for clip in moving)} frames held in memory; "
        f"{len(training.labelled_clips)} clips with face-mesh labels; {stills} stills of other faces. "
        f"Held out: {len(heldout.clips)} clips of {len({clip.file.person for clip in heldout.clips})} other people.",
        "Pictures were mirrored, turned, scaled, shifted and recoloured.",
        "",
        "## Steps",
        *(f"- {n}: {s / 60:.1f} minutes, {state.samples.get(n, 0)} samples" for n, s in state.spent_s.items()),
        f"- batch {options.batch}, peak rate {options.rate:g}, seed {options.seed}, weights averaged with decay "
        f"{options.average:g}, started from {options.start}; the {source} averaged weights",
        "",
        "## Scores on the held-out people",
        *(f"- {name}: {value:.3f}" for name, value in scores.items() if value is not None),
        "",
        "## Limits",
        "Faces looking roughly at the camera, one a picture, upright. It animates a face: use it with consent.",
        "",
    ]
    path.write_text("\n".join(lines))
