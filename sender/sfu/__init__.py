"""Stage 1 to 6, through an SFU: one stream to Janus, which forwards it to any number of viewers."""
