"""Stages 3 and 9, engines: what runs the networks, in which precision, and the one face to both."""
