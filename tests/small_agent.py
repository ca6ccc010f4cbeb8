"""Agents that learn in a second."""

from msemu.config import cfg_file, load
from msemu.schema import AgentCfg

HIDDEN = 32
SMALL = {
    "learning_starts": 16,
    "batch_size": 16,
    "replay_size": 400,
    "policy_delay": 1,
    "replay_samples_per_rollout": 8,
    "num_mini_batches": 2,
    "latent_dim": HIDDEN,
    "hand_over_samples": 64,
    "full_trust_explained_variance": 1e-9,
}
"""Values that replace those of the same name, wherever an agent has them below its algorithm or action head."""


def small_agent(name: str) -> AgentCfg:
    """An agent as it comes, but small, and soon with enough to learn from."""
    agent = load(AgentCfg, cfg_file("agent", name))
    agent.num_steps_per_env, agent.save_interval = 8, 2
    for part in (
        agent.actor,
        agent.critic,
        agent.algorithm.get("guidance", {}),
        agent.algorithm.get("discriminator", {}),
    ):
        if "hidden_dims" in part:
            part["hidden_dims"] = [HIDDEN]
    for part in (agent.actor["distribution_cfg"], agent.algorithm, *nested(agent.algorithm)):
        part |= {key: value for key, value in SMALL.items() if key in part}
    return agent


def nested(values: dict) -> list[dict]:
    """Mappings within a mapping."""
    return [value for value in values.values() if isinstance(value, dict)]
