"""Values of learners.

What `AgentCfg` holds as mappings are arguments of classes of msemu, of rsl-rl and of plug-ins. Here are the ranges of
those that the first two have; an argument of another name is the business of its class.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

from msemu.components import COMPONENTS
from msemu.schema.ranges import (
    Ascending,
    Count,
    Finite,
    Fraction,
    Known,
    NotEmpty,
    NotNegative,
    Positive,
    Range,
)
from msemu.schema.terms import RewardTermCfg

Activation = Annotated[
    str,
    Known(
        ("elu", "selu", "relu", "crelu", "lrelu", "tanh", "sigmoid", "softplus", "gelu", "swish", "mish", "identity")
    ),
]
Optimizer = Annotated[str, Known(("adam", "adamw", "sgd", "rmsprop"))]
Width = Annotated[int, Range(1, 16_384)]
Widths = Annotated[tuple[Width, ...], NotEmpty()]
Few = Annotated[int, Range(1, 1000)]
LearningRate = Annotated[float, Range(above=0, greatest=1)]
BelowOne = Annotated[float, Range(least=0, below=1)]
Memory = Annotated[int, Range(1, 10**9)]


def _part(role: str) -> Any:
    return Annotated[str, Known(COMPONENTS[role], open=True)]


class Head(TypedDict, total=False):
    """Arguments of action heads."""

    class_name: _part("action head")  # type: ignore[valid-type]
    init_std: Positive
    std_range: Annotated[tuple[Positive, Positive], Ascending()]
    std_type: Annotated[str, Known(("scalar", "log"))]
    learn_std: bool
    action_range: Annotated[tuple[Finite, Finite], Ascending()]
    action_limit: Positive
    init_residual_std: Positive
    init_latent_std: Positive
    init_group_std: Positive
    latent_dim: Width
    correlation: BelowOne
    muscles_per_group: Annotated[float, Range(1)]
    num_steps: Few
    velocity_hidden_dim: Width


class BatchRenormalization(TypedDict, total=False):
    """Arguments of `msemu.rl.off_policy.batch_renorm.BatchRenorm`."""

    r_max: Annotated[float, Range(1)]
    d_max: NotNegative
    warm_up: Annotated[int, Range(0, 10**9)]
    momentum: Annotated[float, Range(above=0, greatest=1)]
    eps: Positive


class Network(TypedDict, total=False):
    """Arguments of networks."""

    class_name: _part("network")  # type: ignore[valid-type]
    hidden_dims: Widths
    activation: Activation
    obs_normalization: bool
    distribution_cfg: Annotated[dict[str, Any], Head]
    batch_renorm: Annotated[dict[str, Any], BatchRenormalization]


class DiscriminatorArguments(TypedDict, total=False):
    """Arguments of discriminators."""

    class_name: _part("discriminator")  # type: ignore[valid-type]
    window: Annotated[int, Range(1, 1000)]
    hidden_dims: Widths
    activation: Activation
    init_logit_weight: NotNegative
    objective: Annotated[str, Known(("logistic", "least_squares"))]
    gradient_penalty: NotNegative
    logit_regularization: NotNegative
    optimizer: Optimizer
    learning_rate: LearningRate
    weight_decay: NotNegative
    num_learning_epochs: Few
    num_mini_batches: Count
    replay_size: Memory
    replay_samples_per_rollout: Memory


class Guidance(TypedDict, total=False):
    """Arguments of the guidance of flows."""

    weight: NotNegative
    full_trust_explained_variance: Annotated[float, Range(above=0, greatest=1)]
    ascent_steps: Few
    ascent_step_size: Positive
    hidden_dims: Widths
    activation: Activation
    learning_rate: LearningRate
    num_learning_epochs: Few
    num_mini_batches: Count
    replay_size: Annotated[int, Range(0, 10**9)]


class Entropy(TypedDict, total=False):
    """Arguments of `msemu.rl.off_policy.crossq.Temperature`."""

    init_temperature: Positive
    target_per_action: Finite


class AnchorArguments(TypedDict, total=False):
    """Arguments of `msemu.rl.initial.anchor.Anchor`."""

    hold_iterations: Annotated[int, Range(0, 10**9)]
    weight: NotNegative
    fade_iterations: Count


class Algorithm(TypedDict, total=False):
    """Arguments of algorithms."""

    class_name: _part("algorithm")  # type: ignore[valid-type]
    num_learning_epochs: Few
    num_mini_batches: Count
    clip_param: Annotated[float, Range(above=0, greatest=1)]
    gamma: BelowOne
    lam: Fraction
    value_loss_coef: NotNegative
    entropy_coef: NotNegative
    learning_rate: LearningRate
    critic_learning_rate: LearningRate
    max_grad_norm: Positive
    optimizer: Optimizer
    use_clipped_value_loss: bool
    schedule: Annotated[str, Known(("adaptive", "fixed"))]
    desired_kl_per_action: Positive
    normalize_advantage_per_mini_batch: bool
    use_mixed_precision: bool
    task_reward_weight: NotNegative
    discriminator_reward_weight: NotNegative
    regularizers: dict[str, RewardTermCfg]
    discriminator: Annotated[dict[str, Any], DiscriminatorArguments]
    guidance: Annotated[dict[str, Any], Guidance]
    num_steps: Annotated[int, Range(1, 1000)]
    replay_size: Memory
    learning_starts: Annotated[int, Range(0, 10**9)]
    updates_per_step: Few
    batch_size: Count
    policy_delay: Few
    adam_betas: tuple[BelowOne, BelowOne]
    entropy: Annotated[dict[str, Any], Entropy] | None
    ascent_steps: Few
    ascent_step_size: Positive
    final_learning_rate: LearningRate
    decay_samples: Count
    hand_over_samples: Count
    anchor: Annotated[dict[str, Any], AnchorArguments] | None
    teacher: str | tuple[str, ...] | None
    checkpoint: str | tuple[str, ...]
    loss: Annotated[str, Known(("excitation", "activation"))]
    torque_weighted: bool


@dataclass
class AgentCfg:
    """The learner; the mappings are handed to rsl-rl as they are (github.com/leggedrobotics/rsl_rl)."""

    runner: Annotated[str, Known(COMPONENTS["runner"], open=True)] = "on_policy"
    """Training loop: on_policy learns from rollouts, off_policy from a memory; names as in msemu.components."""
    num_steps_per_env: Annotated[int, Range(1, 100_000)] = 24
    """Control steps per environment and iteration."""
    save_interval: Count = 50
    """Iterations between checkpoints."""
    logger: Annotated[str, Known(("tensorboard", "wandb", "neptune"))] = "tensorboard"
    """Who else gets the curves, which TensorBoard always does; wandb and neptune are offline by default."""
    project_name: str = "msemu"
    """Project of wandb or neptune."""
    obs_groups: dict[str, Annotated[list[str], NotEmpty()]] = field(default_factory=dict)
    """Observation groups that each network sees."""
    algorithm: Annotated[dict[str, Any], Algorithm] = field(default_factory=dict)
    """``class_name`` of the algorithm (see msemu.components) and its constructor's arguments."""
    actor: Annotated[dict[str, Any], Network] = field(default_factory=dict)
    """``class_name`` of the policy network and its constructor's arguments."""
    critic: Annotated[dict[str, Any], Network] = field(default_factory=dict)
    """``class_name`` of the value network and its constructor's arguments."""
