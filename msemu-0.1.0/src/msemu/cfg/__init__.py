if not __name__.startswith("msemu."):
    raise ImportError("import msemu.cfg, not cfg: this folder is installed below the package msemu")
