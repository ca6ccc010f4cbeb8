"""Who shows a student what to excite, and the action space in which both act."""

from collections.abc import Callable
from pathlib import Path

import torch
from tensordict import TensorDict

from msemu.config import cfg_file, load
from msemu.envs.action.excitation import ExcitationSpace
from msemu.envs.action.space import ActionSpace, make_of_kind
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.rl.assemble import open_policy
from msemu.rl.run_folder import RunFolder
from msemu.schema import JointCfg

Policy = Callable[[TensorDict], torch.Tensor]


class Teacher:
    """A policy with the action space that it acts in.

    Attributes:
        space: Its action space, in the student's environments.
    """

    def __init__(self, space: ActionSpace, policy: Policy | None = None):
        """Take a policy; by default the action is zero: the muscle controller that follows the reference."""
        self.space = space
        self._policy = policy

    def actions(self, observations: TensorDict) -> torch.Tensor:
        """Return what it would do, shape [E, A]."""
        if self._policy is not None:
            return self._policy(observations)
        device = next(iter(observations.values())).device
        return torch.zeros(observations.batch_size[0], self.space.num_actions, device=device)


def find_teacher(run: str | None, checkpoint: str, env: MotionTrackingEnv, seed: int = 0) -> Teacher:
    """Load the policy of a run, or take the muscle controller alone.

    Raises:
        MsemuError: There is no such run, or it is one of another body, of other clips or observations.
    """
    if run is None:
        return Teacher(make_of_kind(load(JointCfg, cfg_file("action", "joint")), env.scene))
    folder = RunFolder.open(Path(run))
    own, runner = open_policy(folder, folder.checkpoint(checkpoint), 1, "cpu", seed, env.reference.clips)
    if own.body.muscle_names != env.body.muscle_names or own.body.joint_names != env.body.joint_names:
        raise MsemuError(
            f"the teacher {run} moves another {own.body.name}, with {own.body.num_muscles} muscles; the student has"
            f" {env.body.num_muscles}: train a teacher of today's body"
        )
    wanted, offered = _widths(own.get_observations()), _widths(env.get_observations())
    for group in runner.alg.get_policy().obs_groups:
        if wanted[group] != offered.get(group, 0):
            raise MsemuError(
                f"the teacher {run} sees {wanted[group]} numbers in the observation group '{group}', and the student's"
                f" task has {offered.get(group, 0)}; take the observations of the teacher's task"
            )
    policy = runner.policy()
    return Teacher(make_of_kind(own.cfg.env.action, env.scene), lambda seen: policy(seen.cpu()).to(env.device))


def _widths(observations: TensorDict) -> dict[str, int]:
    return {str(name): values.shape[1] for name, values in observations.items()}


class TaughtSpace(ActionSpace):
    """The student's action space, in which a teacher labels each state and drives a share of the steps.

    Attributes:
        label: What the teacher would have excited in the last step, the mean over its decodings, shape [E, M].
        action: What was done in it, as an action of the student's, shape [E, A].
        share: Probability that the teacher drives a body in a step.
    """

    def __init__(self, student: ExcitationSpace, teacher: Teacher, seed: int):
        self.num_actions = student.num_actions
        self.decodings = teacher.space.decodings
        self.student = student
        self.share = 1.0
        self.label: torch.Tensor
        self.action: torch.Tensor
        self._teacher = teacher
        self._advice: torch.Tensor
        self._by_teacher: torch.Tensor
        self._by_student: torch.Tensor
        self._generator = torch.Generator().manual_seed(seed)

    def listen(self, observations: TensorDict) -> None:
        """Ask the teacher about the state that the next actions are for."""
        self._advice = self._teacher.actions(observations)

    def excitation(self, actions: torch.Tensor, frame: torch.Tensor, steps: int) -> torch.Tensor:  # noqa: D102
        self.label = self._teacher.space.excitation(self._advice, frame, steps)
        by_teacher = torch.rand(len(actions), 1, generator=self._generator) < self.share
        self._by_teacher = by_teacher.to(actions.device)
        self._by_student = self.student.excitation(actions, frame, steps)
        return self._driven(self.label, actions)

    def renewed(self, actions: torch.Tensor, frame: torch.Tensor, steps: int, passed: float) -> torch.Tensor:
        """Ask the teacher again; the student, who decides once in a control step, stays with what it chose."""
        again = self._teacher.space.renewed(self._advice, frame, steps, passed)
        done = round(passed * self.decodings)
        self.label = (done * self.label + again) / (done + 1)
        return self._driven(again, actions)

    def _driven(self, by_teacher: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return the excitations of those who drive, and keep what they do as an action."""
        self.action = torch.where(self._by_teacher, self.student.action_of(self.label), actions)
        return torch.where(self._by_teacher, by_teacher, self._by_student)

    def initial_activation(self, frame: torch.Tensor) -> torch.Tensor | None:
        """Return that of the student's action space."""
        return self.student.initial_activation(frame)

    def reset(self, mask: torch.Tensor) -> None:  # noqa: D102
        self.student.reset(mask)
        self._teacher.space.reset(mask)

    def log(self) -> dict[str, torch.Tensor]:
        """Curves of the teacher's action space."""
        return self._teacher.space.log()

    def state_dict(self) -> dict[str, torch.Tensor]:  # noqa: D102
        own = {f"teacher.{key}": value for key, value in self._teacher.space.state_dict().items()}
        return self.student.state_dict() | own | {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:  # noqa: D102
        prefix = "teacher."
        own = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        self._teacher.space.load_state_dict(own)
        rest = {key: value for key, value in state.items() if not key.startswith(prefix) and key != "generator"}
        self.student.load_state_dict(rest)
        self._generator.set_state(state["generator"].cpu())
