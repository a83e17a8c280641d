"""Measuring, what is kept: results files, where they come from, and the conditions they were made in.

json_file.py writes and checks them, kind.py says what a timing benchmark makes of them, provenance.py and conditions.py
where figures come from; spread.py, markdown.py and figure_file.py are what they are made of and shown by.
"""
