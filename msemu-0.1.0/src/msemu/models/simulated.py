"""From a body to its simulation."""

import sys

from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.models.checks.time_step import require_bearable
from msemu.models.strength.sets import with_strength
from msemu.schema import SimCfg
from msemu.sim import LeanModel, Simulation, make_simulation


def simulate(body: Body, num_envs: int, cfg: SimCfg, seed: int = 0) -> Simulation:
    """Make ``num_envs`` simulations of a body, see `msemu.sim.make_simulation`.

    Raises:
        MsemuError: There is no such engine, device or strength set, the device cannot hold the environments, or the
            muscles do not bear the time step.
    """
    body = with_strength(body, cfg.muscle.strength_set)
    require_bearable(body, cfg)
    lean = _lean(body) if cfg.paths == "exact" else None
    return make_simulation(body.model, num_envs, cfg, seed, body.capacity, lean)


def _lean(body: Body) -> LeanModel | None:
    """Return the lean model with its paths; a note on stderr says what keeps a body on the engine's tendons."""
    try:
        lean = body.lean
    except MsemuError as error:
        print(f"note: {body.name} is simulated with the engine's tendons: {error}", file=sys.stderr)
        return None
    assert lean.paths is not None
    return LeanModel(lean.model, lean.paths)
