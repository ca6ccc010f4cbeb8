"""Is a clip physically plausible? Everything that can be said without a simulation, with joint, frame and time."""

from dataclasses import dataclass, field

import numpy as np

from msemu.analysis.plausibility.joints import joints_at_limit
from msemu.analysis.plausibility.muscles import snapping_geom, tendon_jumps
from msemu.analysis.plausibility.strength import SUSTAINED_FRAMES, Strength, strength
from msemu.errors import MsemuError
from msemu.findings import Finding, Severity, worst_first
from msemu.models.body import Body
from msemu.models.poses import posed
from msemu.motion.checks.verdict import JUDGMENTS
from msemu.motion.clip import MotionClip
from msemu.motion.flight import Flight, FlightFigures, find_flights, flight_figures, unrolled
from msemu.motion.geometry import find_feet, region_heights
from msemu.motion.quality import clip_errors, limit_excess
from msemu.motion.support import SUSTAINED_S, Stance, Support, find_stances, support_along

STANDING_M = 0.003
"""Heel or ball stands when it is less than this above its height in standing [m]."""


@dataclass
class Plausibility:
    """The report on a clip of T frames.

    Attributes:
        clip: The clip.
        findings: Remarks, the worst first.
        height: Height of the lowest point of each contact region [m], shape [T] each.
        joint_speed: Speed of the independent joints [rad/s or m/s], shape [T, J].
        flights: The phases without contact, as they are.
        strength: Required and available torques in the frames that have neighbors.
        support: What no contact gives, in the frames that have two neighbors on either side.
        stances: The phases with contact.
        tendon_jump: From `tendon_jumps`, shape [T - 1, M], or [T + 1, M] in a cyclic clip.
        first_frame: Frame number of the first row of `strength`.
        figures: The largest figure of each check.
    """

    clip: MotionClip
    findings: list[Finding]
    height: dict[str, np.ndarray]
    joint_speed: np.ndarray
    flights: list[FlightFigures]
    strength: Strength
    support: Support
    stances: list[Stance]
    tendon_jump: np.ndarray
    first_frame: int
    figures: dict[str, float] = field(default_factory=dict)


def check_clip(body: Body, clip: MotionClip) -> Plausibility:
    """Check a clip against its body.

    Raises:
        MsemuError: The clip belongs to another body, or has fewer than 3 frames, which have no acceleration.
    """
    clip.check_matches(body.name, body.joint_names)
    if clip.num_frames < 3:
        raise MsemuError(f"the clip '{clip.name}' has {clip.num_frames} frames; a check needs 3 at least")
    ring = int(clip.cyclic)
    path = unrolled(clip, -ring, clip.num_frames - 1 + ring)
    height = region_heights(body, clip.qpos)
    flights = find_flights(np.min(list(height.values()), axis=0), clip.cyclic)
    measured = [flight_figures(body, clip, flight) for flight in flights if not flight.is_hovering]
    torques = strength(body, path, clip.fps)
    missing, first_supported = support_along(body, clip)
    report = Plausibility(
        clip=clip,
        findings=[],
        height=height,
        joint_speed=np.abs(clip.qvel[:, 6 + body.independent_joints]),
        flights=measured,
        strength=torques,
        support=missing,
        stances=find_stances(missing, first_supported, clip.cyclic),
        tendon_jump=tendon_jumps(body, path),
        first_frame=0 if clip.cyclic else 1,
    )
    findings = _Findings(clip, report.figures)
    _check_joints(findings, body, clip, report.joint_speed)
    _check_floor(findings, body, clip, height)
    _check_muscles(findings, body, path, report.tendon_jump, ring)
    for flight in flights:
        if flight.is_hovering:
            _float(findings, flight, "stays so close to it")
    _check_flights(findings, measured)
    _check_support(findings, missing, clip, first_supported)
    _check_stances(findings, report.stances)
    for joint, row in torques.peaks():
        needed, given, ratio = (values[row, joint] for values in (torques.required, torques.available, torques.ratio))
        text = (
            f"needs {ratio:.2f} times what muscles can give for {SUSTAINED_FRAMES} frames"
            f" ({abs(needed):.0f} Nm of {given:.0f} Nm)"
        )
        findings.add("strength", torques.joint_names[joint], row + report.first_frame, text, ratio)
    report.findings = worst_first(findings.found)
    return report


