"""The tasks and bodies that msemu knows: its own and those of installed plug-ins.

A plug-in is any installed package with an entry point in the group ``msemu.tasks`` that names a function without
arguments; the function calls `register_task` and `register_body`. Listing tasks imports neither torch nor mujoco.
"""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from msemu.config import build, cfg_file, check, load, merge, read_yaml
from msemu.errors import MsemuError, blaming, suggestion
from msemu.schema import AgentCfg, TaskCfg, TrainCfg, known_levels

ENTRY_POINT_GROUP = "msemu.tasks"

TASK_KINDS = ("any motion", "clips", "sets of clips")
"""What msemu's own tasks are about, in the order of ``msemu-train --list``."""


@dataclass(frozen=True)
class TaskSpec:
    """A task as the registry knows it.

    Attributes:
        id: ``Msemu-<Task>-<Body>-v0``, or a name of the plug-in's own.
        config: Where the task's values are: the name of a file in cfg/task, a path, or a function that returns a
            `TaskCfg`. It is resolved only when the task is used.
        summary: One line for ``msemu-train --list``.
        agent: Name of a file in cfg/agent, or the path of one.
        training: Name of a file in cfg/training, or the path of one: what works best for the task, see `load_training`.
        env: Name of the environment in `msemu.components`, or ``module:Class`` of one of your own.
        origin: Distribution that registered the task.
        body: Name of the body, for the list.
        kind: One of `TASK_KINDS`, or a heading of the plug-in's own, for the list.
    """

    id: str
    config: str | Path | Callable[[], TaskCfg]
    summary: str
    agent: str | Path = "ppo"
    training: str | Path = ""
    env: str = "motion_tracking"
    origin: str = "msemu"
    body: str = ""
    kind: str = ""

    def load_config(self) -> TaskCfg:
        """Read the task's values.

        Raises:
            MsemuError: There are none, or they do not fit; the message names the task.
        """
        if callable(self.config):
            with blaming(f"the config of the task {self.id} of {self.origin}"):
                cfg = self.config()
            if not isinstance(cfg, TaskCfg):
                raise MsemuError(f"the config of the task {self.id} of {self.origin} gives no TaskCfg but {cfg!r}")
            check(cfg, f"the config of the task {self.id} of {self.origin}")
            return cfg
        path = self.config if isinstance(self.config, Path) else cfg_file("task", self.config)
        return load(TaskCfg, path)

    def load_agent(self) -> AgentCfg:
        """Read the values of the task's agent."""
        return _agent(self.agent)

    def load_training(self) -> TrainCfg:
        """Read the action space, agent and physics that work best for the task, over its values.

        Raises:
            MsemuError: There are none of that name, or they do not fit.
        """
        plain = TrainCfg(**vars(self.load_config()), agent=self.load_agent())
        if not self.training:
            return plain
        path = self.training if isinstance(self.training, Path) else cfg_file("training", self.training)
        values = read_yaml(path)
        agent = _agent(values.pop("agent", self.agent))
        return build(TrainCfg, values, str(path), replace(plain, agent=agent))


def _agent(named: str | Path | dict[str, Any]) -> AgentCfg:
    """Read an agent by the name of a file in cfg/agent, by its path, or as values over those of its ``base``."""
    own = dict(named) if isinstance(named, dict) else {"base": named}
    base = own.pop("base", "ppo")
    path = base if isinstance(base, Path) else cfg_file("agent", base)
    return build(AgentCfg, merge(read_yaml(path), own), str(path))


@dataclass(frozen=True)
class BodySpec:
    """A body as the registry knows it; all else is in its recipe (`msemu.models.recipe`).

    Attributes:
        name: What ``TaskCfg.body`` says: the name of the recipe's file, or the path of one that is not registered.
        title: Name in the ids of its tasks.
        recipe: The recipe's file.
        motions: Clips and sets of clips of the catalogue that are its tasks, or ``all``.
        origin: Distribution that registered the body.
    """

    name: str
    title: str
    recipe: Path
    motions: str | tuple[str, ...] = "all"
    origin: str = "msemu"

    @classmethod
    def of(cls, recipe: Path, origin: str = "msemu") -> "BodySpec":
        """Read what concerns the registry in a recipe.

        Raises:
            MsemuError: There is no such file, or it has no title.
        """
        values = {key: value for key, value in read_yaml(recipe).items() if key in ("title", "motions")}
        return build(cls, {**values, "name": recipe.stem, "recipe": recipe, "origin": origin}, str(recipe))


