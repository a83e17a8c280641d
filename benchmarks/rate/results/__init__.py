"""What was measured: rows of codecs on clips, their means, curves of them and the distances between curves.

rows.py has the figures of a codec, face_rows.py those of its faces, measured.py both; comparison.py holds facewire
against anchors by bdrate.py. Nothing here runs a codec, measures a quality or shows anything.
"""
