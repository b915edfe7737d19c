import numpy as np
import pytest

from batchenv.body.gaitnet import load_gaitnet_body, load_muscles, load_skeleton
from batchenv.body.gaitnet.shapes import bounding_box
from batchenv.errors import BodyError
from tests.body.gaitnet.small_gaitnet import MUSCLES, small_body, write_files


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    return small_body(tmp_path_factory.mktemp("small"))


def entries(paths, name):
    """Bodies and weights of each anchor of a muscle."""
    m = paths.names.index(name)
    rows = [
        range(paths.entry_ptr[a], paths.entry_ptr[a + 1])
        for a in range(paths.anchor_ptr[m], paths.anchor_ptr[m + 1])
    ]
    return [[(int(paths.entry_body[k]), float(paths.entry_weight[k])) for k in row] for row in rows]


def refused(tmp_path, old, new):
    """The message with which muscles are refused, after the name of their file."""
    assert old in MUSCLES
    files = write_files(tmp_path, muscles=MUSCLES.replace(old, new, 1))
    with pytest.raises(BodyError) as caught:
        load_gaitnet_body(*files)
    message = str(caught.value)
    assert message.startswith(f"{files[1]}:")
    return message.removeprefix(f"{files[1]}:")


def test_muscles_are_in_the_order_of_the_file_with_their_twins(body):
    assert body.paths.names[:4] == ("L_Psoas", "R_Psoas", "L_Rectus", "R_Rectus")
    assert body.paths.mirror.tolist() == [1, 0, 3, 2, 5, 4]
    assert body.paths.f0.tolist() == [500, 500, 900, 900, 1200, 1200]
    assert body.paths.type1.tolist() == [0.5] * 6


def test_way_points_near_a_joint_are_blended_over_its_bodies(body):
    femur, tibia = body.skeleton.index("FemurR"), body.skeleton.index("TibiaR")
    first, middle, last = entries(body.paths, "R_Rectus")
    assert first == [(0, 1.0)] and last == [(tibia, 1.0)]
    knee, hip = np.hypot(0.02, 0.04), np.hypot(0.38, 0.04)
    share = np.sqrt(hip) / (np.sqrt(hip) + np.sqrt(knee))
    assert [body for body, _ in middle] == [tibia, femur]
    np.testing.assert_allclose([weight for _, weight in middle], [share, 1 - share], rtol=1e-6)


def test_ends_are_never_blended(body):
    # The end of Gastroc is 6 cm from the ankle.
    assert entries(body.paths, "L_Gastroc")[-1] == [(body.skeleton.index("TalusL"), 1.0)]


def test_lengths_are_measured_in_the_zero_pose(body):
    rectus = np.hypot(0.46, 0.01) + 0.12
    assert body.paths.lmt_ref[2] == pytest.approx(rectus, rel=1e-6)
    assert body.paths.mass[2] == pytest.approx(900 * 0.8 * rectus / 100, rel=1e-6)


def test_related_coordinates_are_those_of_the_joints_crossed(body):
    of = {
        name: [body.skeleton.dof_names[d] for d in body.paths.related_dof[body.paths.related_muscle == m]]
        for m, name in enumerate(body.paths.names)
    }
    assert of["R_Psoas"] == ["FemurR_x", "FemurR_y", "FemurR_z"]
    assert of["L_Gastroc"] == ["TibiaL", "TalusL"]


def test_a_left_muscle_has_the_weights_of_its_right_twin(tmp_path):
    moved = MUSCLES.replace('p="0.1 0.52 0.04"', 'p="0.1 0.53 0.04"')
    assert moved != MUSCLES
    paths = small_body(tmp_path, muscles=moved).paths
    left, right = entries(paths, "L_Rectus")[1], entries(paths, "R_Rectus")[1]
    assert [weight for _, weight in left] == [weight for _, weight in right]


def test_twins_that_are_bound_otherwise_keep_their_weights_and_are_remarked_on(tmp_path):
    paths = small_body(tmp_path, muscles=MUSCLES.replace('p="0.1 0.52 0.04"', 'p="0.1 0.62 0.04"')).paths
    assert len(entries(paths, "L_Rectus")[1]) == 1 and len(entries(paths, "R_Rectus")[1]) == 2
    assert paths.remarks[0].startswith("L_Rectus and R_Rectus differ in how many bodies carry them")


def test_yaml_has_places_as_multiples_of_the_edges(body, tmp_path):
    lines = ["muscles:"]
    for m, name in enumerate(body.paths.names):
        lines += [f"  - {{name: {name}, f0: {body.paths.f0[m]}, lm_contract: 0.9, lt_rel: 0.2, waypoints: ["]
        for a in range(body.paths.anchor_ptr[m], body.paths.anchor_ptr[m + 1]):
            lines += [f"      [{', '.join(_place(body, k) for k in _rows(body, a))}],"]
        lines += ["    ]}"]
    file = tmp_path / "muscles.yaml"
    file.write_text("\n".join(lines))
    again = load_muscles(file, body.skeleton)
    np.testing.assert_array_equal(again.entry_body, body.paths.entry_body)
    np.testing.assert_allclose(again.entry_weight, body.paths.entry_weight, atol=1e-12)
    np.testing.assert_allclose(again.entry_pos, body.paths.entry_pos, atol=1e-12)
    np.testing.assert_allclose(again.lmt_ref, body.paths.lmt_ref, atol=1e-12)
    np.testing.assert_array_equal(again.related_dof, body.paths.related_dof)
    assert again.remarks == ()


