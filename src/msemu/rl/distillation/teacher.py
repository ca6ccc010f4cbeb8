"""Who shows a student what to excite, and the action space in which both act."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from tensordict import TensorDict

from msemu.config import cfg_file, load
from msemu.envs.action.excitation import ExcitationSpace
from msemu.envs.action.space import ActionSpace, make_of_kind
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.envs.terms import without_prefix
from msemu.errors import MsemuError
from msemu.motion.library.task_clips import motions_of
from msemu.rl.assemble import open_policy
from msemu.rl.distillation.weights import ErrorWeights
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
    if (body := Path(folder.load_config().body).stem) != Path(env.cfg.body).stem:
        raise MsemuError(
            f"the teacher {run} moves the body '{body}', and the student is '{env.body.name}'; leave --body out"
        )
    _require_common_clip(folder, env)
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


def _require_common_clip(folder: RunFolder, env: MotionTrackingEnv) -> None:
    """Refuse a teacher that has learned none of the clips; a policy that comes with msemu holds none to compare."""
    learned = {clip.name for clip in folder.load_clips()} if folder.holds_clips else set()
    asked = {clip.name for clip in env.reference.clips}
    if learned and not learned & asked:
        raise MsemuError(
            f"the teacher {folder.path} has learned {', '.join(sorted(learned))}, and the student's task follows"
            f" {', '.join(sorted(asked))}; leave --motion out, or take a teacher of that"
        )


def find_teachers(
    runs: Sequence[str], checkpoints: Sequence[str], env: MotionTrackingEnv
) -> tuple[list[Teacher], torch.Tensor]:
    """Load the policies of runs, and say which of them teaches each clip of ``env``, shape [C].

    One teaches all clips; several teach those of their runs, in that order. Those of one action space share it.

    Raises:
        MsemuError: One is missing or does not fit, or the runs have other clips.
    """
    teachers = [find_teacher(run, checkpoint, env) for run, checkpoint in zip(runs, checkpoints, strict=True)]
    if len(teachers) < 2:
        return teachers or [find_teacher(None, "", env)], torch.zeros(len(env.reference.clips), dtype=torch.long)
    configs = [RunFolder.open(Path(run)).load_config() for run in runs]
    for index, teacher in enumerate(teachers):
        same = next(other for other, cfg in enumerate(configs) if cfg.env.action == configs[index].env.action)
        teacher.space = teachers[same].space
    taught = torch.repeat_interleave(torch.tensor([len(motions_of(cfg)) for cfg in configs]))
    if len(taught) != len(env.reference.clips):
        raise MsemuError(
            f"the teachers follow {len(taught)} clips, and the student's task has {len(env.reference.clips)};"
            " leave --motion out"
        )
    return teachers, taught


def _widths(observations: TensorDict) -> dict[str, int]:
    return {str(name): values.shape[1] for name, values in observations.items()}


class TaughtSpace(ActionSpace):
    """The student's action space, in which the teacher of a clip labels its states and drives a share of the steps.

    Attributes:
        label: What the teacher would have excited in the last step, the mean over its decodings, shape [E, M].
        action: What was done in it, as an action of the student's, shape [E, A].
        weight: How much an error of the student's counts in it, shape [E, M]; None for all alike.
        share: Probability that the teacher drives a body in a step.
    """

    def __init__(
        self,
        student: ExcitationSpace,
        teachers: Sequence[Teacher],
        taught: Callable[[], torch.Tensor],
        seed: int,
        weights: ErrorWeights | None = None,
    ):
        """Build the space.

        Args:
            student: The student's own.
            teachers: Who teaches.
            taught: Says which of them teaches each body now, shape [E].
            seed: Of who drives.
            weights: How much errors count; by default all alike.
        """
        self.num_actions = student.num_actions
        self._spaces = list(dict.fromkeys(teacher.space for teacher in teachers))
        self.decodings = max(space.decodings for space in self._spaces)
        self.student = student
        self.share = 1.0
        self.label: torch.Tensor
        self.action: torch.Tensor
        self.weight: torch.Tensor | None = None
        self._weights = weights
        self._teachers, self._taught = teachers, taught
        self._space_of: torch.Tensor
        self._advice: list[torch.Tensor]
        self._labels: list[torch.Tensor]
        self._by_teacher: torch.Tensor
        self._by_student: torch.Tensor
        self._generator = torch.Generator().manual_seed(seed)

    @property
    def is_weighted(self) -> bool:
        """Whether errors count differently."""
        return self._weights is not None

    def listen(self, observations: TensorDict) -> None:
        """Ask the teachers about the state that the next actions are for."""
        taught = self._taught()
        places = torch.tensor([self._spaces.index(teacher.space) for teacher in self._teachers], device=taught.device)
        self._space_of = places[taught].unsqueeze(1)
        self._advice = []
        for space in self._spaces:
            advice = torch.zeros(len(taught), space.num_actions, device=taught.device)
            for number, teacher in enumerate(self._teachers):
                if teacher.space is space:
                    advice = torch.where((taught == number).unsqueeze(1), teacher.actions(observations), advice)
            self._advice.append(advice)

    def excitation(self, actions: torch.Tensor, frame: torch.Tensor, steps: int) -> torch.Tensor:  # noqa: D102
        asked = zip(self._spaces, self._advice, strict=True)
        self._labels = [space.excitation(advice, frame, steps) for space, advice in asked]
        self.label = self._chosen(self._labels)
        self.weight = self._weights.now() if self._weights else None
        by_teacher = torch.rand(len(actions), 1, generator=self._generator) < self.share
        self._by_teacher = by_teacher.to(actions.device)
        self._by_student = self.student.excitation(actions, frame, steps)
        return self._driven(self.label, actions)

    def renewed(self, actions: torch.Tensor, frame: torch.Tensor, steps: int, passed: float) -> torch.Tensor:
        """Ask those teachers again who decide so often; the others and the student stay with what they chose."""
        asked = zip(self._spaces, self._advice, self._labels, strict=True)
        again = self._chosen(
            [
                space.renewed(advice, frame, steps, passed) if space.decodings == self.decodings else label
                for space, advice, label in asked
            ]
        )
        done = round(passed * self.decodings)
        self.label = (done * self.label + again) / (done + 1)
        return self._driven(again, actions)

    def _chosen(self, labels: list[torch.Tensor]) -> torch.Tensor:
        """Return for each body the label of the action space of its teacher, shape [E, M]."""
        chosen = labels[0]
        for number, label in enumerate(labels[1:], 1):
            chosen = torch.where(self._space_of == number, label, chosen)
        return chosen

    def _driven(self, by_teacher: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return the excitations of those who drive, and keep what they do as an action."""
        self.action = torch.where(self._by_teacher, self.student.action_of(self.label), actions)
        return torch.where(self._by_teacher, by_teacher, self._by_student)

    def initial_activation(self, frame: torch.Tensor) -> torch.Tensor | None:
        """Return that of the student's action space."""
        return self.student.initial_activation(frame)

    def reset(self, mask: torch.Tensor) -> None:  # noqa: D102
        for space in (self.student, *self._spaces):
            space.reset(mask)

    def log(self) -> dict[str, torch.Tensor]:
        """Curves of the first teacher's action space."""
        return self._spaces[0].log()

    def state_dict(self) -> dict[str, torch.Tensor]:  # noqa: D102
        own = {
            f"{prefix}{key}": value for prefix, space in self._prefixed() for key, value in space.state_dict().items()
        }
        return self.student.state_dict() | own | {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:  # noqa: D102
        for prefix, space in self._prefixed():
            space.load_state_dict(without_prefix(state, prefix))
        rest = {key: value for key, value in state.items() if not key.startswith("teacher") and key != "generator"}
        self.student.load_state_dict(rest)
        self._generator.set_state(state["generator"].cpu())

    def _prefixed(self) -> Iterator[tuple[str, ActionSpace]]:
        """Teachers' action spaces, with how the names of their states begin."""
        for number, space in enumerate(self._spaces, 1):
            yield "teacher." if number == 1 else f"teacher{number}.", space
