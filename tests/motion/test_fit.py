import dataclasses

import numpy as np
import pytest

from batchenv.body import load_body
from batchenv.errors import InputError
from batchenv.motion import Clip, common_clip, fit_clip
from batchenv.motion.cycles import cut, foot_contacts, gait_cycle, looped, strikes
from batchenv.motion.floor import feet_of, on_floor
from batchenv.motion.mirror import mirrored
from batchenv.motion.retarget import GROUPS, _turns
from batchenv.motion.rotations import rotation_about
from batchenv.motion.segments import axis_of


@pytest.fixture(scope="module")
def march(body) -> Clip:
    """Two seconds of a body whose straight legs swing like scissors, 0.8 s a stride.

    A leg of length l that stands turns by q(t) about the foot: the pelvis is l sin(q) ahead of it.
    """
    time = np.linspace(0.0, 2.0, 201)
    phase = (time / 0.8) % 1.0
    # Triangles, the left leg half a cycle later: from 0.3 rad ahead to 0.3 behind, and back.
    right = 0.3 * (4 * np.abs(phase - 0.5) - 1)
    joints = np.zeros((201, 14))
    names = body.joint_names
    joints[:, names.index("hip_flexion_r")], joints[:, names.index("hip_flexion_l")] = right, -right
    # The foot of the leg that swings is out of the way.
    for side, moves in (("r", phase > 0.5), ("l", phase <= 0.5)):
        joints[moves, names.index(f"knee_angle_{side}")] = 0.5
    leg = 0.85
    standing = np.where(phase <= 0.5, right, -right)
    step = -np.diff(leg * np.sin(standing), prepend=leg * np.sin(0.3))
    way = np.cumsum(np.where(step > 0, step, 0.0))
    return Clip(
        times=time,
        joint_names=names,
        joint_pos=joints,
        root_pos=np.stack([way / 0.8, 0 * way, 1.3 + 0 * way], axis=1),
        root_quat=np.tile([1.0, 0.0, 0.0, 0.0], (201, 1)),
        source="march",
    )


def test_the_way_of_the_root_is_scaled_until_feet_do_not_slide(body, march):
    fitted = fit_clip(march, body)
    way = np.linalg.norm(np.diff(fitted.root_pos[[0, -1]], axis=0))
    # The march was made 1 / 0.8 times as long as it is with these legs, whose joint to the heel is 0.85 m.
    assert way / march.root_pos[-1, 0] == pytest.approx(0.8, abs=0.03)
    feet = feet_of(body, fitted.root_pos, fitted.root_quat, fitted.joint_pos)
    assert on_floor(feet) == pytest.approx(0.0, abs=1e-9)
    contacts = foot_contacts(fitted, body)
    # 1.2 and 0.8 s of 2 s, less the ends of each step, where a stiff leg is 4 cm lower.
    assert contacts.mean(axis=0) == pytest.approx([0.5, 0.3], abs=0.05)


def test_strikes_are_where_a_foot_is_furthest_ahead(body, march):
    fitted = fit_clip(march, body)
    right, left = strikes(fitted, body)
    assert fitted.times[right] == pytest.approx([0.8, 1.6], abs=0.03)
    assert fitted.times[left] == pytest.approx([0.4, 1.2, 2.0][: len(left)], abs=0.03)
    cycle = gait_cycle(fitted, body)
    assert (cycle.duration, cycle.loops) == (pytest.approx(0.8, abs=0.02), True)
    with pytest.raises(InputError, match="gait cycle 1; its right foot strikes 2 times, at 0.8"):
        gait_cycle(fitted, body, 1)
    still = dataclasses.replace(fitted, root_pos=0 * fitted.root_pos + [0.0, 0.0, 1.0])
    with pytest.raises(InputError, match="the root goes 0.00 m, and the clip has no forces"):
        strikes(still, body)
    loads = np.zeros((201, 2, 3))
    loads[50:90, 0, 2] = loads[90:130, 1, 2] = 700.0
    loaded = dataclasses.replace(still, forces={"grf": loads})
    assert [list(each) for each in strikes(loaded, body)] == [[50], [90]]
    assert foot_contacts(loaded, body).sum(axis=0).tolist() == [40, 40]


