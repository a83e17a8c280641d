"""Stage 6, transport: the named channels of a call, what carries them, and what they cost."""
