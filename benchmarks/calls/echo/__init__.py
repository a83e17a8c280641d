"""Measuring echo: `python -m benchmarks echo`, what the canceller leaves of it, and what it does to who speaks."""
