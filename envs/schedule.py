"""Values that change in the course of a training."""

from msemu.schema import ScheduleCfg


class Schedule:
    """A value that follows a `ScheduleCfg`."""

    def __init__(self, cfg: ScheduleCfg):
        """Follow ``cfg``."""
        self._cfg = cfg

    def at(self, step: int) -> float:
        """Return the value at a control step."""
        cfg = self._cfg
        if step >= cfg.end:
            return cfg.final
        if step <= cfg.begin:
            return cfg.initial
        share = (step - cfg.begin) / (cfg.end - cfg.begin)
        return cfg.initial + share * (cfg.final - cfg.initial)
