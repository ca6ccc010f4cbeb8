"""The configuration as dataclasses, whose docstrings are the help of the command line; needs nothing but Python."""

from msemu.schema.action import (
    ActionCfg,
    ControllerPriorCfg,
    ExcitationCfg,
    JointCfg,
    PriorCfg,
    ReflexCfg,
    ResidualCfg,
    ScheduleCfg,
    ShareCfg,
)
from msemu.schema.agent import AgentCfg
from msemu.schema.controller import ContactCfg, ControllerCfg, DecoderCfg, FootPlacementCfg, SpringCfg
from msemu.schema.muscle import ACTIVATION_DYNAMICS, LEVELS, FatigueCfg, MotorNoiseCfg, MuscleCfg, known_levels
from msemu.schema.preference import PreferenceCfg
from msemu.schema.task import (
    AssistCfg,
    Capacity,
    EnvCfg,
    FollowedRepair,
    RandomizationCfg,
    RepairKind,
    SimCfg,
    StartSamplingCfg,
    TaskCfg,
    TrainCfg,
)
from msemu.schema.terms import ObservationTermCfg, RewardTermCfg, TermCfg, TerminationTermCfg

__all__ = [
    "ACTIVATION_DYNAMICS",
    "LEVELS",
    "ActionCfg",
    "AgentCfg",
    "AssistCfg",
    "Capacity",
    "ContactCfg",
    "ControllerCfg",
    "ControllerPriorCfg",
    "DecoderCfg",
    "EnvCfg",
    "ExcitationCfg",
    "FatigueCfg",
    "FollowedRepair",
    "FootPlacementCfg",
    "JointCfg",
    "MotorNoiseCfg",
    "MuscleCfg",
    "ObservationTermCfg",
    "PreferenceCfg",
    "PriorCfg",
    "RandomizationCfg",
    "ReflexCfg",
    "RepairKind",
    "ResidualCfg",
    "RewardTermCfg",
    "ScheduleCfg",
    "ShareCfg",
    "SimCfg",
    "SpringCfg",
    "StartSamplingCfg",
    "TaskCfg",
    "TermCfg",
    "TerminationTermCfg",
    "TrainCfg",
    "known_levels",
]
