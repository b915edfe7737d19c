"""A small body of our own, written as MyoConverter writes those of OpenSim."""

_POINT = """<body name="{muscle}-P2">
  <joint name="{muscle}-P2_x" type="slide" axis="1 0 0" range="0 .08"/>
  <geom size=".0005" contype="2" conaffinity="2"/> <site name="{muscle}-P2"/>
</body>"""
# Frames of OpenSim: x forward, y up, z to the right. The knee bends to negative angles.
_LEG = """
<body name="femur_{s}" pos="-.07 -.07 {z}">
  <inertial pos="0 -.17 0" mass="9" diaginertia=".14 .03 .14"/>
  <joint name="hip_flexion_{s}" axis="0 0 1" range="-1 2"/>
  <joint name="hip_adduction_{s}" axis="{side} 0 0" range="-.8 .5"/>
  <geom name="femur_{s}_geom" type="capsule" fromto="0 0 0 0 -.38 0" size=".05"/>
  <site name="femur_{s}-front" pos=".04 -.1 0"/> <site name="femur_{s}-back" pos="-.04 -.1 0"/>
  <site name="femur_{s}-outer" pos="0 -.05 {out}"/> <site name="femur_{s}-inner" pos="0 -.2 {inner}"/>
  <body name="tibia_{s}">
    <inertial pos="0 -.19 0" mass="3.7" diaginertia=".05 .005 .05"/>
    <joint name="knee_{s}_translation2" axis="0 1 0" type="slide" range="-.43 -.39"/>
    <joint name="knee_angle_{s}" axis="0 0 1" range="-2 .17"/>
    <geom name="tibia_{s}_geom" type="capsule" fromto="0 -.03 0 0 -.4 0" size=".04"/>
    <site name="tibia_{s}-front" pos=".04 -.06 0"/> <site name="tibia_{s}-back" pos="-.03 -.05 0"/>
    <site name="tibia_{s}-calf" pos="-.01 -.15 0"/> <site name="tibia_{s}-shin" pos=".03 -.2 0"/>
    <body name="talus_{s}" pos="0 -.43 0">
      <inertial pos="0 0 0" mass=".1" diaginertia=".001 .001 .001"/>
      <joint name="ankle_angle_{s}" axis="0 0 1" range="-.9 .9"/>
      <body name="calcn_{s}" pos="-.05 -.04 0">
        <inertial pos=".1 .03 0" mass="1.2" diaginertia=".001 .004 .004"/>
        <geom name="calcn_{s}_geom" type="box" pos=".08 0 0" size=".09 .02 .04"/>
        <site name="calcn_{s}-heel" pos="0 .03 0"/> <site name="calcn_{s}-top" pos=".12 .03 0"/>
        <body name="toes_{s}" pos=".18 0 0">
          <inertial pos=".03 0 0" mass=".2" diaginertia=".0002 .0002 .0002"/>
          <geom name="toes_{s}_geom" type="box" pos=".03 0 0" size=".03 .015 .04"/>
        </body>
      </body>
    </body>
  </body>
  {point}
</body>"""
_PATHS = {
    "iliopsoas": ("pelvis-front_{s}", "femur_{s}-front"),
    "glut_max": ("pelvis-back_{s}", "femur_{s}-back"),
    "glut_med": ("pelvis-outer_{s}", "femur_{s}-outer"),
    "adductors": ("pelvis-inner_{s}", "femur_{s}-inner"),
    "hamstrings": ("pelvis-back_{s}", "tibia_{s}-back"),
    "vasti": ("femur_{s}-front", "vasti_{s}-P2", "tibia_{s}-front"),
    "gastroc": ("femur_{s}-back", "calcn_{s}-heel"),
    "soleus": ("tibia_{s}-calf", "calcn_{s}-heel"),
    "tib_ant": ("tibia_{s}-shin", "calcn_{s}-top"),
}
_SITES = """<site name="pelvis-front_{s}" pos=".04 .02 {z}"/>
<site name="pelvis-back_{s}" pos="-.16 .02 {z}"/>
<site name="pelvis-outer_{s}" pos="-.07 .06 {far}"/> <site name="pelvis-inner_{s}" pos="-.05 -.08 0"/>"""
_GEOMS = ("femur", "tibia", "calcn", "toes")


