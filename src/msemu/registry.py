"""The tasks that msemu knows: its own and those of installed plug-ins.

A plug-in is any installed package with an entry point in the group ``msemu.tasks`` that names a function without
arguments; the function calls `register_task`. Listing tasks imports neither torch nor mujoco.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from msemu.config import cfg_file, load
from msemu.errors import MsemuError, suggestion
from msemu.schema import AgentCfg, TaskCfg

ENTRY_POINT_GROUP = "msemu.tasks"


@dataclass(frozen=True)
class TaskSpec:
    """A task as the registry knows it.

    Attributes:
        id: ``Msemu-<Task>-<Body>-v0``, or a name of the plug-in's own.
        config: Where the task's values are: the name of a file in cfg/task, a path, or a function that returns a
            `TaskCfg`. It is resolved only when the task is used.
        summary: One line for ``msemu-train --list``.
        agent: Name of a file in cfg/agent, or the path of one.
        env: Name of the environment in `msemu.components`, or ``module:Class`` of one of your own.
        origin: Distribution that registered the task.
    """

    id: str
    config: str | Path | Callable[[], TaskCfg]
    summary: str
    agent: str | Path = "ppo"
    env: str = "motion_tracking"
    origin: str = "msemu"

    def load_config(self) -> TaskCfg:
        """Read the task's values."""
        if callable(self.config):
            return self.config()
        path = self.config if isinstance(self.config, Path) else cfg_file("task", self.config)
        return load(TaskCfg, path)

    def load_agent(self) -> AgentCfg:
        """Read the values of the task's agent."""
        path = self.agent if isinstance(self.agent, Path) else cfg_file("agent", self.agent)
        return load(AgentCfg, path)


_TASKS: dict[str, TaskSpec] = {}


def register_task(spec: TaskSpec) -> None:
    """Make a task known.

    Raises:
        ValueError: The id is taken.
    """
    if spec.id in _TASKS:
        raise ValueError(f"the task id {spec.id} is already registered by {_TASKS[spec.id].origin}")
    _TASKS[spec.id] = spec


@cache
def _load_plugins() -> None:
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        try:
            entry.load()()
        except Exception as error:
            owner = entry.dist.name if entry.dist else entry.value
            warnings.warn(
                f"the plug-in '{entry.name}' of {owner} is left out: {type(error).__name__}: {error}", stacklevel=2
            )


def list_tasks() -> list[TaskSpec]:
    """All known tasks, sorted by id. A plug-in that fails to load gives a warning with its name."""
    _load_plugins()
    return [_TASKS[name] for name in sorted(_TASKS)]


def get_task(task_id: str) -> TaskSpec:
    """Look a task up.

    Raises:
        MsemuError: The task is unknown; the message suggests close names.
    """
    _load_plugins()
    if task_id not in _TASKS:
        raise MsemuError(f"unknown task '{task_id}'{suggestion(task_id, _TASKS, 'see: msemu-train --list')}")
    return _TASKS[task_id]
