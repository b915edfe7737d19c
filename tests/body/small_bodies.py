"""Small MJCF bodies, written as text."""

# Facing +X: +Y is its left. The knee pulls a patella along; the waist bends sideways.
BIPED = """
<mujoco model="biped">
  <compiler angle="radian"/>
  <worldbody>
    {floor}
    <body name="pelvis" pos="0 0 1">
      <freejoint/>
      <geom type="box" size=".1 .1 .1" mass="10"/>
      <body name="chest" pos="0 0 .3">
        <joint name="waist" axis="1 0 0" range="-1 1"/>
        <geom type="sphere" size=".1" mass="5"/>
      </body>
      <body name="thigh_r" pos="0 -.1 0">
        <joint name="hip_r" axis="1 0 0" ref=".1"/>
        <geom type="capsule" fromto="0 0 0 0 0 -.4" size=".04"/>
        <body name="calcn_r" pos="0 0 -.5">
          <joint name="knee_angle_r" axis="0 1 0" range="0 2" ref=".3"/>
          <geom type="capsule" fromto="0 0 0 0 0 -.4" size=".03"/>
        </body>
        <body name="patella_r" pos=".05 0 -.5">
          <joint name="patella_r" type="slide" axis="1 0 0" ref=".02"/>
          <geom type="sphere" size=".01"/>
        </body>
      </body>
      <body name="thigh_l" pos="0 .1 0">
        <joint name="hip_l" axis="-1 0 0" ref=".1"/>
        <geom type="capsule" fromto="0 0 0 0 0 -.4" size=".04"/>
        <body name="calcn_l" pos="0 0 -.5">
          <joint name="knee_angle_l" axis="0 1 0" range="0 2"/>
          <geom type="capsule" fromto="0 0 0 0 0 -.4" size=".03"/>
        </body>
      </body>
    </body>
  </worldbody>
  <equality>
    <joint joint1="patella_r" joint2="knee_angle_r" polycoef=".01 .5 -.3 .2 .1"/>
    {equality}
  </equality>
</mujoco>
"""
FLOOR = '<geom type="plane" size="0 0 1"/>'


def biped(floor: str = FLOOR, equality: str = "") -> str:
    """MJCF of a body with a waist, two legs, and a patella on the right one."""
    return BIPED.format(floor=floor, equality=equality)
