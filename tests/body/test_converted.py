"""Models of OpenSim that MyoConverter wrote: they stand free, upright, and on their feet."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from batchenv import BatchEnv
from batchenv.body import Body, load_body
from batchenv.body.converted import converted_mjcf
from batchenv.body.names import BodyNames
from tests.body.converted_body import converted_model
from tests.body.small_bodies import biped

KNEES = {"knee_angle": "-knee_angle"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("converted") / "legs_cvt3.xml"
    path.write_text(converted_model())
    return path


@pytest.fixture(scope="module")
def converted(file: Path) -> Body:
    return load_body(str(file), timestep=1 / 300, names=BodyNames(joints=KNEES))


def test_a_file_that_needs_no_change_is_read_as_it_is(tmp_path: Path):
    (tmp_path / "biped.xml").write_text(biped())
    assert converted_mjcf(tmp_path / "biped.xml") is None


def test_a_free_joint_takes_the_place_of_those_of_the_pelvis(converted: Body):
    model = converted.model
    assert model.jnt_type[0] == mujoco.mjtJoint.mjJNT_FREE
    kinds = ("hip_flexion", "hip_adduction", "knee_angle", "ankle_angle")
    assert converted.joint_names == tuple(f"{kind}_{side}" for side in "rl" for kind in kinds)
    assert model.body(converted.root_body).name == "root" and model.body(converted.trunk_body).name == "torso"
    np.testing.assert_allclose(converted.forward, [1.0, 0.0, 0.0])
    np.testing.assert_allclose(converted.left, [0.0, 1.0, 0.0])


def test_knees_bend_as_the_reference_says_and_paths_follow_them(converted: Body):
    right, left = (converted.joint_names.index(f"knee_angle_{side}") for side in "rl")
    assert converted.joint_sign[right] == converted.joint_sign[left] == -1.0
    bound = [converted.model.joint(i).name for i in range(converted.model.njnt)]
    assert {"vasti_r-P2_x", "knee_r_translation2"} <= set(bound) - set(converted.joint_names)
    assert len(converted.bound_joint) == 4


def test_only_listed_pairs_touch(converted: Body):
    model = converted.model
    assert not model.geom_contype.any() and not model.geom_conaffinity.any()
    floor = {model.pair_geom1[i] for i in range(model.npair)} | {
        model.pair_geom2[i] for i in range(model.npair)
    }
    assert model.npair == 8 and converted.floor_geom in floor


def test_meshes_are_found_beside_the_file(tmp_path: Path):
    text = converted_model().replace('angle="radian"', 'angle="radian" meshdir="Geometry"')
    (tmp_path / "legs.xml").write_text(text)
    changed = converted_mjcf(tmp_path / "legs.xml")
    assert changed is not None and f'meshdir="{tmp_path / "Geometry"}"' in changed


def test_it_walks_with_the_reference_on_its_feet(file: Path):
    config = {
        "base": "walk",
        "environment": {
            "skeleton": {
                "file": str(file),
                "names": {
                    "joints": KNEES | dict.fromkeys(("hip_rotation", "subtalar_angle", "mtp_angle"), None)
                },
            },
        },
    }
    with BatchEnv(config, 2, 1, seed=0) as env:
        env.reset()
        bent = env.worlds.qpos[:, env.body.joint_qposadr[env.body.joint_names.index("knee_angle_r")]]
        assert (bent < 0.05).all()
        load = np.zeros(2)
        for _ in range(5):
            obs, rewards, _ = env.step(np.zeros((2, env.action_dim)))
            load += env.task.quantities(env._batch)["foot_load"].sum(axis=1)
        assert np.isfinite(obs).all() and np.isfinite(rewards).all() and not env.terminated.any()
        assert (load > 1.0).all()  # of five body weights: the feet carry it
        assert env.worlds.slot("effort_sum").min() > 0.0
