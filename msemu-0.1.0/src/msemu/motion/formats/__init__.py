"""Files of movements, one module a format."""
