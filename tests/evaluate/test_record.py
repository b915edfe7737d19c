import mujoco
import numpy as np
import pytest

from batchenv import load_config
from batchenv.body import Body
from batchenv.engine.world_parameters import set_muscle_lengths
from batchenv.errors import InputError
from batchenv.evaluate import Recording, judge, write_report
from batchenv.evaluate.record import RecordingBuilder, Sampler, record, record_walks
from batchenv.evaluate.walker import Walker
from tests.evaluate.untrained import untrained

WALKS, SECONDS = 4, 3.0


@pytest.fixture(scope="module")
def walker() -> Walker:
    return untrained()


@pytest.fixture(scope="module")
def recording(walker) -> Recording:
    return record(walker, WALKS, SECONDS, seed=1, num_threads=2)


def test_samples_are_cut_at_the_ends_of_episodes(walker, recording):
    """Against the same walk unwatched, and the environment's own count of steps."""
    lengths = np.zeros(WALKS, int)
    with walker.worlds(WALKS, SECONDS, 1) as env:
        obs = env.reset(1)
        while not lengths.all():
            obs, _, dones = env.step(walker.policy(obs))
            ended = dones & (lengths == 0)
            lengths[ended] = env.episode_lengths[ended]
    assert recording.dt == pytest.approx(1 / 150)  # of 10 substeps at 300 Hz every second keeps 100 Hz
    assert np.bincount(recording.episode).tolist() == (lengths * round(1 / 30 / recording.dt)).tolist()
    for _, rows in recording.episodes():
        assert recording.time[rows][0] == pytest.approx(recording.dt)
        assert np.diff(recording.time[rows]) == pytest.approx(recording.dt, rel=1e-6)
    assert recording.ended == ("fell",) * WALKS
    assert len(set(lengths)) > 1  # starts differ


def test_a_walk_that_lasts_is_completed(walker):
    assert record(walker, 2, 0.2).ended == ("completed", "completed")


def test_the_same_seed_gives_the_same_recording_at_any_number_of_threads(walker, recording):
    again, other = record(walker, WALKS, SECONDS, 1, num_threads=1), record(walker, WALKS, SECONDS, 2)
    for name in ("joint_pos", "grf", "muscle_force", "excitation"):
        assert np.array_equal(getattr(recording, name), getattr(again, name))
    assert recording.joint_pos[0].tolist() != other.joint_pos[0].tolist()


def walk_closely(walker: Walker, steps: int, actuator: str = "mass"):
    """Samples (T, ...) of every substep of one walk, with copies of what MuJoCo had after each (T, ...)."""
    changes = {"environment.skeleton.actuator": actuator}
    names = ("qpos", "qvel", "actuator_force", "actuator_length", "qfrc_applied")
    samples, copies = [], []
    with walker.worlds(1, 10.0, 1, changes) as env:
        sampler, views = Sampler(env, rate=300.0), [env.worlds.bind(name) for name in names]

        def watch():
            sampler()
            copies.append([view[0].copy() for view in views])

        obs = env.reset(0)
        start = env.worlds.qpos[0].copy(), env.worlds.qvel[0].copy()
        for _ in range(steps):
            obs, _, _ = env.step(walker.policy(obs), watch)
            samples.append(sampler.samples(np.array([0])))
        model, body, axes = env.worlds.model, env.body, env.task.axes
    joined = {name: np.concatenate([part[name] for part in samples]) for name in samples[0]}
    after = {name: np.array(values) for name, values in zip(names, zip(*copies, strict=True), strict=True)}
    return joined, after, start, model, body, axes


