"""Tasks for learners that know gymnasium: importing this makes every task an id of it.

``gymnasium.make_vec("msemu.gymnasium:Msemu-Walk-MyoLegs-v0", num_envs=64)`` imports it by itself. torch and MuJoCo are
loaded when an environment is made.
"""

import gymnasium

from msemu.registry import list_tasks

for _task in list_tasks():
    gymnasium.register(
        _task.id,
        entry_point=f"{__name__}.environments:SingleEnv",
        vector_entry_point=f"{__name__}.environments:TaskVectorEnv",
        kwargs={"task": _task.id},
    )
