"""Segments of other sizes: lengths, masses, couplings, muscles and feet that go with them."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from batchenv import BatchEnv
from batchenv.body import Body, load_body
from batchenv.body.body import title_parts
from batchenv.body.names import BodyNames
from batchenv.config import load_config
from batchenv.errors import ConfigError, InputError
from batchenv.motion import Clip, fit_clip, load_clip, save_clip
from batchenv.motion.floor import feet_of
from tests.body.small_bodies import biped
from tests.body.test_held import MUSCLES

SHORT = {"thigh_l": 0.95, "femur_l": 0.98, "shank_l": 0.9}  # the first two multiply
THIGH, SHANK = 0.95 * 0.98, 0.9


@pytest.fixture(scope="module")
def short() -> Body:
    """The legs of myo_sim, the left one shorter."""
    return load_body("myo_sim:myolegs", timestep=1 / 300, scale=SHORT)


def loaded(folder: Path, text: str, **options: object) -> Body:
    (folder / "body.xml").write_text(text)
    return load_body(str(folder / "body.xml"), timestep=1 / 300, **options)  # pyright: ignore[reportArgumentType]


def posed(body: Body, angle: float) -> mujoco.MjData:
    """All joints turned by an angle, couplings followed."""
    data = mujoco.MjData(body.model)
    joints = np.clip(np.full(len(body.joint_names), angle), *body.joint_range.T)
    data.qpos[:] = body.qpos(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]), joints)
    mujoco.mj_fwdPosition(body.model, data)
    return data


@pytest.mark.parametrize("angle", [0.0, 1.0])
def test_a_leg_is_shorter_by_its_factors_and_the_other_is_not(body: Body, short: Body, angle: float):
    usual, own = posed(body, angle), posed(short, angle)
    for side, thigh, shank in (("r", 1.0, 1.0), ("l", THIGH, SHANK)):
        for above, below, factor in (
            ("femur", "tibia", thigh),  # also where the knee is bent, and the shank has rolled on the thigh
            ("femur", "patella", thigh),
            ("tibia", "talus", shank),
            ("calcn", "toes", 1.0),
        ):
            ends = f"{above}_{side}", f"{below}_{side}"
            one, other = (np.subtract(*(d.body(name).xpos for name in ends)) for d in (usual, own))
            assert np.linalg.norm(other) == pytest.approx(factor * np.linalg.norm(one), rel=1e-9)
    ankle = [d.body("talus_l").xpos[2] - d.body("femur_l").xpos[2] for d in (usual, own)]
    if angle == 0.0:
        knee = usual.body("tibia_l").xpos[2] - usual.body("femur_l").xpos[2]
        assert ankle[1] == pytest.approx(THIGH * knee + SHANK * (ankle[0] - knee), abs=1e-9)


def test_mass_inertia_and_muscles_go_with_the_lengths(body: Body, short: Body):
    one, other = (each.model.body("femur_l") for each in (body, short))
    assert other.mass == pytest.approx(THIGH**3 * one.mass)
    np.testing.assert_allclose(other.inertia, THIGH**5 * one.inertia)
    np.testing.assert_allclose(other.ipos, THIGH * one.ipos)
    lost = sum(
        (1 - f**3) * body.model.body(n).mass[0]
        for n, f in {"femur_l": THIGH, "patella_l": 0.95, "tibia_l": SHANK, "talus_l": SHANK}.items()
    )
    assert body.mass - short.mass == pytest.approx(lost)
    ratio = short.model.tendon_length0 / body.model.tendon_length0
    ranges = short.model.actuator_lengthrange / body.model.actuator_lengthrange
    np.testing.assert_allclose(ranges, ratio[body.model.actuator_trnid[:, 0], None].repeat(2, axis=1))
    left = np.array([name.endswith("_l") for name in body.muscle_names])
    assert (ratio[~left] == 1.0).all() and (ratio[left] < 1.0).all()
    np.testing.assert_array_equal(short.model.actuator_gainprm, body.model.actuator_gainprm)  # and strength


def test_a_whole_body_of_another_size_is_the_same_in_every_pose(tmp_path: Path):
    usual, small = (loaded(tmp_path, biped(), scale=s) for s in ({}, {"all": 0.6}))
    assert small.mass == pytest.approx(0.6**3 * usual.mass)
    np.testing.assert_allclose(small.model.body_inertia, 0.6**5 * usual.model.body_inertia)
    for angle in (0.0, 0.7):
        one, other = (posed(each, angle) for each in (usual, small))
        for field in ("xpos", "xipos", "geom_xpos"):
            places = [getattr(data, field) - data.xpos[1] for data in (one, other)]
            np.testing.assert_allclose(places[1][1:], 0.6 * places[0][1:], atol=1e-12)
    np.testing.assert_array_equal(small.joint_range, usual.joint_range)


def test_muscles_whose_strength_follows_from_inertia_keep_it(tmp_path: Path):
    usual, long = (loaded(tmp_path, MUSCLES, scale=s) for s in ({}, {"arm": 1.5, "chest": 1.2}))
    strength = usual.model.actuator_gainprm[:, 3] / usual.model.actuator_acc0
    np.testing.assert_allclose(long.model.actuator_gainprm[:, 2], strength)
    longer = long.model.tendon_length0 / usual.model.tendon_length0
    assert longer.min() > 1.0
    np.testing.assert_allclose(
        long.model.actuator_lengthrange, longer[:, None] * usual.model.actuator_lengthrange
    )


def test_feet_that_share_a_mesh_may_differ(tmp_path: Path):
    foot = '<geom type="mesh" mesh="sole" mass="1"/><geom type="capsule" fromto="0 0 0 0 0 -.4" size=".03"/>'
    text = biped().replace('<geom type="capsule" fromto="0 0 0 0 0 -.4" size=".03"/>', foot)
    sole = '<asset><mesh name="sole" vertex="0 0 0  .2 0 0  0 .1 0  0 0 .1"/></asset>'
    text = text.replace("<worldbody>", sole + "<worldbody>")
    usual, large = (loaded(tmp_path, text, scale=s) for s in ({}, {"foot_r": 1.5}))

    def corners(body: Body, side: str) -> np.ndarray:
        geom = next(g for g in range(body.model.ngeom) if body.model.geom_dataid[g] >= 0
                    and body.model.body(body.model.geom_bodyid[g]).name == f"calcn_{side}")  # fmt: skip
        start, data = body.model.mesh_vertadr[body.model.geom_dataid[geom]], posed(body, 0.0)
        turn, middle = data.geom_xmat[geom].reshape(3, 3), data.geom_xpos[geom]
        return body.model.mesh_vert[start : start + 4] @ turn.T + middle - data.body(f"calcn_{side}").xpos

    np.testing.assert_allclose(corners(large, "r"), 1.5 * corners(usual, "r"), atol=1e-7)
    np.testing.assert_allclose(corners(large, "l"), corners(usual, "l"), atol=1e-7)


def test_segments_may_be_called_by_the_names_that_the_body_gives(tmp_path: Path):
    names = BodyNames(feet=("thigh_r", "thigh_l"), trunk="chest")
    usual = loaded(tmp_path, biped(), names=names)
    scaled = loaded(tmp_path, biped(), names=names, scale={"trunk": 2.0, "foot": 0.5}, held=("knee*",))
    mass = {usual.model.body(i).name: usual.model.body_mass[i] for i in range(usual.model.nbody)}
    feet = sum(mass[f"{name}_{side}"] for name in ("thigh", "calcn") for side in "rl")
    assert scaled.mass - usual.mass == pytest.approx(7 * mass["chest"] - 0.875 * feet)


def test_what_is_no_segment_is_refused(tmp_path: Path):
    with pytest.raises(
        ConfigError, match=r"skeleton\.scale: .*'tigh_l'\. Did you mean 'thigh_l'\?.*There are"
    ):
        loaded(tmp_path, biped(), scale={"tigh_l": 0.9})
    with pytest.raises(ConfigError, match=r"factors of thigh_r multiply to 8; expected 0.25 to 4"):
        loaded(tmp_path, biped(), scale={"thigh": 2.0, "thigh_r": 2.0, "all": 2.0})
    with pytest.raises(InputError, match=r"scale of thigh is nan; expected a number from 0.5 to 2"):
        loaded(tmp_path, biped(), scale={"thigh": float("nan")})


def test_a_clip_of_a_listing_pelvis_stands_on_both_feet_of_unequal_legs(
    body: Body, short: Body, tmp_path: Path
):
    hips, heights = posed(short, 0.0), {}
    drop = hips.body("calcn_l").xpos[2] - hips.body("calcn_r").xpos[2]
    width = np.linalg.norm(hips.body("femur_l").xpos - hips.body("femur_r").xpos)
    lean = np.arcsin(drop / width)  # to the left, about an axis ahead; the legs stay upright
    standing = Clip(
        times=np.array([0.0, 1.0]),
        joint_names=("hip_adduction_r", "hip_adduction_l"),
        joint_pos=np.tile([lean, -lean], (2, 1)),
        root_pos=np.array([[0.0, 0.0, 1.0]] * 2),
        root_quat=np.tile([np.cos(lean / 2), -np.sin(lean / 2), 0.0, 0.0], (2, 1)),
        source="standing",
    )
    for each in (body, short):
        fitted = fit_clip(standing, each)
        feet = feet_of(each, fitted.root_pos, fitted.root_quat, fitted.joint_pos)
        heights[each] = [feet.lowest[0, side].min() for side in (feet.right, ~feet.right)]
    assert heights[short] == pytest.approx([0.0, 0.0], abs=0.004)
    assert np.ptp(heights[body]) > 0.05
    with pytest.raises(
        InputError, match=r"fitted to myo_sim:myolegs \| femur_l 0.98 .* not to myo_sim:myolegs;"
    ):
        fit_clip(fitted, body)
    again = load_clip(save_clip(fitted, tmp_path / "standing.npz"))
    assert title_parts(again.body) == ("myo_sim:myolegs", SHORT)
    with pytest.raises(InputError, match="expected a body, or BODY"):
        title_parts("body.xml | thigh long")


def test_walkers_with_unequal_legs_begin_on_the_floor_and_step(short: Body):
    changes = {"environment.skeleton.scale": SHORT, "environment.muscle.paths": "mujoco"}
    with BatchEnv(load_config("walk").replace(changes), 4, 1, seed=0) as env:
        assert env.body.mass == pytest.approx(short.mass, abs=1e-9)  # pyright: ignore[reportAttributeAccessIssue]
        obs = env.reset()
        for _ in range(10):
            obs, rewards, dones = env.step(np.zeros((4, env.action_dim)))
            assert np.isfinite(obs).all() and np.isfinite(rewards).all() and not dones.any()
        loads = [column.name.startswith("foot_load") for column in env.obs_layout]
        assert obs[:, loads].max() > 0.0


@pytest.mark.slow
def test_a_whole_body_is_scaled_part_by_part():
    usual = load_config("full_body").replace({"environment.muscle.paths": "mujoco"})
    bodies = {}
    for name, scale in {
        "usual": {},
        "small": {"all": 0.95},
        "uneven": {"forearm": 1.1, "thigh_l": 0.95},
        "head": {"head": 0.9},
    }.items():
        config = usual.replace({"environment.skeleton.scale": scale})
        with BatchEnv(config, 2, 1, seed=0) as env:
            env.reset()
            for _ in range(10):
                obs, _, _ = env.step(np.zeros((2, env.action_dim)))
            assert np.isfinite(obs).all() and env.failures == 0
            bodies[name] = env.body
    masses = {
        name: body.model.body_mass[1:] / bodies["usual"].model.body_mass[1:] for name, body in bodies.items()
    }
    np.testing.assert_allclose(masses["small"], 0.95**3)
    np.testing.assert_allclose(
        bodies["small"].model.tendon_length0, 0.95 * bodies["usual"].model.tendon_length0
    )
    model = bodies["usual"].model
    changed = {
        model.body(1 + i).name: ratio for i, ratio in enumerate(masses["uneven"]) if abs(ratio - 1) > 1e-9
    }
    assert changed.keys() == {"ulna_r", "ulna_l", "femur_l", "patella_l"}  # the hands are part of the ulnae
    assert changed["femur_l"] == pytest.approx(0.95**3) and 1.1 < changed["ulna_r"] < 1.1**3
    for name, factor in (("femur_l", 0.95), ("femur_r", 1.0), ("ulna_r", 1.0)):
        below = {"femur_l": "tibia_l", "femur_r": "tibia_r", "ulna_r": "humerus_r"}[name]
        ends = [posed(bodies[key], 0.0) for key in ("usual", "uneven")]
        one, other = (np.linalg.norm(d.body(name).xpos - d.body(below).xpos) for d in ends)
        assert other == pytest.approx(factor * one)
    # Trunk and head are one part, and a head of another size leaves the arms where they are.
    arms = [bodies[key].model.body("humphant_r").pos for key in ("usual", "head")]
    np.testing.assert_allclose(*arms, atol=1e-12)
    assert 0.9 < masses["head"][model.body("lumbar5").id - 1] < 1.0
