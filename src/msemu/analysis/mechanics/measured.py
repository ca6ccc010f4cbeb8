"""All that is measured of a movement, once."""

from dataclasses import asdict, dataclass
from typing import Any

from msemu.analysis.mechanics.co_contraction import antagonists_of, co_contraction_of
from msemu.analysis.mechanics.energy.energetics import Energetics
from msemu.analysis.mechanics.energy.metabolic import MetabolicCost
from msemu.analysis.mechanics.energy.work import Work
from msemu.analysis.mechanics.gait_parameters import GaitParameters
from msemu.analysis.mechanics.joint_reaction import JointReaction, joint_reaction
from msemu.analysis.mechanics.movement import MechanicalMovement


@dataclass(frozen=True)
class Measured:
    """A movement and what was measured of it.

    Attributes:
        movement: The movement.
        energetics: Powers, forces on the floor, smoothness.
        work: Work of joints and muscles.
        cost: Metabolic cost.
        reaction: Forces in the joints.
        gait: Parameters of its gait; None without a whole cycle.
    """

    movement: MechanicalMovement
    energetics: Energetics
    work: Work
    cost: MetabolicCost
    reaction: JointReaction
    gait: GaitParameters | None

    @classmethod
    def of(cls, movement: MechanicalMovement) -> "Measured":
        """Measure a movement."""
        return cls(
            movement,
            Energetics.of(movement),
            Work.of(movement),
            MetabolicCost.of(movement),
            joint_reaction(movement),
            GaitParameters.of(movement),
        )

    def reaction_peaks(self) -> dict[str, float]:
        """Return the greatest size of each joint's reaction [body weights]."""
        return dict(zip(self.reaction.names, self.reaction.magnitude_bw.max(0).tolist(), strict=True))

    def figures(self) -> dict[str, Any]:
        """Return everything for JSON; docs/understand/mechanics.md says what the keys are."""
        movement = self.movement
        moments = {
            name: {"least": float(values.min()), "greatest": float(values.max())}
            for name, values in zip(movement.joint_names, (movement.joint_moment / movement.body.mass).T, strict=True)
        }
        about: dict[str, Any] = {
            "title": movement.title,
            "body": movement.body.name,
            "frames": movement.num_frames,
            "fps": movement.fps,
            "provenance": movement.provenance,
            "gait": asdict(self.gait) if self.gait else None,
            "co_contraction_nm": co_contraction_of(movement),
            "co_contraction": {joint: asdict(groups) for joint, groups in antagonists_of(movement).items()},
        }
        about |= asdict(self.energetics) | asdict(self.work) | asdict(self.cost)
        return about | {"joint_reaction_peak_bw": self.reaction_peaks(), "joint_moment_nm_kg": moments}
