import numpy as np
import pytest

from batchenv.body.floor_pairs import floor_pairs
from batchenv.engine.world_parameters import set_friction, set_mass, set_muscle_strength
from tests.engine.walking_worlds import SUBSTEPS, apart, build, hang


def test_strength_of_a_world_acts_in_its_own_coordinator(body):
    worlds = build(body, 2, activation_dynamics=False)
    for _ in range(2):
        hang(worlds)
        set_muscle_strength(worlds, np.array([[1.0], [0.5]]))
        worlds.set_targets(np.tile(apart(body, 0.2), (2, 1)), np.zeros((2, 14)))
        worlds.step()
    strong, weak = worlds.slot("effort_sum") / SUBSTEPS
    assert weak > 1.2 * strong  # what passive forces do not make, takes twice the activation
    assert worlds.mean_of("achieved_sum")[0] == pytest.approx(worlds.mean_of("achieved_sum")[1], abs=2.0)


def test_mass_and_friction_are_each_worlds_own(body):
    worlds = build(body, 2)
    set_mass(worlds, np.array([1.0, 1.3]))
    set_friction(worlds, np.array([1.0, 0.2]))
    light, heavy = (worlds.batch.get_model(i) for i in range(2))
    assert heavy.body_mass.sum() == pytest.approx(1.3 * light.body_mass.sum())
    assert heavy.body_subtreemass[0] == pytest.approx(1.3 * light.body_subtreemass[0])
    assert heavy.geom_friction[body.floor_geom, 0] == 0.2


def test_friction_of_a_world_holds_where_geoms_are_paired_with_the_floor(polynomial_body):
    worlds = build(polynomial_body, 2)
    set_friction(worlds, np.array([0.2]), np.array([1]))
    usual, slippery = (worlds.batch.get_model(i).pair_friction[floor_pairs(worlds.model)] for i in range(2))
    assert (usual[:, :2] == 1.0).all() and (slippery[:, :2] == 0.2).all() and len(usual) > 20
    assert np.array_equal(usual[:, 2:], slippery[:, 2:])
