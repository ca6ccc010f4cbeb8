"""Bones, muscle paths and colors of the viewer against MuJoCo and closed forms."""

import mujoco
import numpy as np
import pytest
import trimesh

from msemu.models import load_body
from msemu.viewer.camera import Camera
from msemu.viewer.geometry import bone_meshes, contact_meshes
from msemu.viewer.page.playback import Playback
from msemu.viewer.palette import activation_colors
from msemu.viewer.pose import Poser
from msemu.viewer.simplification import simplify


@pytest.fixture(scope="module")
def body():
    return load_body("myofullbody")


def random_pose(body, seed):
    rng = np.random.default_rng(seed)
    qpos = body.neutral_qpos.copy()
    limited = np.flatnonzero(body.model.jnt_limited)
    low, high = body.model.jnt_range[limited].T
    qpos[body.model.jnt_qposadr[limited]] = rng.uniform(low, high)
    return body.couplings.project(qpos)


@pytest.mark.parametrize("seed", range(4))
def test_muscle_paths_have_mujocos_lengths(body, seed):
    """Drawn length equals tendon length; four chords for an arc may fall short, by 1 - sinc(1/8)."""
    qpos = random_pose(body, seed)
    pose = Poser(body.model).pose(qpos)
    data = mujoco.MjData(body.model)
    data.qpos[:] = qpos
    mujoco.mj_forward(body.model, data)
    tendon = body.model.actuator_trnid[:, 0]
    expected = data.ten_length[tendon]

    pieces = np.linalg.norm(pose.segments[:, 1] - pose.segments[:, 0], axis=1)
    drawn = np.bincount(pose.segment_muscle, pieces, minlength=body.num_muscles)
    adr, num = data.ten_wrapadr, data.ten_wrapnum
    surface = data.wrap_obj.reshape(-1)
    wraps = np.array([(surface[adr[t] : adr[t] + num[t]] >= 0).any() for t in tendon])
    assert wraps.any() and not wraps.all()
    np.testing.assert_allclose(drawn[~wraps], expected[~wraps], atol=1e-6)
    shortfall = expected[wraps] - drawn[wraps]
    assert shortfall.min() > -1e-6
    assert (shortfall / expected[wraps]).max() < 1 - np.sinc(1 / 8)


def test_no_pose_exceeds_the_largest_number_of_segments(body):
    poser = Poser(body.model)
    assert all(len(poser.pose(random_pose(body, seed)).segments) <= poser.max_segments for seed in range(10))


def test_bones_lie_where_mujoco_has_them(body):
    """The simplified surface stays within a few cells of MuJoCo's vertices, also on welded bodies."""
    from scipy.spatial import cKDTree

    cell = 0.012
    for name in ("myofullbody", "myolegs"):
        model = load_body(name).model
        data = mujoco.MjData(model)
        data.qpos[:] = load_body(name).neutral_qpos
        mujoco.mj_kinematics(model, data)
        original = []
        for geom in np.flatnonzero((model.geom_type == mujoco.mjtGeom.mjGEOM_MESH) & (model.geom_group < 3)):
            mesh = model.mesh(model.geom_dataid[geom])
            vertices = model.mesh_vert[mesh.vertadr[0] : mesh.vertadr[0] + mesh.vertnum[0]]
            original.append(vertices @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom])
        meshes = bone_meshes(model, cell)
        rotation = data.xmat.reshape(-1, 3, 3)
        drawn = np.concatenate([m.vertices @ rotation[m.body_id].T + data.xpos[m.body_id] for m in meshes])
        distance, _ = cKDTree(np.concatenate(original)).query(drawn)
        assert distance.max() < 2 * cell
        far, _ = cKDTree(drawn).query(np.concatenate(original))
        assert far.max() < 2 * cell
        assert sum(len(m.faces) for m in meshes) < model.nmeshface / 5
        assert len({m.body_id for m in meshes}) == len(meshes)


