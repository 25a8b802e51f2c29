"""Networks in PyTorch (one file each), and running shipped ones in ONNX Runtime."""
