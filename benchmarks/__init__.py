"""Measuring the codec: rate against quality, and the sample clip that everything is tried on."""

__all__: list[str] = []
