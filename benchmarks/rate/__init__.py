"""Measuring rate: `python -m benchmarks rate`, kbps against quality, beside the anchors.

command.py is the command line; operating_points.py what runs on a clip (facewire.py, and what is in anchors/), run.py
and parallel.py run it, measured_cache.py keeps what need not run again; results/ is what is made of it, display/ and
report.py how it is shown and kept; compare.py sets old results against new ones.
"""
