"""Measuring over networks: `python -m benchmarks network`, the programs on two hosts, a bad link between."""
