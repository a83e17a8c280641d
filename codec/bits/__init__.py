"""Stages 4, 5 and 7, bits: quantizer, range coder, symbols, coded frames, messages, the `.fw` file."""
