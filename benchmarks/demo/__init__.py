"""The demo: `python -m benchmarks.demo`, a call over loopback, side by side."""
