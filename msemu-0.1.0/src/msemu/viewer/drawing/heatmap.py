"""How far a clip is from the recorded movement: a picture over joint centers and time."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.quality import clip_errors

_DPI = 120


def draw_heatmap(body: Body, clip: MotionClip) -> np.ndarray:
    """Return the distance of each joint center from the recorded movement over time as a picture, [H, W, 3], uint8.

    Raises:
        MsemuError: The clip does not hold the recorded movement.
    """
    if clip.joint_centers is None:
        raise MsemuError(
            "the clip holds no recorded joint centers to compare with: it was made of joint angles, or by an earlier"
            " release; import its source again with: msemu-motion import"
        )
    errors = 100.0 * clip_errors(body, clip).T
    figure = Figure(figsize=(9, 1.6 + 0.25 * len(errors)), dpi=_DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axis = figure.subplots()
    edges = np.arange(clip.num_frames + 1) / clip.fps
    image = axis.pcolormesh(edges, np.arange(len(errors) + 1), errors, vmin=0.0, cmap="magma_r")
    axis.set_yticks(np.arange(len(errors)) + 0.5, clip.joint_center_names)
    axis.invert_yaxis()
    axis.set_xlabel("time [s]")
    axis.set_title(
        f"{clip.name} on {clip.body}: distance from the recorded movement, mean {errors.mean():.1f} cm,"
        f" greatest {errors.max():.1f} cm",
        fontsize=10,
        parse_math=False,
    )
    figure.colorbar(image, ax=axis, label="[cm]", pad=0.01)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
