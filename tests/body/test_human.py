"""Files of others: one human on a level floor, or an error that names the file and the offender."""

from pathlib import Path

import numpy as np
import pytest

from batchenv.body import Body, load_body, load_gait_cycle
from batchenv.body.gait_cycle import GaitCycle
from batchenv.errors import BodyError, InputError
from tests.body.small_bodies import FLOOR, biped

BALL = '<body name="ball" pos="3 3 1"><freejoint/><geom size=".1"/></body>'
DOOR = '<body name="door" pos="3 3 1"><joint name="door_hinge"/><geom size=".1"/></body>'
OTHER = (
    '<body name="other" pos="3 3 1"><freejoint/><geom size=".1"/>'
    '<body><joint name="elbow"/><geom size=".1"/></body></body>'
)
UPSIDE_DOWN = biped().replace("0 0 -.5", "0 0 .5").replace("0 0 -.4", "0 0 .4")
SITES = '<site name="a"/><body name="calcn_r" pos="0 0 -.5"><site name="b"/>'


def load(tmp_path: Path, text: str) -> Body:
    (tmp_path / "human.xml").write_text(text)
    return load_body(tmp_path / "human.xml", timestep=0.002)


def before(thing: str) -> str:
    return biped(floor=FLOOR + thing)


def behind(thing: str) -> str:
    return biped().replace("</worldbody>", thing + "</worldbody>")


def with_option(option: str) -> str:
    return biped().replace("<worldbody>", option + "<worldbody>")


def with_muscle(attributes: str, tag: str = "muscle") -> str:
    text = biped().replace('<body name="calcn_r" pos="0 0 -.5">', SITES)
    tendon = '<tendon><spatial name="t"><site site="a"/><site site="b"/></spatial></tendon>'
    actuator = f'<actuator><{tag} {attributes} tendon="t" lengthrange=".1 .9"/></actuator>'
    return text.replace("</mujoco>", tendon + actuator + "</mujoco>")


