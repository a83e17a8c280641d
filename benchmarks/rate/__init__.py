"""Measuring rate: `python -m benchmarks rate`, kbps against quality, beside the anchors."""
