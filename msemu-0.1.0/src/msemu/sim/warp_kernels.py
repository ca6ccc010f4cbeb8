"""The small kernels around MuJoCo Warp's own."""

import warp as wp

wp.set_module_options({"enable_backward": False})


@wp.kernel(enable_backward=False)
def set_state(
    mask_in: wp.array(dtype=bool),
    qpos_in: wp.array2d(dtype=float),
    qvel_in: wp.array2d(dtype=float),
    qpos_out: wp.array2d(dtype=float),
    qvel_out: wp.array2d(dtype=float),
    qacc_out: wp.array2d(dtype=float),
    qacc_warmstart_out: wp.array2d(dtype=float),
    time_out: wp.array(dtype=float),
):
    """Give the environments in the mask a state, and take away what the solver remembers of the last one."""
    worldid = wp.tid()
    if not mask_in[worldid]:
        return
    time_out[worldid] = 0.0
    for i in range(qpos_out.shape[1]):
        qpos_out[worldid, i] = qpos_in[worldid, i]
    for i in range(qvel_out.shape[1]):
        qvel_out[worldid, i] = qvel_in[worldid, i]
        qacc_out[worldid, i] = 0.0
        qacc_warmstart_out[worldid, i] = 0.0


@wp.kernel(enable_backward=False)
def clear_measurements(
    mask_in: wp.array(dtype=bool),
    sensordata_out: wp.array2d(dtype=float),
    unstable_out: wp.array(dtype=bool),
):
    """Forget what the last step measured of the environments in the mask."""
    worldid = wp.tid()
    if not mask_in[worldid]:
        return
    unstable_out[worldid] = False
    for i in range(sensordata_out.shape[1]):
        sensordata_out[worldid, i] = 0.0


@wp.kernel(enable_backward=False)
def find_unstable(
    max_joint_speed_in: float,
    max_coordinate_in: float,
    qpos_in: wp.array2d(dtype=float),
    qvel_in: wp.array2d(dtype=float),
    unstable_out: wp.array(dtype=bool),
):
    """Mark the environments that are not finite, too fast or too far away."""
    worldid = wp.tid()
    # Comparisons with a value that is not a number are false, so this finds those as well.
    valid = wp.abs(qpos_in[worldid, 0]) < max_coordinate_in
    for i in range(1, qpos_in.shape[1]):
        valid = valid and wp.abs(qpos_in[worldid, i]) < max_coordinate_in
    for i in range(qvel_in.shape[1]):
        valid = valid and wp.abs(qvel_in[worldid, i]) < max_joint_speed_in
    unstable_out[worldid] = not valid


@wp.kernel(enable_backward=False)
def record_demand(
    num_contacts_in: wp.array(dtype=int),
    num_candidates_in: wp.array(dtype=int),
    num_constraints_in: wp.array(dtype=int),
    contacts_out: wp.array(dtype=int),
    constraints_out: wp.array(dtype=int),
):
    """Keep the greatest numbers of contacts (of all environments together) and of constraints (of each)."""
    worldid = wp.tid()
    if worldid == 0:
        contacts_out[0] = wp.max(contacts_out[0], wp.max(num_contacts_in[0], num_candidates_in[0]))
    constraints_out[worldid] = wp.max(constraints_out[worldid], num_constraints_in[worldid])


@wp.kernel(enable_backward=False)
def spread_moment_arms(
    row_length_in: wp.array2d(dtype=int),
    row_start_in: wp.array2d(dtype=int),
    column_in: wp.array2d(dtype=int),
    moment_arm_in: wp.array2d(dtype=float),
    moment_arm_out: wp.array3d(dtype=float),
):
    """Write sparse rows of moment arms into a dense array that is zero."""
    worldid, muscleid = wp.tid()
    start = row_start_in[worldid, muscleid]
    for i in range(start, start + row_length_in[worldid, muscleid]):
        moment_arm_out[worldid, muscleid, column_in[worldid, i]] = moment_arm_in[worldid, i]
