"""Policies as ONNX and TorchScript, for programs without msemu."""
