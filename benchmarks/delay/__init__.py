"""Measuring delay: `python -m benchmarks delay`, capture to display through a call."""