def _rows(body, anchor):
    return range(body.paths.entry_ptr[anchor], body.paths.entry_ptr[anchor + 1])


def _place(body, entry):
    of = body.paths.entry_body[entry]
    edges = bounding_box(body.skeleton.shape[of], body.skeleton.size[of])
    p = (body.paths.entry_pos[entry] / edges).tolist()
    return f"{{body: {body.skeleton.names[of]}, p: {p}, w: {float(body.paths.entry_weight[entry])!r}}}"


def test_an_anchor_whose_bodies_disagree_is_remarked_on(body, tmp_path):
    file = tmp_path / "muscles.yaml"
    file.write_text(
        "muscles:\n  - {name: R_Rectus, f0: 1, lm: 1, lt: 0.2, waypoints: [\n"
        "     [{body: Pelvis, p: [0, 0, 1], w: 1}],\n"
        "     [{body: FemurR, p: [0, 0, 0], w: 0.5}, {body: TibiaR, p: [0, 0, 0], w: 0.5}],\n"
        "     [{body: TibiaR, p: [0, 0, 0], w: 1}]]}\n"
    )
    remark = load_muscles(file, body.skeleton).remarks[0]
    assert "R_Rectus by 400 mm" in remark and "are their p in metres?" in remark


def test_an_unknown_body_is_refused_with_the_nearest_name(tmp_path):
    message = refused(tmp_path, 'body="FemurL"', 'body="FemurrL"')
    assert message.startswith(
        "4: body = 'FemurrL' of muscle 'L_Psoas': the skeleton has no such body. Did you mean"
    )
    assert "'FemurL'?" in message


def test_two_muscles_of_one_name_are_refused_with_both_lines(tmp_path):
    message = refused(tmp_path, 'name="R_Psoas"', 'name="L_Psoas"')
    assert message == "6: there is a second muscle 'L_Psoas', the first in line 2; names have to differ."


def test_a_muscle_that_crosses_no_joint_is_refused(tmp_path):
    message = refused(tmp_path, 'body="FemurL" p="0.11 0.85 0.04"', 'body="Pelvis" p="0.11 0.85 0.04"')
    assert message == "2: muscle 'L_Psoas' crosses no joint; expected way-points on both sides of one."


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('f0="500"', 'f0="-500"', "2: f0 = '-500' of muscle 'L_Psoas': expected a number above 0."),
        ('f0="500"', 'f0="1e9"', "2: f0 = '1e9' of muscle 'L_Psoas': expected a finite number, none beyond"),
        ('lt="0.2"', 'lt="1"', "2: lt = '1' of muscle 'L_Psoas': expected a number below 1."),
        (
            'pen_angle="0"',
            'pen_angle="20"',
            "2: pen_angle = '20' of muscle 'L_Psoas': expected a number below",
        ),
        ('f0="500"', 'f0="nan"', "2: f0 = 'nan' of muscle 'L_Psoas': expected a finite number."),
        ('lm="0.9"', 'lm="0"', "2: lm = '0' of muscle 'L_Psoas': expected a number above 0."),
        ('lt="0.2"', "", "2: muscle 'L_Psoas' has no 'lt' or 'lt_rel'."),
        (
            "0.05 1.05 -0.02",
            "0.05 1.05",
            "3: p = '0.05 1.05' of waypoint has 2 values; expected 3 finite numbers.",
        ),
        ("0.05 1.05 -0.02", "0.05 nan 0", "3: p = 'nan' of waypoint: expected 3 finite numbers."),
        ("0.11 0.85 0.04", "0.05 1.05 -0.02", "4: two way-points of muscle 'L_Psoas' are at one place;"),
    ],
)
def test_what_is_invalid_is_refused_with_its_line(tmp_path, old, new, message):
    assert refused(tmp_path, old, new).startswith(message)


def test_muscles_can_be_left_out_and_are_listed(tmp_path):
    text = MUSCLES.replace('body="FemurL" p="0.11 0.85 0.04"', 'body="Pelvis" p="0.11 0.85 0.04"')
    text = text.replace('body="TibiaR"', 'body="Shank"')
    skeleton_file, muscle_file = write_files(tmp_path, muscles=text)
    paths = load_muscles(muscle_file, load_skeleton(skeleton_file), drop=True)
    assert paths.names == ("R_Psoas", "L_Rectus", "L_Gastroc", "R_Gastroc")
    assert paths.dropped[0].startswith("R_Rectus: ") and "'Shank'" in paths.dropped[0]
    assert paths.dropped[1].startswith("L_Psoas: ") and "crosses no joint" in paths.dropped[1]
    assert len(paths.lmt_ref) == len(paths.related_ptr) - 1 == 4
