"""A model-based controller that makes muscles follow a reference, without learning."""

from collections.abc import Callable
from pathlib import Path

import torch

from msemu.control.dynamics import EngineDynamics
from msemu.control.independent_dofs import ROOT_DOFS
from msemu.control.mass_matrix import MassMatrix
from msemu.control.tracking.center_of_mass import CenterOfMass
from msemu.control.tracking.contact_schedule import ContactSchedule
from msemu.control.tracking.correction import corrections_along
from msemu.control.tracking.decoder import Decoded, MuscleDecoder
from msemu.control.tracking.feedback import LinearFeedback
from msemu.control.tracking.flight import released
from msemu.control.tracking.foot_placement import FootPlacement
from msemu.control.tracking.parts import part_at, parts_of
from msemu.control.tracking.reference_dynamics import ReferenceDynamics
from msemu.control.tracking.smoothed_reference import Instant, SmoothedReference, Target
from msemu.control.tracking.springs import RootDeviation, pull, within_reach
from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.motion import rotation
from msemu.motion.geometry import FEET
from msemu.motion.reference import ReferenceMotion
from msemu.muscle.overrides import configured_parameters
from msemu.schema import ControllerCfg, MuscleCfg
from msemu.sim import CpuSimulation


class TrackingController:
    """Wants the reference's accelerations plus a pull towards it, and lets a `MuscleDecoder` find the excitations.

    It reads the engine's own arrays: mass matrix, moment arms and bias forces of the present state are there already.

    Attributes:
        decoder: What turns accelerations into excitations.
        dofs: The independent degrees of freedom D, the root's six first, then J joints.
        preferred: Gives the activations, shape [E, M], from which effort counts at frames, shape [E]; None for none.
        wanted: Acceleration that the last call asked of them [m/s^2, rad/s^2], shape [E, D].
        regions: Contact regions R that may push against the floor, the feet first.
        correction: What is added to the target in each frame of the reference, see `Correction`, shape [T, D], or None.
    """

    def __init__(
        self,
        body: Body,
        sim: CpuSimulation,
        reference: ReferenceMotion,
        cfg: ControllerCfg,
        substeps: int,
        muscle: MuscleCfg,
        num_threads: int = 0,
        habit: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ):
        """Differentiate the reference and prepare the decoder for ``muscle``, that of ``sim``.

        A control step has ``substeps`` physics steps; ``num_threads`` of 0 uses every core. ``habit`` gives the
        activations, shape [E, M], that suit the reference at frames, shape [E], for `ControllerCfg.preview_s`.

        Raises:
            MsemuError: The body has no such contact regions, a clip is shorter than what it looks ahead, or there is no
                feedback where one is asked for.
        """
        self._sim, self._reference, self._cfg = sim, reference, cfg
        self._smoothed = SmoothedReference(body, reference, cfg.smoothing_s, cfg.feedforward)
        self._lookahead = 0 if cfg.feedforward else cfg.lookahead
        self._along = along = ReferenceDynamics.along(body, self._smoothed.movements)
        self.regions = tuple(dict.fromkeys((*FEET, *(cfg.contact_regions or along.touched()))))
        self._dynamics = EngineDynamics(body.lean if sim.is_lean else body, sim, self.regions)
        self.dofs = self._dynamics.dofs
        timestep_s, parameters = sim.model.opt.timestep, configured_parameters(body.model, muscle)
        self._parts = parts_of(substeps, cfg.decodings)
        self.decoder = MuscleDecoder(
            body, self._dynamics, sim.num_envs, substeps, timestep_s, muscle, cfg.decoder, parameters, num_threads
        )
        rate_hz = 1.0 / (substeps * timestep_s)
        self._ahead_s = cfg.ahead * substeps * timestep_s
        self._preview = _frames_of("preview_s", cfg.preview_s, reference, rate_hz) if habit else 0
        self._habit = habit
        self._feet = FootPlacement(self._dynamics.points, FEET, cfg.foot_placement)
        is_center_led = cfg.translation == "center_of_mass"
        self._center = CenterOfMass(self._dynamics, along, cfg.root_translation, cfg.reach) if is_center_led else None
        contact = cfg.decoder.contact
        landing = _frames_of("decoder.contact.landing_s", contact.landing_s, reference, rate_hz)
        regions = self._dynamics.points.regions
        self._schedule = ContactSchedule(reference, along, regions, contact, landing, sim.num_envs)
        self.correction = corrections_along(body, reference, Path(cfg.correction)) if cfg.correction else None
        self._feedback = LinearFeedback(reference, self.dofs, sim) if cfg.feedback else None
        self._load = [sim.contact_regions.index(foot) for foot in FEET]
        self._per_weight = 1.0 / body.weight
        self._joints = self.dofs.index[ROOT_DOFS:]
        self.preferred: Callable[[torch.Tensor], torch.Tensor] | None = None
        self.wanted = torch.zeros(sim.num_envs, len(self.dofs), dtype=torch.float64)

    def decode(
        self,
        frame: torch.Tensor,
        offset: torch.Tensor | float = 0.0,
        push: torch.Tensor | float = 0.0,
        step: torch.Tensor | float = 0.0,
        passed: float = 0.0,
    ) -> Decoded:
        """Find the excitations that lead to a frame of the reference, shape [E], in the next control step.

        Of that the share ``passed`` is over; the excitations are for one of its parts.

        ``offset`` is added to the joint angles of the reference [rad or m], shape [E, J], ``push`` to the acceleration
        that is wanted of the root [m/s^2, rad/s^2], shape [E, 6], and ``step`` to the place of a swinging foot in world
        axes [m], shape [E, 2].
        """
        sim, now = self._sim, Instant.of(self._reference, frame, passed)
        later = Instant.of(self._reference, frame + self._lookahead, passed)
        target = self._smoothed.target(frame, now, later)
        root = RootDeviation.between(sim.qpos, sim.qvel, target.qpos, target.qvel)
        place = target.qpos[:, :3]
        contacts, mass = self._dynamics.read_contacts(), self._dynamics.read_mass()
        load = sim.contact_force[:, self._load, 2] * self._per_weight
        if self._feedback:
            more, turn = self._feedback.action(frame)
            offset, push = offset + more, push + turn
        deviation = self._feet.positions(contacts) - (place.unsqueeze(1) + now.look_up(self._along.feet))
        if self.correction is not None:
            change = now.look_up(self.correction)
            place, root, offset = place + change[:, :3], root.moved(change), offset + change[:, ROOT_DOFS:]
        swinging = self._schedule.swinging_feet(frame)
        offset = offset + self._feet.offsets(contacts, root, sim.qpos[:, 2], deviation, load, step, swinging)
        self.wanted = self._wanted_acceleration(target, root, offset, mass)
        self.wanted[:, :ROOT_DOFS] += push
        state = self._dynamics.read_present(self.wanted, self._ahead_s, contacts, mass)
        if self._center:
            more = self._center.missing_acceleration(state, place, now, later)
            self.wanted[:, :3] += more
            state = self._center.moved(state, more)
        if self._cfg.flight == "momentum":
            state, more = released(state, self._schedule.is_flying(frame) & ~sim.contact_force.any(2).any(1))
            self.wanted[:, :ROOT_DOFS] += more
        touching = self._schedule.touching_points(frame, contacts)
        return self.decoder.decode(state, sim.act, self._habit_at(frame), part_at(self._parts, passed), touching)

    def _habit_at(self, frame: torch.Tensor) -> torch.Tensor | None:
        """Return the activations that suit what comes, shape [E, M]."""
        habit = self._habit(frame + self._preview) if self._habit and self._preview else None
        return habit if self.preferred is None else self.preferred(frame) + (0.0 if habit is None else habit)

    def _wanted_acceleration(
        self, target: Target, root: RootDeviation, offset: torch.Tensor, mass: MassMatrix
    ) -> torch.Tensor:
        """Return the acceleration of the independent degrees of freedom, shape [E, D]."""
        sim, cfg = self._sim, self._cfg
        joints, places = self._joints, self._joints + 1
        error = target.qpos[:, places] + offset - sim.qpos[:, places]
        back = torch.cat(
            (
                pull(cfg.root_translation, root.position, root.linear_velocity),
                pull(cfg.root_rotation, root.rotation, root.angular_velocity),
                pull(cfg.joints, error, target.qvel[:, joints] - sim.qvel[:, joints]),
            ),
            dim=1,
        )
        linear, angular, joint = target.acceleration.split((3, 3, len(joints)), 1)
        of_reference = torch.cat((linear, rotation.rotate(root.quaternion, angular), joint), 1)
        return of_reference + within_reach(back, self.decoder.scale, mass, cfg.reach)

    def feet_on_floor(self) -> torch.Tensor:
        """Return whether each of `FEET` is on the floor in the rows of the reference, bool, shape [T, 2]."""
        return self._along.touching[:, [self._along.regions.index(foot) for foot in FEET]]

    def reset(self, mask: torch.Tensor) -> None:
        """Forget the last solution and contacts of some bodies, shape [E], bool."""
        self.decoder.reset(mask)
        self._schedule.reset(mask)
        if self._feedback:
            self._feedback.reset(mask)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Everything that the next call depends on beside the simulation."""
        own = {"solution": self.decoder.solution.clone()} | self._schedule.state_dict()
        return own | (self._feedback.state_dict() if self._feedback else {})

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from a `state_dict`."""
        self.decoder.solution = state["solution"].clone()
        self._schedule.load_state_dict(state)
        if self._feedback:
            self._feedback.load_state_dict(state)


def _frames_of(what: str, duration_s: float, reference: ReferenceMotion, frequency_hz: float) -> int:
    """Return the frames of a window that the controller looks ahead.

    Raises:
        MsemuError: A clip is shorter.
    """
    frames = round(duration_s * frequency_hz)
    for clip, name in zip(reference.clips, reference.names, strict=True):
        if frames >= clip.num_frames:
            raise MsemuError(
                f"the controller's {what} of {duration_s:g} s is longer than the clip '{name}' of"
                f" {clip.num_frames / frequency_hz:.2f} s; take less, or 0 for none"
            )
    return frames