class _Findings:
    """Collects figures and turns those over a limit into findings."""

    def __init__(self, clip: MotionClip, figures: dict[str, float]) -> None:
        self._clip, self._figures = clip, figures
        self.found: list[Finding] = []

    def add(self, check: str, subject: str, frame: int, message: str, value: float) -> None:
        """Take the largest figure of a check about a subject."""
        self._figures[check] = max(self._figures.get(check, 0.0), float(value))
        severity = JUDGMENTS[check].severity(value)
        if severity:
            self.add_as(severity, check, subject, frame, message, value)

    def add_as(self, severity: Severity, check: str, subject: str, frame: int, message: str, value: float) -> None:
        """Add a finding whatever its figure."""
        frame %= self._clip.num_frames
        self.found.append(Finding(severity, check, subject, message, float(value), frame, frame / self._clip.fps))


def _check_joints(findings: _Findings, body: Body, clip: MotionClip, speed: np.ndarray) -> None:
    if clip.joint_centers is not None:
        for frame, value, name in _peaks(100 * clip_errors(body, clip), clip.joint_center_names):
            text = f"{value:.1f} cm from the recorded movement"
            limits = joints_at_limit(body, clip.qpos[frame], name)
            findings.add("joint centers", name, frame, f"{text}; at a limit: {', '.join(limits) or 'none'}", value)
    # A coupled joint may leave its range: its coupling, which is the body's, decides.
    hinge = body.is_hinge[body.independent_joints]
    excess = limit_excess(body, clip.qpos, body.independent_joints) * np.where(hinge, np.degrees(1.0), 1000.0)
    names = [body.joint_names[joint] for joint in body.independent_joints]
    for joint, (frame, value, name) in enumerate(_peaks(excess, names)):
        unit = "deg" if hinge[joint] else "mm"
        findings.add("joint limit", name, frame, f"{value:.2f} {unit} beyond its limit", value)
    # What the recorded person does faster than the limit is no fault of the clip.
    recorded = clip.quality.get("source_speed_max_rad_s", 0.0)
    for frame, value, name in _peaks(speed, names):
        if value > recorded:
            text = f"moves at {value:.1f} rad/s, no joint of the recorded person faster than {recorded:.1f}"
            findings.add("joint speed", name, frame, text if recorded else f"moves at {value:.1f} rad/s", value)
    for frame, value, name in _peaks(np.linalg.norm(clip.qvel[:, :3], axis=1)[:, None], ["root"]):
        findings.add("root speed", name, frame, f"moves at {value:.1f} m/s", value)
    residual = np.abs(body.couplings.residual(clip.qpos)).max(axis=1, initial=0.0)
    frame = int(residual.argmax())
    text = f"couplings are violated by {residual[frame]:.1e} rad or m"
    findings.add("coupling", "couplings", frame, text, residual[frame])


def _check_floor(findings: _Findings, body: Body, clip: MotionClip, height: dict[str, np.ndarray]) -> None:
    depth = -100 * np.stack(list(height.values()), axis=1)
    for frame, value, region in _peaks(depth, list(height)):
        findings.add("penetration", region, frame, f"{value:.2f} cm below the floor", value)
    feet, path = find_feet(body), unrolled(clip, 0, clip.num_frames - 1 + int(clip.cyclic))
    places = np.array([[foot.world_points(data) for foot in feet] for data in posed(body.model, path)])
    for side, foot, points in zip("rl", feet, places.swapaxes(0, 1), strict=True):
        standing = points[..., 2] - foot.heights < STANDING_M
        both = standing[1:] & standing[:-1]
        speed = np.linalg.norm(np.diff(points[..., :2], axis=0), axis=-1) * clip.fps * both
        for part, name in enumerate(("heel", "ball")):
            frame = int(speed[:, part].argmax())
            value = speed[frame, part]
            subject = f"{name} {'right' if side == 'r' else 'left'}"
            findings.add("foot skate", subject, frame, f"slides at {value:.2f} m/s while it stands", value)


