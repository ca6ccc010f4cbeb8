"""msemu: muscle-driven whole-body human motion reproduction."""

__version__ = "0.1.0"