def converted_model() -> str:
    """MJCF of a trunk and two legs, of nine muscles each."""
    sides = {"r": 1, "l": -1}
    legs, sites, pairs, equalities, tendons, muscles = "", "", "", "", "", ""
    for s, sign in sides.items():
        point = _POINT.format(muscle=f"vasti_{s}")
        legs += _LEG.format(s=s, side=sign, z=0.08 * sign, out=0.05 * sign, inner=-0.03 * sign, point=point)
        sites += _SITES.format(s=s, z=0.08 * sign, far=0.12 * sign)
        pairs += "".join(f'<pair geom1="ground-plane" geom2="{name}_{s}_geom"/>' for name in _GEOMS)
        equalities += "".join(
            f'<joint joint1="{bound}" joint2="knee_angle_{s}" polycoef="{coef}" '
            'solimp=".9999 .9999 .001 .5 2"/>'
            for bound, coef in (
                (f"knee_{s}_translation2", "-.4 .003 -.005 0 0"),
                (f"vasti_{s}-P2_x", ".05 -.005 0 0 0"),
            )
        )
        for name, path in _PATHS.items():
            through = "".join(f'<site site="{site.format(s=s)}"/>' for site in path)
            tendons += f'<spatial name="{name}_{s}_tendon">{through}</spatial>'
            muscles += (
                f'<general name="{name}_{s}" class="muscle" tendon="{name}_{s}_tendon" '
                'lengthrange=".1 .6" gainprm=".1 1.5 2000 1 0 2 10 1.2 1.4 0" '
                'biasprm=".1 1.5 2000 1 0 2 10 1.2 1.4 0"/>'
            )
    return f"""<mujoco model="template">
  <compiler angle="radian" autolimits="true"/>
  <option timestep="0.005" collision="predefined"/>
  <size njmax="1000" nconmax="400" nkey="1" nuser_jnt="1"/>
  <default class="main">
    <joint limited="true" armature="1e-05" damping="0.05"/> <geom margin="0.001"/>
    <default class="muscle">
      <general ctrllimited="true" ctrlrange="0 1" dyntype="muscle" gaintype="muscle" biastype="muscle"
               dynprm="0.01 0.04 0 0 0 0 0 0 0 0"/>
    </default>
  </default>
  <worldbody>
    <body name="ground" quat="0.707035 0.707179 0 0">
      <geom name="ground-plane" size="10 10 0.125" quat="0.707035 -0.707179 0 0" type="plane"/>
    </body>
    <body name="pelvis" quat="0.707035 0.707179 0 0">
      <inertial pos="-.07 0 0" mass="12" diaginertia=".1 .09 .06"/>
      <joint name="pelvis_tx" axis="1 0 0" type="slide" range="-5 5"/>
      <joint name="pelvis_ty" axis="0 1 0" type="slide" range="-1 2" user="0.95"/>
      <joint name="pelvis_tz" axis="0 0 1" type="slide" range="-3 3"/>
      <joint name="pelvis_tilt" axis="0 0 1" range="-1.57 1.57"/>
      <joint name="pelvis_list" axis="1 0 0" range="-1.57 1.57"/>
      <joint name="pelvis_rotation" axis="0 1 0" range="-1.57 1.57"/>
      {sites}
      {legs}
      <body name="torso" pos="-.1 .08 0">
        <inertial pos="-.03 .3 0" mass="34" diaginertia="1.5 .8 1.4"/>
        <geom name="torso_geom" type="capsule" fromto="0 0 0 0 .5 0" size=".1"/>
      </body>
    </body>
  </worldbody>
  <contact>{pairs}</contact>
  <equality>{equalities}</equality>
  <tendon>{tendons}</tendon>
  <actuator>{muscles}</actuator>
  <keyframe><key name="default-pose" qpos="0 .95{" 0" * 18}"/></keyframe>
</mujoco>
"""
