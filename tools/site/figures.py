"""A figure for each page that explains a method, computed by the code that it explains."""

import io

import numpy as np
import torch
from matplotlib.figure import Figure

from msemu.muscle import in_numpy
from msemu.rl.adversarial.objective import least_squares_reward, logistic_reward
from msemu.rl.flow.velocity import VelocityFlow
from msemu.schema import ControllerCfg


def muscle() -> bytes:
    """Force of a muscle over its length and over its velocity, in units of the greatest isometric force."""
    figure, (left, right) = _axes("fiber length [optimal lengths]", "fiber velocity [greatest shortening velocities]")
    length, velocity = np.linspace(0.4, 1.6, 200), np.linspace(-1.0, 1.0, 200)
    left.plot(length, in_numpy.active_force_length(length), label="active")
    left.plot(length, in_numpy.passive_force_length(length), label="passive")
    right.plot(velocity, in_numpy.force_velocity(velocity), label="active")
    for axis in (left, right):
        axis.set_ylabel("force [-]")
        axis.legend(frameon=False)
    return _svg(figure)


def controller() -> bytes:
    """Answer of the controller's springs to a deviation of one: joints, root translation and root rotation."""
    figure, (axis,) = _axes("time [s]", columns=1)
    time = np.linspace(0.0, 1.5, 300)
    for name in ("joints", "root_translation", "root_rotation"):
        spring = getattr(ControllerCfg(), name)
        rate = 2.0 * np.pi * spring.natural_frequency_hz
        axis.plot(
            time, (1.0 + rate * time) * np.exp(-rate * time), label=f"{name.replace('_', ' ')}"
        )  # critical damping
    axis.set_ylabel("deviation [-]")
    axis.legend(frameon=False)
    return _svg(figure)


def flow() -> bytes:
    """Two actions: samples of the Gaussian source, and where a velocity field carries them in eight steps."""
    torch.manual_seed(3)
    field = VelocityFlow(2, 8, 32)
    torch.nn.init.normal_(field.output.weight, std=0.5)
    source = torch.randn(600, 2)
    with torch.no_grad():
        carried = field(source, torch.zeros(600, 2), torch.ones(2), torch.zeros(600, 32))
    figure, axes = _axes("first action", "first action")
    for axis, points, title in zip(axes, (source, carried), ("source", "carried"), strict=True):
        axis.plot(*points.T.numpy(), ".", markersize=2)
        axis.set(title=title, ylabel="second action", xlim=(-5, 5), ylim=(-5, 5), aspect="equal")
    return _svg(figure)


def adversarial() -> bytes:
    """Reward over what the discriminator says: like the reference (positive) or the policy's own (negative)."""
    figure, (axis,) = _axes("logit of the discriminator", columns=1)
    logits = torch.linspace(-6.0, 10.0, 300)
    axis.plot(logits, logistic_reward(logits), label="ADD (logistic)")
    axis.plot(logits, least_squares_reward(logits), label="AMP (least squares)")
    axis.set_ylabel("reward [-]")
    axis.legend(frameon=False)
    return _svg(figure)


def _axes(*labels: str, columns: int = 2) -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=(3.6 * columns, 2.8), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for axis, label in zip(axes, labels, strict=True):
        axis.set_xlabel(label)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Figure) -> bytes:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    return drawn.getvalue()
