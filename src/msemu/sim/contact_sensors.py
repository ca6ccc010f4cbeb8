"""Where a model's contact sensors write."""

import mujoco

from msemu.sim.simulation import CONTACT_SENSOR_PREFIX


def contact_sensors(model: mujoco.MjModel) -> tuple[tuple[str, ...], int]:
    """Find the sensors of net contact force, which follow one another with three numbers each.

    Returns:
        The regions that they measure, and where in ``sensordata`` the first one stands.
    """
    sensors = [model.sensor(i) for i in range(model.nsensor)]
    sensors = [sensor for sensor in sensors if sensor.name.startswith(CONTACT_SENSOR_PREFIX)]
    start = int(sensors[0].adr[0]) if sensors else 0
    if [int(sensor.adr[0]) for sensor in sensors] != [start + 3 * i for i in range(len(sensors))]:
        raise ValueError("the contact sensors of a body must follow one another and hold three numbers each")
    return tuple(sensor.name.removeprefix(CONTACT_SENSOR_PREFIX) for sensor in sensors), start
