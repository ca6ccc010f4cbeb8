"""What a notebook or a script starts from; `msemu` itself offers it by name."""
