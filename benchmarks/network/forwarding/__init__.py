"""Stage 6, transport, measured: how long messages take between two ends, directly and through a Janus."""