REFUSED = {
    "a free body before the human": (before(BALL), "that of 'pelvis'; body 'ball' has joints before it"),
    "a door before the human": (before(DOOR), "that of 'pelvis'; body 'door' has joints before it"),
    "two humans": (behind(OTHER), "bodies 'pelvis' and 'other' have a free joint and joints below it"),
    "no free joint": (biped().replace("<freejoint/>", ""), "free joint; it is 'waist', a hinge joint"),
    "a ball for a root": (
        biped().replace("<freejoint/>", '<joint name="root" type="ball"/>'),
        "free joint; it is 'root', a ball joint",
    ),
    "a slide for a root": (
        biped().replace("<freejoint/>", '<joint name="root_x" type="slide"/>'),
        "free joint; it is 'root_x', a slide joint",
    ),
    "no joint at all": (
        f'<mujoco><worldbody>{FLOOR}<body><geom size=".1"/></body></worldbody></mujoco>',
        "it has no joint",
    ),
    "no joint to move": (
        f"<mujoco><worldbody>{FLOOR}{BALL}</worldbody></mujoco>",
        "body 'ball', which has a free joint, has no hinge or slide joints",
    ),
    "a joint without a name": (biped().replace(' name="waist"', ""), "a joint of body 'chest' has no name"),
    "no floor": (biped(floor=""), "there is no floor; expected a geom of type plane"),
    "a box for a floor": (
        biped(floor='<geom name="ground" type="box" size="9 9 1" pos="0 0 -1"/>'),
        "there is no floor; expected a geom of type plane. Geoms that stand still: 'ground', box",
    ),
    "a floor at another height": (
        biped(floor='<geom type="plane" size="1 1 1" pos="0 0 -.2"/>'),
        "floor 'floor' is at a height of -0.2 m",
    ),
    "a floor that slopes": (
        biped(floor='<geom type="plane" size="1 1 1" euler=".2 0 0"/>'),
        "its normal is [0.0, -0.1987, 0.9801]; expected a level plane at z = 0",
    ),
    "no gravity": (with_option('<option gravity="0 0 0"/>'), "gravity is [0.0, 0.0, 0.0] m/s^2"),
    "gravity to the side": (with_option('<option gravity="0 -9.81 0"/>'), "expected it to point along -z"),
    "y that is up": (
        biped().replace('name="pelvis"', 'name="pelvis" euler="1.5708 0 0"'),
        "root 'pelvis' is tilted",
    ),
    "contacts switched off": (
        with_option('<option><flag contact="disable"/></option>'),
        "option flag contact is disabled",
    ),
    "bodies that sleep": (
        with_option('<option><flag sleep="enable"/></option>'),
        "option flag sleep is enabled",
    ),
    "endless iterations": (
        with_option('<option iterations="1000000000"/>'),
        "option iterations is 1000000000; expected at most 1000",
    ),
    "memory without end": (
        with_option('<size memory="4G"/>'),
        "a world needs 4295 MB for its contacts; expected at most 256 MB",
    ),
    "an axis without end": (
        biped().replace('axis="1 0 0" range="-1 1"', 'axis="inf 1 0" range="-1 1"'),
        "jnt_axis of the model holds",
    ),
    "a damping without end": (
        biped().replace('axis="1 0 0" range="-1 1"', 'axis="1 0 0" damping="1e300"'),
        "dof_damping of the model holds 1e+300; expected no number beyond 1e+09",
    ),
    "no mass": (biped().replace('mass="10"', 'mass="0"'), "mass and inertia of moving bodies must be larger"),
    "a huge mass": (
        biped().replace('mass="10"', 'mass="1e9"'),
        "the mass is 1e+09 kg; expected at most 10000",
    ),
    "a muscle that is disabled": (
        with_muscle('name="m" group="3"').replace(
            "<worldbody>", '<option actuatorgroupdisable="3"/><worldbody>'
        ),
        "muscle 'm' is disabled, its group 3 being one of actuatorgroupdisable",
    ),
    "half a muscle": (
        with_muscle('name="m" gaintype="muscle" gainprm=".7 1 9 200 .5 1.6 1.5 1.3 1.2"', "general"),
        "actuator 'm' has the gain of a muscle without its dynamics",
    ),
    "a muscle without a name": (with_muscle(""), "muscle 0, counted from 0, has no name"),
    "other sensors of our names": (
        with_muscle('name="m"').replace(
            "</mujoco>", '<sensor><touch name="grf_r" site="a"/></sensor></mujoco>'
        ),
        "the sensors grf_r and grf_l of the file are not the net contact forces",
    ),
    "a foot that is not part of the human": (
        behind('<body name="toes_r"><geom size=".1"/></body>'),
        "body 'toes_r' is not part of 'pelvis'",
    ),
    "a coupling to something else": (
        behind(DOOR).replace("</equality>", '<joint joint1="hip_l" joint2="door_hinge"/></equality>'),
        "joint 'hip_l' is bound to 'door_hinge', which is no joint of the human",
    ),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_file_that_holds_no_human_on_a_level_floor_is_refused(tmp_path: Path, text: str, message: str):
    with pytest.raises(BodyError) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith(f"skeleton file '{tmp_path}/human.xml': ")
    assert message in str(caught.value)


def test_things_behind_the_human_are_none_of_its_joints(tmp_path: Path):
    body = load(tmp_path, behind(BALL + DOOR))
    alone = load(tmp_path, biped())
    assert body.joint_names == alone.joint_names and body.mass == alone.mass
    assert body.model.body(body.root_body).name == "pelvis"
    qpos = body.qpos(np.zeros(3), np.array([1.0, 0, 0, 0]), np.zeros(5))
    assert qpos[-8:].tolist() == [3, 3, 1, 1, 0, 0, 0, 0]


def test_human_that_is_turned_about_the_vertical_has_its_left_in_its_own_frame(tmp_path: Path):
    turned = load(tmp_path, biped().replace('name="pelvis"', 'name="pelvis" euler="0 0 1.5708"'))
    assert turned.left.tolist() == [0, 1, 0] and turned.forward.tolist() == [1, 0, 0]


def test_floor_may_be_part_of_a_body_that_stands_still_and_of_another_name(tmp_path: Path):
    body = load(tmp_path, biped(floor=f'<body name="ground">{FLOOR}</body>').replace("chest", "floor"))
    assert body.model.geom(body.floor_geom).name == "floor" and body.grf_sensor_adr.tolist() == [0, 3]


def test_plane_called_floor_is_the_floor_whatever_comes_before_it(tmp_path: Path):
    wall = '<geom name="wall" type="plane" size="1 1 1" zaxis="0 -1 0" pos="0 9 0"/>'
    body = load(tmp_path, biped(floor=wall + FLOOR.replace("<geom", '<geom name="floor"')))
    assert body.model.geom(body.floor_geom).name == "floor" and body.floor_geom == 1


def walk(tmp_path: Path, text: str) -> GaitCycle:
    wave = 0.3 * np.sin(2 * np.pi * np.arange(21) / 20)
    rows = [f"{5 * k},{value}" for k, value in enumerate(wave)]
    (tmp_path / "gait.csv").write_text("\n".join(["phase_pct,knee_angle_rad", *rows]))
    return load_gait_cycle(tmp_path / "gait.csv", load(tmp_path, text), period=1.0, speed=1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (biped().replace("calcn", "shank"), "no bodies calcn_r and calcn_l; a gait cycle needs feet"),
        (
            biped(floor='<geom type="plane" size="1 1 1" contype="0" conaffinity="0"/>'),
            "no geom of the bodies calcn_r, calcn_l, toes_r, toes_l can touch the floor",
        ),
        (UPSIDE_DOWN, "m above the root when the body stands upright"),
    ],
)
def test_human_who_cannot_stand_is_refused_with_its_file(tmp_path: Path, text: str, message: str):
    with pytest.raises(BodyError, match=rf"human.xml': .*{message}"):
        walk(tmp_path, text)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timestep": float("nan")}, "timestep is nan; expected a number from 1e-06 to 1"),
        ({"timestep": True}, "timestep is True"),
        ({"friction": -1.0}, "friction is -1.0; expected a number from 0 to 1e"),
        ({"solref": (0.02,)}, r"solref is \(0.02,\); expected 2 numbers"),
        ({"solimp": (0.9, 0.95, float("nan"), 0.5, 2.0)}, "expected 5 numbers"),
        ({"integrator": "rk4"}, "integrator is 'rk4'; expected one of implicitfast, euler"),
    ],
)
def test_numbers_outside_their_range_are_refused(tmp_path: Path, changes: dict, message: str):
    (tmp_path / "human.xml").write_text(biped())
    with pytest.raises(InputError, match=message):
        load_body(tmp_path / "human.xml", **{"timestep": 0.002, **changes})
