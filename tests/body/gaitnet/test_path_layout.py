import numpy as np

from batchenv.body.gaitnet.path_layout import lay_out_paths
from tests.body.gaitnet.small_gaitnet import small_body


def test_way_points_that_no_joint_moves_are_not_summed(tmp_path):
    body = small_body(tmp_path)
    layout = lay_out_paths(body.paths, body.skeleton, body.body_id)
    used = (layout.run_ptr[:, 1] - layout.run_ptr[:, 0]).sum()
    assert used < layout.entry_weight.size


def test_the_first_moments_are_those_of_the_crossings_in_their_order(tmp_path):
    body = small_body(tmp_path)
    layout, n = lay_out_paths(body.paths, body.skeleton, body.body_id), body.paths.related_dof.size
    assert n <= layout.muscle.size
    assert np.array_equal(layout.muscle[:n], body.paths.related_muscle)
    assert np.array_equal(layout.joint[:n] + 6, body.paths.related_dof)
