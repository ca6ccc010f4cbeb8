"""Values of the search (`msemu.tracking.search`)."""

from dataclasses import dataclass
from typing import Annotated

from msemu.schema.ranges import Fraction, NotNegative, Positive, Range


@dataclass(frozen=True)
class SpreadCfg:
    """Standard deviations of what is drawn for a window in the first pass."""

    joint_rad: NotNegative = 0.06
    """Offsets of joint targets [rad or m]."""
    push_m_s2: NotNegative = 2.0
    """Acceleration of the root [m/s^2]."""
    turn_rad_s2: NotNegative = 8.0
    """Angular acceleration of the root [rad/s^2]."""
    step_m: NotNegative = 0.06
    """Place of a swinging foot [m]."""
    light_joint_kg_m2: NotNegative = 0.01
    """Joints that move less inertia than this, such as those of fingers, keep their targets [kg m^2]."""


@dataclass(frozen=True)
class SelectionCfg:
    """Errors that count as one each in the cost, which is a sum of squares."""

    joint_rad: Positive = 0.1
    """Joint angles, root mean square [rad or m]."""
    body_m: Positive = 0.05
    """Landmarks relative to the pelvis, root mean square [m]."""
    root_rad: Positive = 0.15
    """Rotation of the pelvis [rad]."""
    height_m: Positive = 0.03
    """Height of the pelvis [m]."""
    place_m: Positive = 0.2
    """Place of the pelvis on the floor [m]: it weighs little, or bodies lunge."""
    capture_point_m: Positive = 0.15
    """Extrapolated center of mass on the floor [m]."""
    vertical_velocity_m_s: Positive = 0.3
    """Vertical velocity of the center of mass [m/s]."""
    angular_momentum_m2_s: Positive = 0.07
    """Angular momentum about the center of mass, per body mass [m^2/s]."""
    mean_share: NotNegative = 0.3
    """Weight of the mean cost over a window beside that at its end."""
    memory: Fraction = 0.5
    """Weight of the cost of the window before."""
    kept: Annotated[float, Range(above=0, greatest=1)] = 0.4
    """Share of the bodies that is drawn from for the next window, the best ones most often."""


@dataclass(frozen=True)
class SearchCfg:
    """How a clip is searched."""

    window_steps: Annotated[int, Range(1, 1000)] = 5
    """Control steps of a piece of guidance, which is a window where the clip is not cut at its touch-downs."""
    spread: SpreadCfg = SpreadCfg()
    selection: SelectionCfg = SelectionCfg()
    back: tuple[int, int] = (5, 16)
    """Least and greatest number of windows that are gone back when all bodies have failed."""
    tries: Annotated[int, Range(1, 1000)] = 8
    """How often a pass goes back from one place before it ends there."""
    shrink: Annotated[float, Range(above=0, below=1)] = 0.5
    """Factor of the spread after a pass that has reached the end."""
    adaptation: Fraction = 0.5
    """Share by which the variance of those that are chosen replaces that of what is drawn, after a pass."""
    smoothing_s: tuple[float, ...] = (0.06, 0.03)
    """Widths of the filters that the last pass tries, the strongest first [s]."""
    smoothing_cost: Fraction = 0.02
    """Share of the cost that a smooth way may cost more."""
    least_gain: Fraction = 0.02
    """Share of the cost by which a pass must be better, or it is begun anew."""
    starts: Annotated[int, Range(1, 1000)] = 3
    """How often the search begins, each time without what was found before; the best way of all is kept."""
