"""Which action head a policy has."""

from rsl_rl.models import MLPModel

from msemu.errors import MsemuError


def head_name(actor: MLPModel) -> str:
    """Name of an actor's head, as a checkpoint holds it."""
    return type(getattr(actor, "distribution", None)).__name__


def expect_head(actor: MLPModel, stored: str | None, path: str) -> None:
    """Refuse a checkpoint of another head.

    Args:
        actor: The actor that shall be loaded.
        stored: `head_name` in the checkpoint; none in those of before there were several.
        path: The checkpoint, for the message.

    Raises:
        MsemuError: The heads differ; the message names both.
    """
    if stored is not None and stored != head_name(actor):
        raise MsemuError(
            f"{path} holds a policy with the action head {stored}, not {head_name(actor)}; use one of the same agent"
        )
