"""Values of the muscle controller (`msemu.control.tracking`)."""

from dataclasses import dataclass, field
from typing import Annotated

from msemu.schema.ranges import Finite, Fraction, Known, NotNegative, Positive, Range


@dataclass(frozen=True)
class SpringCfg:
    """A linear second-order law: ``acceleration = (2 pi f)^2 error + 2 z (2 pi f) error of velocity``."""

    natural_frequency_hz: NotNegative
    """Frequency f of the undamped oscillation [Hz]; 0 leaves the error alone."""
    damping_ratio: NotNegative = 1.0
    """Damping z over the critical one [-]."""


@dataclass(frozen=True)
class ContactCfg:
    """When the floor may push on a point, and how hard."""

    height_m: Finite = 0.015
    """Height below which a point may be in contact [m]; retargeted feet stand within a few millimeters of the floor."""
    speed_m_s: NotNegative = 1.0
    """Speed above which it is not [m/s]: a swinging foot passes the floor at 3 m/s."""
    release: Annotated[float, Range(1, 100)] = 1.2
    """Height and speed at which a part that touches lets go, over those at which it comes to the floor, so that it does
    not flicker [-]; for a point of the simulation while the reference has its region on the floor."""
    max_force_bw: NotNegative = 3.0
    """Greatest force along each edge of a point's friction pyramid [body weights]."""
    landing_s: Annotated[float, Range(0, 10)] = 0.0
    """Time before a touch-down of the reference from which on a point that comes down may be in contact [s]; until the
    reference lifts it, it then stays so, however fast it is."""
    effort: NotNegative = 1e-5
    """Weight of the squared edge forces [per body weight^2]; it spreads the load over points."""


@dataclass(frozen=True)
class FootPlacementCfg:
    """How feet answer to a body that is not where its reference is."""

    gain: NotNegative = 0.93
    """Shift of a swinging foot over the deviation of the extrapolated center of mass [-]; 0 leaves the feet alone."""
    max_shift_m: NotNegative = 0.2
    """Greatest shift of a foot [m]."""
    max_lift_m: NotNegative = 0.03
    """Greatest lift of a foot that swings lower than the reference's, such as one whose toes hang [m]; 0 for none."""
    load_bw: NotNegative = 0.1
    """Vertical force on a foot above which it stands [body weights]."""
    damping_m: Positive = 0.1
    """Damping of the inverse kinematics [m/rad]; it bounds the joint angles where a leg is stretched."""


@dataclass(frozen=True)
class DecoderCfg:
    """How excitations are found."""

    objective: Annotated[str, Known(("acceleration", "torque"))] = "acceleration"
    """What an error is measured in: ``acceleration``, where every part of the body counts by its mass, or ``torque``,
    where every joint counts by its capacity, as in runs from before there was a choice."""
    acceleration_error_m_s2: Positive = 1.0
    """Error of the whole body's acceleration that counts as much as a joint's whole capacity does in the other
    objective [m/s^2]."""
    joint_inertia_kg_m2: NotNegative = 0.02
    """Least inertia that a joint is taken to move where accelerations are weighed [kg m^2]: the torque that a toe or a
    wrist lacks would else, over the inertia of a toe, count more than where the body goes."""
    effort: NotNegative = 1e-3
    """Weight of the sum of squared activations beside half of such a square."""
    iterations: Annotated[int, Range(1, 10_000)] = 16
    """Iterations of the solver, from the solution of the last decoding."""
    tolerance: Positive = 0.1
    """Relative gap at which a solve counts as converged."""
    contact: ContactCfg = field(default_factory=lambda: ContactCfg(height_m=0.005, speed_m_s=0.5, release=1.0))
    """A simulated foot lies in the floor, unlike a retargeted one, and carries nothing as soon as it does not."""


@dataclass(frozen=True)
class ControllerCfg:
    """How a body is pulled to its reference, tried on the walk of MyoLegs (docs/understand/action_spaces.md)."""

    joints: SpringCfg = field(default_factory=lambda: SpringCfg(2.5))
    root_translation: SpringCfg = field(default_factory=lambda: SpringCfg(1.0))
    root_rotation: SpringCfg = field(default_factory=lambda: SpringCfg(2.0))
    translation: Annotated[str, Known(("center_of_mass", "root"))] = "center_of_mass"
    """What `root_translation` pulls to its place in the reference; the ``root`` alone, as in runs from before there was
    a choice."""
    flight: Annotated[str, Known(("momentum", "pelvis"))] = "pelvis"
    """What is wanted in the air: that the body keeps its angular momentum, or that the ``pelvis`` turns as the
    reference's, which no muscle can give."""
    reach: NotNegative = 10.0
    """Greatest pull towards the reference over what a joint's capacity gives to the part of the body beyond it, and the
    body's weight to its root [-]; 0 leaves it unbounded."""
    preview_s: Annotated[float, Range(0, 10)] = 0.0
    """Effort counts from the activations that static optimization finds in the reference so much later [s], so that
    muscles prepare for what comes; 0 counts it from no activation."""
    smoothing_s: Fraction = 0.04
    """Standard deviation of the Gaussian over the reference before it is differentiated twice [s]."""
    feedforward: bool = False
    """Follow clips that msemu-track found as they were simulated, with the accelerations that were wanted there: no
    smoothing, no lookahead."""
    feedback: bool = False
    """Bring bodies that are off clips back to them, by what msemu-stabilize has learned of these."""
    lookahead: Annotated[int, Range(0, 1000)] = 1
    """Control steps between the present frame of the reference and the one whose acceleration is wanted."""
    ahead: Annotated[float, Range(0, 100)] = 1.0
    """Part of the control step after which the muscles should give the wanted force [-]."""
    decodings: Annotated[int, Range(1, 1000)] = 2
    """Times that excitations are found in a control step, at most once a physics step, at intervals as alike as that
    allows."""
    correction: str = ""
    """File of tools/experiments/learn_correction.py: what is added to the targets, by phase of the clip."""
    contact_regions: tuple[str, ...] = ()
    """Parts that may push against the floor beside the feet; by default those that the clips put there."""
    foot_placement: FootPlacementCfg = field(default_factory=FootPlacementCfg)
    decoder: DecoderCfg = field(default_factory=DecoderCfg)