def test_simplification_keeps_a_sphere_and_a_cube():
    sphere = trimesh.creation.icosphere(subdivisions=5, radius=0.1)
    vertices, faces = simplify(np.asarray(sphere.vertices), np.asarray(sphere.faces), 0.03)
    assert len(faces) < len(sphere.faces) / 20
    assert trimesh.Trimesh(vertices, faces).volume == pytest.approx(sphere.volume, rel=0.05)

    cube = trimesh.creation.box(extents=(0.1, 0.1, 0.1))
    for _ in range(4):
        cube = cube.subdivide()
    vertices, faces = simplify(np.asarray(cube.vertices), np.asarray(cube.faces), 0.03)
    assert len(faces) < len(cube.faces) / 10
    # Quadrics put the merged vertex on the edges and corners; averaging alone would round them off.
    assert np.abs(vertices).max(axis=0) == pytest.approx([0.05] * 3, abs=1e-6)
    assert trimesh.Trimesh(vertices, faces).volume == pytest.approx(0.001, rel=0.01)


def test_surfaces_face_outwards(body):
    """Signed volumes are positive and survive simplification; normals agree with the triangles."""
    coarse = {mesh.name: mesh for mesh in bone_meshes(body.model, 0.012)}
    fine = {mesh.name: mesh for mesh in bone_meshes(body.model, 1e-6)}
    for name in ("femur_r", "tibia_l", "humerus_r"):
        mesh = trimesh.Trimesh(coarse[name].vertices, coarse[name].faces, process=False)
        assert mesh.volume > 0
        assert mesh.volume == pytest.approx(trimesh.Trimesh(fine[name].vertices, fine[name].faces).volume, rel=0.1)
        agreement = np.einsum("fi,fci->fc", mesh.face_normals, coarse[name].normals[mesh.faces])
        assert (agreement > 0).mean() > 0.95


def test_contact_shapes_reach_as_far_as_the_geoms(body):
    model = body.model
    geoms = np.concatenate(list(body.contact_regions.values()))
    capsules = geoms[model.geom_type[geoms] == mujoco.mjtGeom.mjGEOM_CAPSULE]
    for geom in capsules[:5]:
        (mesh,) = contact_meshes(model, np.array([geom]))
        extent = np.linalg.norm(mesh.vertices[:, None] - mesh.vertices[None], axis=-1).max()
        assert extent == pytest.approx(2 * model.geom_size[geom, :2].sum(), rel=0.02)


def test_activation_runs_from_dark_blue_to_red():
    rest, full = activation_colors(np.array([0.0, 1.0]))
    assert rest[2] > rest[0] and rest.max() < 0.5
    assert full[0] > 0.95 and full[1:].max() < 0.2
    ramp = activation_colors(np.linspace(0, 1, 101))
    assert (np.diff(ramp[:, 0]) > 0).all(), "red rises all the way"
    np.testing.assert_array_equal(activation_colors(np.array([-1.0, 2.0])), [rest, full])


def test_camera_projects_as_a_pinhole():
    camera = Camera(np.array([1.0, 2.0, 1.0]), azimuth_deg=90.0, distance_m=4.0)
    np.testing.assert_allclose(camera.project(camera.lookat, 640, 480), [320, 240, 4.0])
    right, up, forward = camera.axes()
    np.testing.assert_allclose(right, [1, 0, 0], atol=1e-12)
    half_height = 4.0 * np.tan(np.radians(15.0))
    np.testing.assert_allclose(camera.project(camera.lookat + half_height * up, 640, 480), [320, 0, 4.0], atol=1e-9)
    np.testing.assert_allclose(camera.position + 4.0 * forward, camera.lookat)


def test_playback_loops_stops_and_seeks():
    playback = Playback(num_frames=50, fps=50.0)
    playback.advance(0.5)
    assert playback.frame == 25
    playback.speed = 2.0
    playback.advance(0.3)
    assert playback.frame == 5, "looped"
    playback.loop = False
    playback.advance(10.0)
    assert playback.frame == 49 and not playback.playing
    playback.play()
    assert playback.frame == 0 and playback.playing
    playback.playing = False
    playback.seek(7)
    playback.advance(1.0)
    assert playback.frame == 7
