"""The runner of distillation: a step of all environments, then learning from all that was shown."""

from pathlib import Path

from msemu.envs.action.excitation import ExcitationSpace
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.rl.distillation.dagger import Dagger
from msemu.rl.distillation.teacher import TaughtSpace, find_teachers
from msemu.rl.distillation.weights import ErrorWeights
from msemu.rl.distributed import Team
from msemu.rl.off_policy.runner import OffPolicyRunner
from msemu.rl.progress import Iteration
from msemu.schema import AgentCfg


class DistillationRunner(OffPolicyRunner):
    """Trains a student in environments in which a teacher acts as well; one without a run folder only plays."""

    alg: Dagger
    trains = Dagger

    def __init__(
        self, env: MotionTrackingEnv, agent: AgentCfg, log_dir: Path | None, device: str, team: Team | None = None
    ):
        """See `Runner`; with a run folder, let a teacher into the environment."""
        super().__init__(env, agent, log_dir, device, team)
        if log_dir:
            teachers, taught = find_teachers(self.alg.teachers, self.alg.checkpoints, env)
            if not isinstance(env.action_space, ExcitationSpace):
                raise MsemuError(
                    f"a student excites the muscles itself, and '{env.cfg.env.action.kind}' does not;"
                    " take --env.action excitation"
                )
            env.action_space = space = TaughtSpace(
                env.action_space,
                teachers,
                lambda: taught.to(env.device)[env.reference.clip_of(env.frame)],
                seed=0,
                weights=self._weights(env),
            )
            self.alg.learn_from(space, env.get_observations().to(self.device))

    def _weights(self, env: MotionTrackingEnv) -> ErrorWeights | None:
        of_activation, torque_weighted = self.alg.loss == "activation", self.alg.torque_weighted
        return ErrorWeights(of_activation, torque_weighted, env.scene) if of_activation or torque_weighted else None

    def _has_settled(self, iteration: Iteration) -> bool:
        """Say whether the student has driven alone long enough for its errors to be its own."""
        return super()._has_settled(iteration) and self.alg.share == 0.0
