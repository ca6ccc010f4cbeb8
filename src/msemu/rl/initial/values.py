"""Values of a run that begins with the policy of another one."""

from dataclasses import fields, replace

from msemu.config import build, cfg_file, cfg_names, merge, read_yaml, to_dict
from msemu.errors import MsemuError
from msemu.schema import ActionCfg, AgentCfg, TaskCfg, TrainCfg

_NETWORK = ("hidden_dims", "activation", "obs_normalization")


def begin_values(cfg: TrainCfg, own: TrainCfg, same_task: bool) -> TrainCfg:
    """Return what a new run has before its options count.

    Args:
        cfg: Values of the task, with the agent that shall learn.
        own: Values of the run that it begins with, whose task counts in place of the new one's where it is the same;
            of another task the policy keeps what it sees and how it acts.
        same_task: Whether it is the same.
    """
    agent = _fitted(cfg.agent, own.agent)
    if same_task:
        return replace(cfg, agent=agent, **{entry.name: getattr(own, entry.name) for entry in fields(TaskCfg)})
    env = replace(cfg.env, action=own.env.action, observations=own.env.observations)
    return replace(cfg, agent=agent, env=env)


def check_begin(cfg: TrainCfg, own: TrainCfg, run: str) -> None:
    """Refuse values in which the policy of a run would mean or see something else.

    Raises:
        MsemuError: The body, the action space or an observation of the policy is another one.
    """
    if cfg.body != own.body:
        raise MsemuError(f"{run} is a run of the body '{own.body}', not of '{cfg.body}'; --init wants one of the same")
    if cfg.env.action.kind != own.env.action.kind:
        raise MsemuError(
            f"the policy of {run} acts in the space '{own.env.action.kind}', and this run would act in"
            f" '{cfg.env.action.kind}'; leave --env.action out, or first teach it that one with msemu-distill"
        )
    if other := _differing(cfg.env.action, own.env.action):
        raise MsemuError(
            f"the policy of {run} acts with {', '.join(other)} of its own, and would mean something else in this run;"
            f" leave {', '.join(f'--env.action.{name}' for name in other)} out"
        )
    for group in own.agent.obs_groups["actor"]:
        if cfg.env.observations.get(group) != own.env.observations.get(group):
            raise MsemuError(
                f"the policy of {run} sees the observation '{group}' otherwise than this run would have it; leave"
                f" --env.observations.{group} out"
            )


def _differing(action: ActionCfg, own: ActionCfg) -> list[str]:
    """Names of the values in which two action spaces of a kind differ, but for how the muscles begin an episode."""
    values, others = to_dict(action), to_dict(own)
    return [name for name, value in others.items() if name != "start" and values[name] != value]


def _fitted(agent: AgentCfg, own: AgentCfg) -> AgentCfg:
    """Return an agent with what its kind gets from cfg/init, and with the policy network of another."""
    values = to_dict(agent)
    if agent.runner in cfg_names("init"):
        values = merge(values, read_yaml(cfg_file("init", agent.runner)))
    actor, head = values["actor"], values["actor"].get("distribution_cfg", {})
    actor |= {name: own.actor[name] for name in _NETWORK if name in own.actor}
    own_head = own.actor.get("distribution_cfg", {})
    if head.get("class_name") == own_head.get("class_name"):
        head |= own_head
    if "latent_dim" in head:
        head["latent_dim"] = actor["hidden_dims"][-1]
    values["obs_groups"]["actor"] = own.obs_groups["actor"]
    return build(AgentCfg, values, "the agent of --init")
