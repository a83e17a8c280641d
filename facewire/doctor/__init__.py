"""All stages, `facewire doctor`: what of a call works from this machine, and what to do about the rest."""

__all__: list[str] = []
