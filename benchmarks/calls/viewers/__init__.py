"""Measuring one sender with many viewers: what each of them costs it.

command.py is the subcommand, run.py plays the calls, audience.py is the process of those who watch without decoding,
report.py shows what came of it.
"""
