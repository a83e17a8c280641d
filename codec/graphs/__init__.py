"""Stages 3 and 9, graphs: the networks as exported ONNX files without weights, and the list of them."""
