import numpy as np
import pytest

from tests.engine.small_worlds import build, pose, targets


def test_foreseen_passive_forces_change_what_the_network_is_asked(small):
    asked = []
    for foresee_passive in (False, True):
        worlds = build(small, 1, foresee_passive=foresee_passive)
        q = np.zeros((1, small.skeleton.num_dof))
        worlds.reset(np.arange(1), small.to_qpos(q), np.zeros((1, worlds.model.nv)))
        worlds.measure(np.arange(1))
        assert np.abs(worlds.slot("passive_torque")).max() > 0.5
        worlds.set_targets(q)
        worlds.choose_samples(np.zeros(1))
        worlds.step()
        asked.append(worlds.coordinator.samples.torque.copy())
    assert np.abs(asked[1] - asked[0]).max() > 0.1


def test_mirror_images_move_as_mirror_images(small):
    """A world and its mirror image, which is seen in the mirror: the network sees the same."""
    worlds, skeleton = build(small, 2), small.skeleton
    sign, twin = skeleton.mirror_sign, skeleton.mirror_dof
    q, dq = (np.array([x, sign * x[twin]]) for x in pose(small, 2))
    qpos = small.to_qpos(q)
    worlds.reset(np.arange(2), qpos, small.to_qvel(qpos, dq))
    worlds.slot("mirrored")[1] = 1.0
    worlds.measure(np.arange(2))
    for name in ("negative_torque", "positive_torque", "passive_torque"):
        assert worlds.slot(name)[1] == pytest.approx(worlds.slot(name)[0], abs=1e-10)
    for k in range(2):
        target = targets(worlds, k)[0]
        worlds.set_targets(np.array([target, sign * target[twin]]))
        worlds.step()
    q = small.from_qpos(worlds.qpos)
    # Contacts amplify rounding; 1e-16 grows to less than this in 16 substeps.
    assert q[1] == pytest.approx(sign * q[0][twin], abs=1e-7)
    assert worlds.slot("activation")[1] == pytest.approx(
        worlds.slot("activation")[0][small.paths.mirror], abs=1e-4
    )
    assert worlds.slot("activation")[0].max() > 0.01
