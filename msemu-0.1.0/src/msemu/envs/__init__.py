if not __name__.startswith("msemu."):
    raise ImportError("import msemu.envs, not envs: this folder is installed below the package msemu")
