"""Somebody's muscle model, as small as can walk: 12 muscles, knees that glide, a cylinder to wrap over, a mesh."""

from pathlib import Path

import mujoco

_LEG = """
<body name="femur_{s}" pos="0 {y} -0.05">
  <joint name="hip_flexion_{s}" axis="0 -1 0" range="-0.6 1.6"/>
  <joint name="hip_adduction_{s}" axis="{a} 0 0" range="-0.5 0.5"/>
  <geom type="capsule" fromto="0 0 -0.03 0 0 -0.38" size="0.06" mass="8"/>
  <site name="thigh_front_{s}" pos="0.05 0 -0.2"/>
  <site name="thigh_back_{s}" pos="-0.05 0 -0.2"/>
  <geom name="condyle_{s}" class="wrap" type="cylinder" size="0.035 0.05" pos="0 0 -0.4" euler="1.5708 0 0"/>
  <site name="before_condyle_{s}" pos="0.08 0 -0.4"/>
  <body name="tibia_{s}" pos="0 0 -0.42">
    <joint name="knee_shift_{s}" type="slide" axis="1 0 0" range="-0.02 0.02"/>
    <joint name="knee_angle_{s}" axis="0 1 0" range="0 1.9" pos="0 0 0.01"/>
    <geom type="capsule" fromto="0 0 -0.05 0 0 -0.35" size="0.045" mass="3.5"/>
    <site name="shin_front_{s}" pos="0.04 0 -0.07"/>
    <site name="shin_back_{s}" pos="-0.04 0 -0.07"/>
    <site name="calf_{s}" pos="-0.04 0 -0.15"/>
    <site name="shin_{s}" pos="0.045 0 -0.2"/>
    <body name="foot_{s}" pos="0 0 -0.4">
      <joint name="ankle_angle_{s}" axis="0 -1 0" range="-0.7 0.6"/>
      <geom name="sole_{s}" type="box" size="0.12 0.04 0.02" pos="0.06 0 -0.06" mass="1"/>
      <site name="heel_{s}" pos="-0.05 0 -0.05"/>
      <site name="instep_{s}" pos="0.09 0 -0.02"/>
    </body>
  </body>
</body>"""
_ARM = """
<body name="humerus_{s}" pos="0 {y} 0.42">
  <joint name="shoulder_flexion_{s}" axis="0 -1 0" range="-1 2.5"/>
  <geom type="capsule" fromto="0 0 0 0 0 -0.28" size="0.04" mass="2" class="seen"/>
  <body name="forearm_{s}" pos="0 0 -0.3">
    <joint name="elbow_flexion_{s}" axis="0 -1 0" range="0 2.4"/>
    <geom type="capsule" fromto="0 0 0 0 0 -0.22" size="0.03" mass="1.2" class="seen"/>
    <body name="hand_{s}" pos="0 0 -0.25">
      <geom type="sphere" size="0.04" pos="0 0 -0.06" mass="0.5" class="seen"/>
    </body>
  </body>
</body>"""
_MODEL = """
<mujoco model="walker">
  <compiler angle="radian" autolimits="true"/>
  <default>
    <joint armature="0.01" damping="0.5"/>
    <default class="wrap"><geom contype="0" conaffinity="0" group="3" mass="0"/></default>
    <default class="seen"><geom contype="0" conaffinity="0"/></default>
  </default>
  <asset><mesh name="bone" vertex="0 0 0  0.1 0 0  0 0.1 0  0 0 0.1  -0.05 -0.05 0.05"/></asset>
  <worldbody>
    <body name="pelvis" pos="0 0 1" quat="1 0 0 -1">
      <freejoint/>
      <geom type="capsule" fromto="0 -0.08 0 0 0.08 0" size="0.09" mass="10"/>
      {pelvis_sites}
      {legs}
      <body name="torso" pos="0 0 0.1">
        <joint name="lumbar_extension" axis="0 -1 0" range="-0.8 0.4"/>
        <geom type="capsule" fromto="0 0 0.05 0 0 0.35" size="0.12" mass="25"/>
        <geom type="mesh" mesh="bone" pos="0 0 0.2" mass="0.2" class="seen"/>
        {arms}
        <body name="head" pos="0 0 0.5">
          <geom type="sphere" size="0.1" pos="0 0 0.12" mass="5"/>
          <geom type="mesh" mesh="bone" pos="0 0 0.1" mass="0.1" class="seen"/>
        </body>
      </body>
    </body>
  </worldbody>
  <equality>{couplings}</equality>
  <tendon>{tendons}</tendon>
  <actuator>{muscles}</actuator>
</mujoco>"""
_PATHS = {
    "iliopsoas": ("hip_front", "thigh_front"),
    "glutei": ("hip_back", "thigh_back"),
    "vasti": ("thigh_front", "condyle:before_condyle", "shin_front"),
    "hamstrings": ("hip_back", "shin_back"),
    "soleus": ("calf", "heel"),
    "tibialis": ("shin", "instep"),
}


def write_walker(folder: Path, name: str = "walker.xml") -> Path:
    """Write the model, which faces -y, and return its file."""
    path = folder / name
    path.write_text(walker_xml())
    return path


def walker_xml() -> str:
    """The model, its muscles as long in the zero pose as fibers of greatest force make them."""
    bare = _filled("")
    model = mujoco.MjModel.from_xml_string(bare)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    muscles = []
    for index, length in enumerate(data.ten_length):
        tendon = model.tendon(index).name
        ends = f"{length - 0.05:.4f} {length + 0.05:.4f}"
        muscles.append(f'<muscle name="{tendon}" tendon="{tendon}" lengthrange="{ends}" force="3000"/>')
    return _filled("".join(muscles))


def _filled(muscles: str) -> str:
    sides = (("r", -0.09, 1), ("l", 0.09, -1))
    sites = [
        f'<site name="hip_front_{s}" pos="0.07 {y} 0.05"/><site name="hip_back_{s}" pos="-0.09 {y} 0"/>'
        for s, y, _ in sides
    ]
    couplings = [f'<joint joint1="knee_shift_{s}" joint2="knee_angle_{s}" polycoef="0 0.01 -0.004 0 0"/>' for s in "rl"]
    tendons = [
        f'<spatial name="{name}_{s}">{"".join(_step(part, s) for part in path)}</spatial>'
        for name, path in _PATHS.items()
        for s in "rl"
    ]
    return _MODEL.format(
        pelvis_sites="".join(sites),
        legs="".join(_LEG.format(s=s, y=y, a=a) for s, y, a in sides),
        arms="".join(_ARM.format(s=s, y=2.2 * y) for s, y, _ in sides),
        couplings="".join(couplings),
        tendons="".join(tendons),
        muscles=muscles,
    )


def _step(part: str, side: str) -> str:
    geom, _, site = part.partition(":")
    if site:
        return f'<geom geom="{geom}_{side}" sidesite="{site}_{side}"/>'
    return f'<site site="{part}_{side}"/>'
