"""Measuring rate: `python -m benchmarks rate`, kbps against quality, beside the anchors.

command.py is the command line; run.py what runs on a clip (facewire.py, anchors.py, prototype.py); rows.py and
bdrate.py what is made of it, face_rows.py of faces; tables.py, face_tables.py, plot.py, sheet.py, face_sheet.py,
frames_csv.py and report.py how it is shown and kept; compare.py sets old results against new ones.
"""
