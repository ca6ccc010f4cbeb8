"""When muscles of the leg are active in the gait cycle, according to a textbook."""

from dataclasses import dataclass

import numpy as np

from msemu.config import cfg_file, load
from msemu.control.gait_phase import PERCENT, percent_of_cycle
from msemu.errors import MsemuError
from msemu.models import Body

SIDES = "rl"


@dataclass(frozen=True)
class Channel:
    """One muscle as an electrode sees it.

    Attributes:
        muscles: Names of its heads in the body, without the side.
        bursts: Beginning and end of each of its bursts [% of the gait cycle].
    """

    muscles: tuple[str, ...]
    bursts: tuple[tuple[float, float], ...]

    @property
    def is_on(self) -> np.ndarray:
        """Whether the muscle is active at each of `PERCENT`, shape [101]."""
        return np.any([(begin <= PERCENT) & (end >= PERCENT) for begin, end in self.bursts], axis=0)


@dataclass(frozen=True)
class TextbookTiming:
    """Timing of many muscles.

    Attributes:
        source: Where it was published.
        channels: The muscles by their names.
    """

    source: str
    channels: dict[str, Channel]

    @classmethod
    def named(cls, name: str = "perry_1992") -> "TextbookTiming":
        """Read a table that comes with msemu."""
        return load(cls, cfg_file("emg", name))

    def weights(self, body: Body, side: str) -> np.ndarray:
        """Weights with which the muscles of a body give the channels of the leg ``r`` or ``l``, shape [M, K].

        Raises:
            MsemuError: The muscles of the body have other names.
        """
        names = {f"{muscle}_{side}" for channel in self.channels.values() for muscle in channel.muscles}
        missing = sorted(names - set(body.muscle_names))
        if missing:
            more = f" and {len(missing) - 3} others" if len(missing) > 3 else ""
            raise MsemuError(
                f"body '{body.name}' has no muscle {', '.join(missing[:3])}{more}; the textbook's timing is known for"
                " bodies whose leg muscles are named as in myolegs"
            )
        weights = np.zeros((body.num_muscles, len(self.channels)))
        for column, channel in enumerate(self.channels.values()):
            rows = [body.muscle_names.index(f"{muscle}_{side}") for muscle in channel.muscles]
            weights[rows, column] = 1.0 / len(rows)
        return weights

    def along(self, body: Body, stands: np.ndarray, cyclic: bool) -> np.ndarray:
        """Return in which frames each muscle is active, of 0 and 1, shape [T, M]; all are 0 outside gait cycles.

        ``stands`` says whether the right and the left foot are on the floor, bool, shape [T, 2].

        Raises:
            MsemuError: The muscles of the body have other names.
        """
        active = np.zeros((len(stands), body.num_muscles))
        for side, foot in zip(SIDES, stands.T, strict=True):
            percent = percent_of_cycle(foot, cyclic)
            inside = np.isfinite(percent)
            instants = np.rint(percent[inside]).astype(int)
            on = np.stack([channel.is_on[instants] for channel in self.channels.values()], 1)
            active[inside] += on @ (self.weights(body, side) > 0.0).T
        return active
