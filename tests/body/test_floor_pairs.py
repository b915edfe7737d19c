import mujoco
import numpy as np

from batchenv.body.floor_pairs import floor_pairs, name_floor_pairs
from tests.body.small_bodies import biped


def spec_of():
    return mujoco.MjSpec.from_string(biped())


def falling(model, steps=200):
    """Contacts and positions of a body that falls onto the floor."""
    data, contacts = mujoco.MjData(model), []
    data.qvel[:] = np.random.default_rng(0).normal(0.0, 0.5, model.nv)
    for _ in range(steps):
        mujoco.mj_step(model, data)
        contacts += [
            (*c.geom, c.dim, *c.friction, *c.solref, *c.solimp, c.includemargin) for c in data.contact
        ]
    return np.array(contacts), data.qpos.copy()


def pair(spec):
    for geom in spec.geoms:  # affinities such that geoms meet the floor alone
        geom.contype, geom.conaffinity = (1, 1) if geom.type == mujoco.mjtGeom.mjGEOM_PLANE else (1, 0)
    floor = next(geom for geom in spec.geoms if geom.type == mujoco.mjtGeom.mjGEOM_PLANE)
    floor.priority, floor.friction, floor.margin = 1, [0.7, 0.01, 0.002], 0.002
    plain = spec.copy().compile()
    name_floor_pairs(spec)
    return plain, spec.compile()


def test_contacts_with_the_floor_keep_every_bit():
    plain, paired = pair(spec_of())
    assert paired.npair == floor_pairs(paired).size > 0 and not paired.geom_contype.any()
    (expected, end), (found, paired_end) = falling(plain), falling(paired)
    assert len(expected) and np.array_equal(found, expected) and np.array_equal(paired_end, end)


def test_geoms_that_can_touch_each_other_stay_as_they_are():
    spec = spec_of()
    before = spec.copy().compile()
    name_floor_pairs(spec)
    after = spec.compile()
    assert after.npair == before.npair and np.array_equal(after.geom_contype, before.geom_contype)


def test_excluded_bodies_stay_as_they_are():
    spec = spec_of()
    spec.add_exclude(bodyname1="world", bodyname2="chest")
    assert floor_pairs(pair(spec)[1]).size == 0


def test_pairs_of_a_file_stay_as_they_are():
    spec = spec_of()
    for name, geom in zip(("floor", "box"), spec.geoms, strict=False):
        geom.name = name
    spec.add_pair(geomname1="floor", geomname2="box")
    paired = pair(spec)[1]
    assert floor_pairs(paired).size == 0 and paired.npair == 1 and paired.geom_contype.any()
