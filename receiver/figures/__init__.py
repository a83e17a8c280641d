"""Stage 10, meter: what a call costs and how good it is, once a second, for people and for the sender."""
