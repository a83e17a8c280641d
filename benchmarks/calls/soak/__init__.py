"""Measuring for long: `python -m benchmarks soak`, a call of half an hour over a line that loses; what grows in it."""
