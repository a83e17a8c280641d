"""Measuring, records: results files, where they come from, and the conditions they were made in."""
