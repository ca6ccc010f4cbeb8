"""msemu: muscle-driven whole-body human motion reproduction.

What a notebook or a script starts from is here (`make`, `load_body`, `load_clip`, `load_policy`,
`static_optimization`, `track`, `Rollout`); it is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from msemu.api.bodies_and_clips import load_body, load_clip, static_optimization
    from msemu.api.environment import make
    from msemu.api.policy import Policy, load_policy
    from msemu.api.rollout import Rollout
    from msemu.api.tracking import Tracked, track

__version__ = "0.1.0"

_PLACES = {
    "make": "environment",
    "load_body": "bodies_and_clips",
    "load_clip": "bodies_and_clips",
    "static_optimization": "bodies_and_clips",
    "Policy": "policy",
    "load_policy": "policy",
    "Rollout": "rollout",
    "Tracked": "tracking",
    "track": "tracking",
}
__all__ = [
    "Policy",
    "Rollout",
    "Tracked",
    "load_body",
    "load_clip",
    "load_policy",
    "make",
    "static_optimization",
    "track",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"msemu.api.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_PLACES]
