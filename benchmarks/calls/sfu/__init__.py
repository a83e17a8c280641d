"""Stages 1 to 10, measured through a Janus: what each of many viewers costs it and the sender."""
