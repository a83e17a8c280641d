"""Measuring over networks: two calls that share one line for long, `python -m benchmarks network --two`."""
