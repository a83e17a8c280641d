"""Measuring calls: both ends as processes over loopback, on the cores they are given."""
