"""A rollout as a notebook has it: tables, plots, moving pictures, OpenSim's files."""

import base64
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from msemu.errors import MsemuError, suggestion
from msemu.models.body import Body
from msemu.models.loader import load_body
from msemu.motion import rollout as data
from msemu.motion.clip import MotionClip
from msemu.motion.formats.opensim_export import write_opensim
from msemu.motion.formats.opensim_storage import write_storage
from msemu.viewer.drawing.video import write_video
from msemu.viewer.serving import serve

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

_SHOWN = 12
"""Muscles of a plot, unless the user names some: those that are used most."""


@dataclass(frozen=True)
class Rollout(data.Rollout):
    """A simulated movement, see `msemu.motion.rollout.Rollout`; `load` reads what ``save`` wrote.

    Attributes:
        model: The body, if it is none of those that msemu knows by name.
    """

    model: Body | None = None

    def to_pandas(self, quantity: str = "activation") -> "pandas.DataFrame":
        """Return a quantity over time [s]; columns are named, with the unit in ``DataFrame.attrs['unit']``.

        Args:
            quantity: ``joint_angle`` [rad or m] or one of `msemu.motion.rollout.QUANTITIES`, such as ``muscle_force``.

        Raises:
            MsemuError: There is no such quantity, or pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MsemuError("tables need pandas: pip install pandas") from None
        unit, names, values = self._table(quantity)
        if values.ndim == 3:
            names, values = (
                tuple(f"{name}_{axis}" for name in names for axis in "xyz"),
                values.reshape(self.num_frames, -1),
            )
        table = pd.DataFrame(values, index=pd.Index(self.time, name="time [s]"), columns=list(names))
        table.attrs["unit"] = unit
        return table

    def to_opensim(self, folder: str | Path) -> list[Path]:
        """Write the movement as ``motion.mot`` under OpenSim's names, and activations and forces as ``.sto``.

        Raises:
            MsemuError: The folder cannot be written.
        """
        motion = Path(folder) / "motion.mot"
        write_opensim(motion, self._clip(), self._body())
        paths = [motion]
        for quantity in ("activation", "muscle_force"):
            _, names, values = self._table(quantity)
            paths.append(Path(folder) / f"{quantity}.sto")
            write_storage(paths[-1], self.title, self.time, dict(zip(names, values.T, strict=True)))
        return paths

    def plot(self, quantity: str = "activation", names: list[str] | None = None) -> "Figure":
        """Draw a quantity over time, of the muscles, joints or contact regions ``names``, or of those that do most.

        Raises:
            MsemuError: There is no such quantity, or no such name.
        """
        from matplotlib.figure import Figure

        unit, known, values = self._table(quantity)
        values = np.linalg.norm(values, axis=2) if values.ndim == 3 else values
        for name in names or ():
            if name not in known:
                raise MsemuError(f"there is no '{name}' in {quantity}{suggestion(name, known)}")
        most = np.argsort(-np.abs(values - values[0]).mean(0))[:_SHOWN]
        shown = [known.index(name) for name in names] if names else sorted(most)
        figure = Figure(figsize=(9, 0.8 + 0.55 * len(shown)), layout="constrained")
        for axis, index in zip(figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0], shown, strict=True):
            axis.plot(self.time, values[:, index], linewidth=1.2)
            axis.set_ylabel(known[index], rotation=0, horizontalalignment="right", verticalalignment="center")
            axis.spines[["top", "right"]].set_visible(False)
        axis.set_xlabel("time [s]")
        figure.suptitle(f"{quantity.replace('_', ' ')} [{unit}]: {self.title}")
        return figure

    def video(self, path: str | Path) -> Path:
        """Write the movement beside its reference as an mp4.

        Raises:
            MsemuError: The file cannot be written.
        """
        body = self._body()
        write_video(self.recording(body), body, Path(path))
        return Path(path)

    def show(self, port: int = 8080) -> Any:
        """Open the viewer in the browser; `msemu.viewer.page.page.Page.stop` of what is returned ends it."""
        body = self._body()
        return serve(self.recording(body), body, port=port, block=False)

    def _repr_html_(self) -> str:
        """Show a notebook the moving picture itself."""
        with tempfile.TemporaryDirectory() as folder:
            content = self.video(Path(folder) / "rollout.mp4").read_bytes()
        return f'<video controls src="data:video/mp4;base64,{base64.b64encode(content).decode()}"></video>'

    def _table(self, quantity: str) -> tuple[str, tuple[str, ...], np.ndarray]:
        """Return unit, names and values of a quantity."""
        if quantity == "joint_angle":
            return "rad", self.joint_names, self.qpos[:, 7:]
        if quantity not in data.QUANTITIES:
            raise MsemuError(
                f"there is no quantity '{quantity}'{suggestion(quantity, ['joint_angle', *data.QUANTITIES])}"
            )
        unit, names = data.QUANTITIES[quantity]
        return unit, getattr(self, names), getattr(self, quantity)

    def _body(self) -> Body:
        body = self.model or load_body(self.body)
        if (body.joint_names, body.muscle_names) != (self.joint_names, self.muscle_names):
            raise MsemuError(
                f"the rollout is of another '{self.body}' than today's; load its run's policy and give its body"
            )
        return body

    def _clip(self) -> MotionClip:
        return MotionClip(
            body=self.body, joint_names=self.joint_names, fps=self.fps, qpos=self.qpos, qvel=self.qvel, name=self.title
        )
