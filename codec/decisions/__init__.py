"""Stage 4, decisions: what is sent of a frame, when a new reference pays, and how a budget is kept."""
