"""Which of the activations that make a movement the muscle controller prefers (`msemu.control.tracking.preference`)."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from msemu.schema.ranges import Fraction, NotNegative, Positive, Range, Seed


@dataclass(frozen=True)
class PreferenceCfg:
    """Effort is ``sum w_i |a_i - a0_i|^p``; the defaults are the sum of squares.

    Names of muscles may hold ``*``, as in ``gas*_r``.
    """

    role: ClassVar[str] = "preference"
    exponent: Annotated[float, Range(2, 8)] = 2.0
    """The exponent p."""
    volume: Fraction = 0.0
    """Weights are the muscles' volumes to this power: 1 counts activated volume, 0 all muscles alike."""
    power: Annotated[float, Range(least=0, below=1)] = 0.0
    """Share of the effort that counts muscles by the power that they would have at full activation, squared."""
    tone: Fraction = 0.0
    """Activation a0 that every muscle prefers: co-contraction."""
    emg: Fraction = 0.0
    """Activation that muscles prefer beyond that within the bursts of measured EMG (cfg/emg), in gait."""
    weights: dict[str, Positive] = field(default_factory=dict)
    """Factors of the weights w by muscle."""
    capacity: dict[str, Fraction] = field(default_factory=dict)
    """Greatest activation by muscle, 0 for one that is absent; effort counts in shares of it."""
    tired_s: NotNegative = 0.0
    """Time for which all muscles have done what static optimization asks of them in the reference [s]; it takes from
    their capacity by the fatigue model of `FatigueCfg`."""
    weight_spread: Annotated[float, Range(1, 1000)] = 1.0
    """Weights are drawn log-uniformly from 1 over this to this, muscle by muscle."""
    tone_spread: Fraction = 0.0
    """Preferred activations are drawn from 0 to this, muscle by muscle, and added to the others."""
    redraw: bool = False
    """Draw anew for every episode; by default once."""
    seed: Seed = 0
    """Seed of what is drawn."""