def test_ends_are_brought_together_and_travel_stays(stroll):
    part = cut(stroll, 5, 37)
    gap = part.joint_pos[-1] - part.joint_pos[0]
    near = dataclasses.replace(part, joint_pos=part.joint_pos - np.linspace(0, 0.9, 33)[:, None] * gap)
    loop = looped(near)
    assert loop.loops
    assert loop.joint_pos[0] == pytest.approx(loop.joint_pos[-1])
    on = loop.at([loop.duration, loop.duration + 1e-9])
    assert on.root_pos[0] == pytest.approx(loop.root_pos[-1], abs=1e-6)
    assert np.abs(on.root_quat[0] @ loop.root_quat[-1]) == pytest.approx(1.0)
    assert loop.root_pos[-1, :2] - loop.root_pos[0, :2] == pytest.approx(
        near.root_pos[-1, :2] - near.root_pos[0, :2]
    )
    with pytest.raises(InputError, match="a clip that loops begins and ends in the same pose"):
        looped(part)


def test_a_mirror_image_of_a_mirror_image_is_the_clip(body, stroll):
    image = mirrored(stroll)
    assert image.joint("knee_angle_l") == pytest.approx(stroll.joint("knee_angle_r"))
    assert image.joint("lumbar_bending") == pytest.approx(-stroll.joint("lumbar_bending"))
    assert image.joint("lumbar_extension") == pytest.approx(stroll.joint("lumbar_extension"))
    again = mirrored(image)
    assert again.joint_pos == pytest.approx(stroll.joint_pos)
    assert again.root_quat == pytest.approx(stroll.root_quat)
    # Feet of the body that follows the image are the images of its other feet.
    one, other = (fit_clip(each, body, scale=1.0) for each in (stroll, image))
    places = [feet_of(body, c.root_pos, c.root_quat, c.joint_pos).places for c in (one, other)]
    left = body.left
    reflected = places[1] - 2 * (places[1] @ left)[..., None] * left
    assert reflected[:, ::-1] == pytest.approx(places[0], abs=2e-3)  # the legs of myo_sim differ by that
    with pytest.raises(InputError, match="joint knee_angle_r has no twin knee_angle_l"):
        mirrored(dataclasses.replace(stroll, joint_names=("knee_angle_r",), joint_pos=np.zeros((41, 1))))


def test_what_does_not_fit_is_refused(body, stroll):
    fitted = fit_clip(stroll, body)
    with pytest.raises(InputError, match="the clip is fitted to myo_sim:myolegs already"):
        fit_clip(fitted, body)
    with pytest.raises(InputError, match="the clip is fitted to no body, not to myo_sim:myolegs"):
        common_clip(stroll, body)
    with pytest.raises(InputError, match="scale is 9; expected a number from 0.5 to 2"):
        fit_clip(stroll, body, scale=9)
    other = dataclasses.replace(stroll, joint_names=("neck",), joint_pos=np.zeros((41, 1)))
    with pytest.raises(
        InputError, match="none of its joints is one of the body.*It has neck; the body has hip_f"
    ):
        fit_clip(other, body)
    nothing = {"joint_names": (), "joint_pos": np.zeros((41, 0)), "markers": {"knee": stroll.root_pos}}
    with pytest.raises(InputError, match="it holds markers alone; find the joints with 'batchenv import'"):
        fit_clip(dataclasses.replace(stroll, **nothing), body)


@pytest.mark.slow
def test_arms_and_trunk_of_a_whole_body_turn_as_the_clip_says(stroll):
    whole = load_body("myo_sim:myofullbody", timestep=0.002)
    calm = dataclasses.replace(stroll, joint_pos=0.3 * stroll.joint_pos)
    arms = [name for name in calm.joint_names if name.startswith("arm_add")]
    columns = [calm.joint_names.index(name) for name in arms]
    joint_pos = calm.joint_pos.copy()
    joint_pos[:, columns] -= 0.4  # away from the trunk, where the shoulder of the body has its range
    calm = dataclasses.replace(calm, joint_pos=joint_pos)
    fitted = fit_clip(calm, whole)
    for group in GROUPS:
        angles = np.stack([calm.joint(name) for name in group.coordinates], axis=1)
        wanted = rotation_about(np.array([axis_of(name) for name in group.coordinates]), angles)
        assert _turns(whole, group, fitted.joint_pos) == pytest.approx(wanted, abs=1e-4)
    assert fitted.joint("elbow_flexion_r") == pytest.approx(calm.joint("elbow_flex_r"))
