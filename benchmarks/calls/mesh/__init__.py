"""Measuring a call of four: one end as people run it, against three that replay what was coded before.

command.py is the subcommand, run.py plays the calls, replay.py is the process of the three, report.py shows what came
of it.
"""
