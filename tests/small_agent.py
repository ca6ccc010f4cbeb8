"""Agents that learn in a second."""

from msemu.config import cfg_file, load
from msemu.schema import AgentCfg


def small_agent(name: str) -> AgentCfg:
    """An agent as it comes, but small."""
    agent = load(AgentCfg, cfg_file("agent", name))
    agent.num_steps_per_env, agent.save_interval = 8, 2
    agent.actor["hidden_dims"] = agent.critic["hidden_dims"] = [32]
    return agent