def _check_muscles(findings: _Findings, body: Body, path: np.ndarray, jump: np.ndarray, ring: int) -> None:
    for muscle, (row, value, name) in enumerate(_peaks(100 * jump, body.muscle_names)):
        text = f"changes its length by {value:.1f} % of its fiber"
        if value > JUDGMENTS["tendon jump"].good:
            geom = snapping_geom(body, muscle, path[row], path[row + 1], value / 100)
            fast = "the joints that it crosses turn too far between frames"
            text += f": {fast}" if geom is None else f" at once: the body's path jumps over the geom '{geom}'"
        findings.add("tendon jump", name, max(row + 1 - ring, 0), text, value)


def _check_flights(findings: _Findings, flights: list[FlightFigures]) -> None:
    for figures in flights:
        flight = figures.flight
        missing = f"{figures.residual_max:.2f} body weights act on a body that touches nothing"
        if figures.is_supported:
            fall = f"falls with {max(figures.fall, 0.0):.2f} g"
            _float(findings, flight, f"{fall}: {missing}, a support of the recording is missing")
            continue
        subject = f"flight {flight.first} to {flight.last}"
        frame = flight.first + 1 + int(figures.residual.argmax())
        findings.add("flight residual", subject, frame, missing, figures.residual_max)
        text = f"angular momentum drifts by {100 * figures.drift:.1f} % of its mean"
        findings.add("angular momentum", subject, flight.first, text, 100 * figures.drift)


def _float(findings: _Findings, flight: Flight, why: str) -> None:
    height = 100 * flight.clearance_m
    subject = f"frames {flight.first} to {flight.last}"
    findings.add("floating", subject, flight.first, f"is {height:.1f} cm above the floor and {why}", height)


def _check_support(findings: _Findings, found: Support, clip: MotionClip, first_frame: int) -> None:
    """Judge what is missing for long, and note what is missing for a moment, while something is close to the floor."""
    if not found.touches.any():
        return
    sustained, missing = found.sustained(clip.fps), np.where(found.touches, found.residual, 0.0)
    row, worst = int(sustained.argmax()), int(missing.argmax())
    force, moment = np.linalg.norm(found.force[row]), np.linalg.norm(found.moment[row])
    given = f"{force:.2f} body weights and a moment of {moment:.2f} m times the weight for {SUSTAINED_S:g} s"
    text = f"needs what no contact gives, {given}: something that the clip does not show carries the person"
    findings.add("support", "root", row + first_frame, text, sustained[row])
    judged = JUDGMENTS["support"]
    if judged.severity(missing[worst]) and not judged.severity(sustained[row]):
        median = np.median(found.residual[found.touches])
        text = f"contacts leave {missing[worst]:.2f} body weights here for a moment, {median:.2f} in the median frame"
        findings.add_as("note", "support", "root", worst + first_frame, text, missing[worst])


def _check_stances(findings: _Findings, stances: list[Stance]) -> None:
    for stance in stances:
        text = (
            f"contacts leave {stance.median:.2f} body weights in the median frame, {stance.percentile(90):.2f} in every"
            f" tenth, {stance.most:.2f} at most: {stance.reason}"
        )
        findings.add("stance", f"frames {stance.first} to {stance.last}", stance.worst, text, stance.median)


def _peaks(values: np.ndarray, names: tuple[str, ...] | list[str]) -> list[tuple[int, float, str]]:
    """Return frame and size of the largest value of each column with its name."""
    frames = values.argmax(axis=0)
    return [(int(frame), float(values[frame, column]), names[column]) for column, frame in enumerate(frames)]
