"""Measuring over networks: the ways between two homes, `python -m benchmarks network --nat`."""
