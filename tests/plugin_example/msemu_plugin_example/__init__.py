"""Two entry points: one that registers a body and a task with terms of its own, and one that fails."""

from pathlib import Path

from msemu.registry import TaskSpec, register_body, register_task


def register() -> None:
    """Register the plug-in's body, and with it a walk on it, and the plug-in's task."""
    register_body(Path(__file__).with_name("braced_legs.yaml"), origin="msemu-plugin-example")
    register_task(
        TaskSpec(
            id="Example-TiptoeWalk-MyoLegs-v0",
            config=Path(__file__).with_name("tiptoe_walk.yaml"),
            summary="a walk that is rewarded for high heels",
            origin="msemu-plugin-example",
        )
    )


def register_what_fails() -> None:
    """Fail, as a plug-in with a bug does."""
    raise RuntimeError("this plug-in is broken on purpose")
