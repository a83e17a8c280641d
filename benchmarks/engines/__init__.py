"""Measuring engines: `python -m benchmarks engines`, what runs the networks fastest."""
