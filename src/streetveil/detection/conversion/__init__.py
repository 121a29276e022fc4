"""From published files to ONNX graphs that take any batch and size: one file per model family."""