def test_joint_torques_do_the_work_of_the_muscles(walker):
    """Virtual work: turn one joint, the bound ones following it, and see by how much the muscles lengthen."""
    samples, after, _, model, body, _ = walk_closely(walker, 6)
    data, turn = mujoco.MjData(model), 1e-5
    for t in range(3, 60, 14):
        pose = after["qpos"][
            t - 1
        ]  # MuJoCo's forces are of the substep's beginning, the end of the one before
        for j in range(len(body.joint_names)):
            lengths = []
            for angle in turn * np.array([1, -1]):
                turned = pose[body.joint_qposadr] + angle * (np.arange(len(body.joint_names)) == j)
                data.qpos[:] = pose
                data.qpos[body.joint_qposadr] = turned
                data.qpos[body.bound_qposadr] += body.bound_pos(turned) - body.bound_pos(
                    pose[body.joint_qposadr]
                )
                mujoco.mj_fwdPosition(model, data)
                lengths.append(data.actuator_length.copy())
            work = after["actuator_force"][t] @ (lengths[0] - lengths[1]) / (2 * turn)
            # Differences of lengths err by 1e-16 m, times 1e4 N over 1e-5 rad; float32 by 1e-7.
            assert samples["joint_torque"][t, j] == pytest.approx(work, rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("actuator", ["pd", "tor"])
def test_joint_torques_without_muscles_are_those_applied(actuator):
    walker = untrained(load_config("torque").replace({"environment.skeleton.actuator": actuator}))
    samples, after, _, model, body, _ = walk_closely(walker, 3, actuator)
    dof, t = body.joint_dofadr, 17
    damping = model.dof_damping[dof] - body.model.dof_damping[dof]  # of the PD law, in the model's hands
    applied = after["qfrc_applied"][t, dof] - damping * after["qvel"][t - 1, dof]
    assert samples["joint_torque"][t] == pytest.approx(applied, rel=1e-5, abs=1e-5)  # kept as float32
    assert np.abs(applied).max() > 0.01
    assert not {"activation", "muscle_force"} & samples.keys()


def test_active_forces_are_muscle_forces_less_passive_ones(walker):
    samples, after, _, model, _, _ = walk_closely(walker, 4)
    for t in (5, 39):
        passive = [
            -mujoco.mju_muscleBias(
                after["actuator_length"][t, m],
                model.actuator_lengthrange[m],
                model.actuator_acc0[m],
                model.actuator_biasprm[m, :9],
            )
            for m in range(model.nu)
        ]
        active = -after["actuator_force"][t] - passive
        assert samples["muscle_force"][t] == pytest.approx(active, rel=1e-5, abs=1e-2)  # kept as float32
        assert active.max() > 50.0


def test_fibers_have_their_optimum_where_the_force_length_curve_peaks(walker):
    samples, after, _, model, _, _ = walk_closely(walker, 2)
    with walker.worlds(1, 1.0, 1) as env:
        optimum = Sampler(env).constants["optimal_fiber_length"]
    length, t = samples["fiber_length"], 7
    # A difference of actuator lengths is one of fiber lengths, since tendons are rigid.
    grown = (after["actuator_length"][t + 1] - after["actuator_length"][t]) / optimum
    assert length[t + 1] - length[t] == pytest.approx(grown, abs=1e-6)
    assert samples["fiber_velocity"][t] / 300 == pytest.approx(grown, abs=0.02)
    at_optimum = model.actuator_lengthrange[:, 0] + (1 - model.actuator_gainprm[:, 0]) * optimum
    for m in range(model.nu):
        gain = mujoco.mju_muscleGain(
            at_optimum[m],
            0.0,
            model.actuator_lengthrange[m],
            model.actuator_acc0[m],
            model.actuator_gainprm[m, :9],
        )
        assert -gain == pytest.approx(model.actuator_gainprm[m, 2])


def test_fibers_are_those_of_each_world(walker):
    """World 1 has optima 0.8 times as long and tendons 1.1 times; its active forces are MuJoCo's there."""
    with walker.worlds(2, 1.0, 1) as env:
        set_muscle_lengths(env.worlds, np.array([[1.0], [0.8]]), np.array([[1.0], [1.1]]))
        sampler = Sampler(env, rate=300.0)
        env.step(walker.policy(env.reset(0)), sampler)
        first, second = (sampler.samples(np.array([world])) for world in range(2))
        model, usual = env.worlds.model, env.worlds.model.actuator_gainprm
        length, velocity = (env.worlds.bind(f"actuator_{name}")[1] for name in ("length", "velocity"))
    reach, ends = model.actuator_lengthrange, usual[:, :2]
    fiber = np.ptp(reach, axis=1) / np.ptp(ends, axis=1)
    tendon = reach[:, 0] - ends[:, 0] * fiber
    own = (length - 1.1 * tendon) / (0.8 * fiber)
    assert second["fiber_length"][-1] == pytest.approx(own, abs=1e-6)  # kept as float32
    assert second["fiber_velocity"][-1] == pytest.approx(velocity / (0.8 * fiber), rel=1e-5, abs=1e-6)
    force = [
        -mujoco.mju_muscleGain(
            tendon[m] + own[m] * fiber[m],
            velocity[m] / 0.8,
            reach[m],
            model.actuator_acc0[m],
            usual[m, :9],
        )
        for m in range(model.nu)
    ]
    expected = np.array(force) * second["activation"][-1]
    assert second["muscle_force"][-1] == pytest.approx(expected, rel=1e-4, abs=0.5)
    assert np.abs(second["fiber_length"][0] - first["fiber_length"][0]).max() > 0.1


def test_optima_of_a_recording_are_those_of_its_worlds():
    lengths = {"muscle": {"optimal_length": {"hamstrings": fixed(0.5), "soleus": fixed(1.0)}}}
    shorter = untrained(load_config("walk").replace({"environment.parameters": lengths}))
    usual, own = (record(walker, 2, 0.1).optimal_fiber_length for walker in (untrained(), shorter))
    names = record(shorter, 1, 0.1).muscle_names
    ratio = dict(zip(names, own / usual, strict=True))
    assert ratio["bflh_r"] == ratio["semiten_l"] == pytest.approx(0.5)
    assert ratio["soleus_r"] == ratio["tibant_l"] == pytest.approx(1.0)


def fixed(factor: float) -> dict[str, float | str]:
    return {"min": 0.25, "max": 1.5, "default": factor, "sampling": "fixed"}


def centre_of_mass_velocity(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> np.ndarray:
    """Velocity (3,) [m/s] in the world."""
    data = mujoco.MjData(body.model)
    data.qpos[:], data.qvel[:] = qpos, qvel
    mujoco.mj_forward(body.model, data)
    mujoco.mj_subtreeVel(body.model, data)
    return data.subtree_linvel[body.root_body].copy()


def test_ground_reactions_change_the_momentum_of_the_body_and_carry_its_weight(walker):
    """Newton: the impulse of the ground and of gravity is what the centre of mass gains, in all axes."""
    samples, after, start, _, body, axes = walk_closely(walker, 20)
    impulse = samples["grf"].sum(axis=(0, 1)) / 300
    seconds = len(samples["grf"]) / 300
    gained = centre_of_mass_velocity(body, after["qpos"][-1], after["qvel"][-1]) - centre_of_mass_velocity(
        body, *start
    )
    expected = body.mass * axes @ gained + np.array([0.0, 0.0, body.weight * seconds])
    # 1 % of the weight's impulse: the bound coordinates of the knees slip a little in their equalities.
    assert impulse == pytest.approx(expected, abs=0.01 * body.weight * seconds)
    assert impulse[2] / seconds == pytest.approx(body.weight, rel=0.25)


def test_the_walking_frame_points_ahead(recording):
    for _, rows in recording.episodes():
        begun = slice(rows.start, rows.start + 60)
        assert recording.root_vel[begun, 0].mean() == pytest.approx(1.24, abs=0.3)
        assert np.all(recording.foot_pos[begun, 0, 1] < recording.foot_pos[begun, 1, 1])  # left is +y


def test_a_world_that_diverges_ends_its_episode_and_leaves_sound_samples(walker):
    with walker.worlds(3, 1.0, 1) as env:

        def policy(obs):
            if policy.calls == 5:
                env.worlds.qvel[1, 3:6] = 1e12
            policy.calls += 1
            return walker.policy(obs)

        policy.calls = 0
        sampler = Sampler(env)
        builder = RecordingBuilder(sampler.constants, 3)
        ended = record_walks(policy, env, env.reset(0), sampler, builder)
    recording = builder.recording()
    assert ended[1] == "fell"
    assert np.bincount(recording.episode)[1] == 5 * sampler.per_step


def test_the_report_of_a_walker_that_falls_says_so(recording, tmp_path):
    report = judge(recording, "untrained")
    _, page = write_report(report, tmp_path)
    assert report.numbers["completed"] == 0.0
    assert "The walker fell in 4 of 4 episodes" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"walks": 0}, "walks is 0; expected a whole number from 1 to 10,000"),
        ({"walks": 1e3}, "walks is 1000.0; expected a whole number"),
        ({"seconds": float("nan")}, "seconds is nan; expected a number from 0.001 to 86400 s"),
        ({"seconds": -1}, "seconds is -1; expected"),
        ({"seconds": 1e300}, "seconds is 1e[+]300; expected"),
        ({"rate": 0.0}, "rate is 0.0; expected"),
        ({"seed": -1}, "seed is -1; expected"),
        ({"num_threads": 0}, "num_threads is 0; expected a whole number from 1 to 1,024"),
    ],
)
def test_numbers_that_cannot_be_are_refused_before_anybody_walks(arguments, message):
    with pytest.raises(InputError, match=message):
        record(untrained(), **arguments)