_TASKS: dict[str, TaskSpec] = {}
_BODIES: dict[str, BodySpec] = {}
_TASKS_OF_BODIES: list[Callable[[BodySpec], Iterable[TaskSpec]]] = []
_are_plugins_loaded = False


def register_task(spec: TaskSpec) -> None:
    """Make a task known.

    Raises:
        MsemuError: This is no `TaskSpec`, or its id is taken.
    """
    if not (isinstance(spec, TaskSpec) and all(isinstance(text, str) for text in (spec.id, spec.summary, spec.origin))):
        raise MsemuError(f"a task is registered as a TaskSpec whose id, summary and origin are text, not as {spec!r}")
    if spec.id in _TASKS:
        raise MsemuError(f"the task id {spec.id} is already registered by {_TASKS[spec.id].origin}")
    _TASKS[spec.id] = spec


def register_body(recipe: Path, origin: str = "msemu") -> None:
    """Make a body known by the name of its recipe's file (YAML), and its tasks; ``origin`` is the distribution.

    Raises:
        MsemuError: The recipe has no title, names an unknown motion, or name or title are taken.
    """
    _load_plugins()
    spec = BodySpec.of(recipe, origin)
    for other in _BODIES.values():
        if spec.name == other.name or spec.title == other.title:
            raise MsemuError(f"{recipe}: there is a body '{other.name}' with the title '{other.title}' already")
    tasks = [task for tasks_of in _TASKS_OF_BODIES for task in tasks_of(spec)]
    _BODIES[spec.name] = spec
    for task in tasks:
        register_task(task)


def register_tasks_of_bodies(tasks_of: Callable[[BodySpec], Iterable[TaskSpec]]) -> None:
    """Make tasks known that every body has, those that are registered later as well."""
    _TASKS_OF_BODIES.append(tasks_of)
    for body in _BODIES.values():
        for task in tasks_of(body):
            register_task(task)


def _load_plugins() -> None:
    """Load msemu's own tasks and then the plug-ins, once."""
    global _are_plugins_loaded
    if _are_plugins_loaded:
        return
    _are_plugins_loaded = True  # before they are: a plug-in may look at what there is
    own_first = sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: not entry.value.startswith("msemu."))
    for entry in own_first:
        plugin = f"the plug-in '{entry.name}' of {entry.dist.name if entry.dist else entry.value}"
        try:
            with blaming(f"{entry.value} of it"):
                entry.load()()
        except MsemuError as error:
            warnings.warn(f"{plugin} is left out: {error}", stacklevel=2)


def list_tasks() -> list[TaskSpec]:
    """All known tasks, sorted by id. A plug-in that fails to load gives a warning with its name."""
    _load_plugins()
    return [_TASKS[name] for name in sorted(_TASKS)]


def get_task(task_id: str, body: str = "") -> TaskSpec:
    """Look a task up, among those of a body too that is the path of a recipe.

    Raises:
        MsemuError: The task is unknown; the message suggests close names.
    """
    _load_plugins()
    known = _TASKS | (_tasks_of_file(body) if _is_file(body) else {})
    if task_id not in known:
        raise MsemuError(f"unknown task '{task_id}'{suggestion(task_id, known, 'see: msemu-train --list')}")
    return known[task_id]


def environment_of(task_id: str, body: str) -> str:
    """Return the environment of a task; that of a body by path is msemu's, also where the recipe is not any more."""
    _load_plugins()
    return TaskSpec.env if _is_file(body) and task_id not in _TASKS else get_task(task_id).env


def _tasks_of_file(body: str) -> dict[str, TaskSpec]:
    spec = find_body(body)
    return {task.id: task for tasks_of in _TASKS_OF_BODIES for task in tasks_of(spec)}


def list_bodies() -> list[str]:
    """Names of the bodies that have a recipe, in msemu or in a plug-in."""
    _load_plugins()
    return sorted(_BODIES)


def list_levels() -> tuple[str, ...]:
    """Names of the muscle levels, those of plug-ins among them."""
    _load_plugins()
    return known_levels()


def find_body(name: str) -> BodySpec:
    """Look a body up by its name, or read a recipe by the path of its YAML file.

    Raises:
        MsemuError: There is none; the message suggests close names.
    """
    if _is_file(name):
        return replace(BodySpec.of(Path(name)), name=name)
    _load_plugins()
    if name not in _BODIES:
        hint = suggestion(name, sorted(_BODIES))
        raise MsemuError(f"unknown body '{name}'{hint}; a body of your own is named by its recipe, a .yaml file")
    return _BODIES[name]


def _is_file(body: str) -> bool:
    return body.endswith((".yaml", ".yml"))
