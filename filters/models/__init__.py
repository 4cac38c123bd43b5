"""Models that put a picture and a text into one space: `mini`, open_clip, transformers and ONNX, by one protocol."""
