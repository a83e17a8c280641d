"""Measuring speed: `python -m benchmarks speed`, milliseconds, memory and start-up."""
