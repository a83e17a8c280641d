"""Stage 6, transport, insides: all that is touched of what aiortc, its SCTP and aioice keep to themselves."""
