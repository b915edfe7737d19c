"""The muscle network in a running batch: what it computes, how its weights change, what it keeps to learn."""

import mujoco
import numpy as np
import pytest

from batchenv import BatchEnv, ConfigError, InputError, UsageError, load_config
from batchenv.engine.coordinators.network import init_state

NETWORK = {
    "environment.muscle.coordinator": "network",
    "environment.muscle.network.hidden": [32, 32],
    "environment.muscle.network.keep_samples": True,
}


def build(num_envs=4, num_threads=2, seed=0, **changes):
    changes = {f"environment.{key.replace('__', '.')}": value for key, value in changes.items()}
    return BatchEnv(load_config("walk").replace(NETWORK | changes), num_envs, num_threads, seed)


def drive(env, steps):
    """Actions that depend on world and step alone; returns the rows of observations and rewards."""
    history = []
    for k in range(steps):
        actions = [np.random.default_rng((k, i)).normal(0, 0.5, env.action_dim) for i in range(env.num_envs)]
        history.append(np.c_[env.step(np.array(actions))[:2]])
    return np.array(history)


def some_state(env, seed=3):
    """Weights whose activations fill their range."""
    state = init_state(env.worlds.coordinator.network.layout, seed)
    return {
        key: np.float32(2.5) * value if value.ndim == 2 else value + np.float32(0.2)
        for key, value in state.items()
    }


def torch_forward(state, inputs):
    """z and activation (n, M) of inputs (n, n_in), as GaitNet's network in Torch."""
    torch = pytest.importorskip("torch")
    x, layers = torch.tensor(inputs, dtype=torch.float32), len(state) // 2
    for layer in range(layers):
        weight, bias = (torch.tensor(state[f"fc.{2 * layer}.{part}"]) for part in ("weight", "bias"))
        x = torch.nn.functional.linear(x, weight, bias)
        if layer < layers - 1:
            x = torch.nn.functional.leaky_relu(x, 0.2)
    return x.numpy(), torch.relu(torch.tanh(x)).numpy()


def last_substep(env):
    """Step the worlds, keeping the last substep's samples; return them and the activations from them."""
    env.worlds.set_targets(*env.task.targets(env._batch))
    env.worlds.choose_samples(np.full(env.num_envs, 0.999))
    env.worlds.step()
    return env.muscle_samples(), env.worlds.slot("activation").copy()


@pytest.mark.parametrize("hidden", [[32, 32], [256, 256, 256], [70]])
def test_activations_in_the_worlds_are_those_of_torch(hidden):
    with build(16, muscle__network__hidden=hidden, muscle__activation_dynamics=False) as env:
        env.set_muscle_network(some_state(env))
        env.reset()
        samples, activation = last_substep(env)
        inputs = np.c_[samples.jta_reduced, samples.torque] / 200
        expected = torch_forward(env.muscle_network(), inputs)[1]
        assert 0.3 < (expected > 0.01).mean() < 0.9 and expected.max() > 0.9
        assert np.abs(activation - expected).max() < 1e-5


def test_activations_stay_within_what_their_dynamics_reach():
    with build(16) as env:
        env.set_muscle_network(some_state(env))
        env.reset()
        _, activation = last_substep(env)
        assert np.array_equal(activation, np.clip(activation, 0, 1))
        assert env.worlds.act == pytest.approx(activation, abs=1e-12)


def test_a_cascade_corrects_the_network_before_it(tmp_path):
    with build(2, muscle__network__hidden=[16]) as plain:
        base = some_state(plain, 5)
    np.savez(tmp_path / "base.npz", **base)
    cascade = {
        "muscle__network__cascaded": True,
        "muscle__network__base_file": str(tmp_path / "base.npz"),
        "muscle__network__weight": 0.5,
        "muscle__activation_dynamics": False,
    }
    with build(8, **cascade) as env:
        env.set_muscle_network(some_state(env))
        env.reset()
        samples, activation = last_substep(env)
        inputs = np.c_[samples.jta_reduced, samples.torque] / 200
        previous_z, previous = torch_forward(env.worlds.coordinator.base.effective_state(), inputs)
        weight = np.full((8, 1), 0.5)
        correction, _ = torch_forward(env.muscle_network(), np.c_[0.5 * previous_z, weight, inputs])
        expected = np.maximum(np.tanh(previous_z + 0.5 * correction), 0)
        assert np.abs(activation - expected).max() < 1e-5 and np.abs(previous - expected).mean() > 0.1


def effective_arms(body, model, data):
    """Dense moment arms (n_muscle, n_joint) with bound coordinates as they are, off their curves."""
    moment = np.zeros((model.nu, model.nv))
    structure = (data.moment_rownnz, data.moment_rowadr, data.moment_colind)
    mujoco.mju_sparse2dense(moment, data.actuator_moment, *structure)
    arms = moment[:, body.joint_dofadr]
    slopes = body.bound_slope(data.qpos[body.joint_qposadr])
    for dof, joint, slope in zip(body.bound_dofadr, body.bound_joint, slopes, strict=True):
        arms[:, joint] += moment[:, dof] * slope
    return arms


def slow_sample(env, qpos, qvel, target, rate, elapsed):
    """The coordinator's problem by MuJoCo's own functions and dense moment arms, in float64."""
    body, model = env.body, env.worlds.model
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = qpos, qvel
    mujoco.mj_fwdPosition(model, data)
    mujoco.mj_fwdVelocity(model, data)
    arms = effective_arms(body, model, data)
    law = env.worlds.law
    position, velocity = qpos[body.joint_qposadr], qvel[body.joint_dofadr]
    required = law.kp * (target + elapsed * rate - position) + law.kv * (rate - velocity)
    jta = np.zeros((len(body.joint_names), model.nu))
    for m in range(model.nu):
        length, span, acc0 = data.actuator_length[m], model.actuator_lengthrange[m], model.actuator_acc0[m]
        gain = mujoco.mju_muscleGain(
            length, data.actuator_velocity[m], span, acc0, model.actuator_gainprm[m, :9]
        )
        required = required - arms[m] * mujoco.mju_muscleBias(
            length, span, acc0, model.actuator_biasprm[m, :9]
        )
        jta[:, m] = arms[m] * gain
    return required, jta


def test_samples_are_what_a_slow_twin_computes_from_the_recorded_state():
    with build(6) as env:
        env.set_muscle_network(some_state(env))
        env.reset()
        for _ in range(3):
            states = [(env.worlds.qpos.copy(), env.worlds.qvel.copy())]
            env.step(
                np.zeros((6, env.action_dim)),
                lambda states=states: states.append((env.worlds.qpos.copy(), env.worlds.qvel.copy())),
            )
            target, rate = env.worlds.slot("target"), env.worlds.slot("target_rate")
            samples, chosen = env.muscle_samples(), env.worlds.coordinator._substep
            for i in range(6):
                qpos, qvel = (part[i] for part in states[chosen[i]])
                elapsed = chosen[i] * env.worlds.timestep
                required, jta = slow_sample(env, qpos, qvel, target[i, :14], rate[i], elapsed)
                # float32 numbers up to 300 Nm, each from a dozen terms; the same, were they float64, to 1e-9.
                assert samples.torque[i] == pytest.approx(required, rel=1e-6, abs=1e-4)
                assert samples.jta[i] == pytest.approx(jta, rel=1e-6, abs=1e-4)


def test_reduced_and_dense_samples_say_the_same():
    with build(3) as env:
        env.reset()
        drive(env, 2)
        layout, samples = env.worlds.coordinator.network.layout, env.muscle_samples()
        assert np.array_equal(
            samples.jta[:, layout.muscle_joint, layout.crossing_muscle], samples.jta_reduced
        )
        assert np.abs(samples.jta_reduced).max() > 50.0
        assert np.count_nonzero(samples.jta) == np.count_nonzero(samples.jta_reduced)


def test_samples_are_views_of_a_substep_drawn_for_each_world_and_step():
    with build(32) as env:
        env.reset()
        samples, substeps = env.muscle_samples(), []
        for _ in range(20):
            before = samples.torque.copy()
            drive(env, 1)
            substeps.append(env.worlds.coordinator._substep.copy())
            assert (
                env.muscle_samples().torque is samples.torque and (samples.torque != before).any(axis=1).all()
            )
        counts = np.bincount(np.ravel(substeps), minlength=10)
        # 640 draws out of ten: 64 +- 7.6 each.
        assert counts.size == 10 and counts.min() > 35 and counts.max() < 95
        by_step, by_world = np.array(substeps), np.array(substeps).T
        assert len(np.unique(by_step, axis=0)) == 20 and len(np.unique(by_world, axis=0)) == 32


def test_samples_come_from_substeps_in_which_the_network_runs():
    with build(32, simulation__inference_per_sim=3) as env:
        env.reset()
        drive(env, 3)
        assert set(env.worlds.coordinator._substep.tolist()) == {0, 3, 6, 9}


def test_a_world_that_diverged_has_no_tuple():
    with build(3) as env:
        env.reset()
        drive(env, 2)
        env.worlds.qvel[1, :3] = 1e14
        drive(env, 1)
        assert np.isnan(env.muscle_samples().torque).all(axis=1).tolist() == [False, True, False]
        drive(env, 1)
        assert np.isfinite(env.muscle_samples().torque).all()


def test_taught_worlds_move_by_static_optimisation_and_keep_the_problems_of_the_network():
    with build(3) as taught, build(3, muscle__coordinator="static_optimization") as optimized:
        coordinator = taught.worlds.coordinator
        coordinator.taught = True
        for env in (taught, optimized):
            env.reset()
        assert np.array_equal(drive(taught, 5), drive(optimized, 5))
        before, problems = taught.snapshot(), []
        for coordinator.taught in (True, False):
            taught.restore(before)
            taught.worlds.choose_samples(np.zeros(3))  # of the first substep, which both begin alike
            taught.worlds.step()
            samples = taught.muscle_samples()
            problems.append((samples.jta_reduced.copy(), samples.torque.copy(), taught.worlds.qpos.copy()))
        (jta, torque, qpos), (seen, asked, moved) = problems
        assert np.array_equal(jta, seen) and np.array_equal(torque, asked) and np.abs(torque).max() > 10.0
        assert not np.array_equal(qpos, moved)


def test_samples_change_nothing_of_what_the_worlds_do():
    histories = []
    for samples in (True, False):
        with build(3, muscle__network__keep_samples=samples) as env:
            env.reset()
            histories.append(drive(env, 20))
    assert np.array_equal(*histories)


def test_same_bits_at_any_number_of_threads_and_worlds():
    histories, samples = [], []
    for num_envs, num_threads in ((3, 1), (8, 2), (32, 4)):
        with build(num_envs, num_threads, seed=5) as env:
            env.set_muscle_network(some_state(env))
            env.reset()
            histories.append(drive(env, 30)[:, :3])
            samples.append(env.muscle_samples().jta[:3].copy())
    for i in (1, 2):
        assert np.array_equal(histories[i], histories[0]) and np.array_equal(samples[i], samples[0])


def test_new_weights_in_a_running_batch_give_the_bits_of_a_fresh_batch_with_them():
    with build() as running, build() as fresh:
        state = some_state(running)
        fresh.set_muscle_network(state)
        for env in (running, fresh):
            env.reset()
        old = drive(running, 5)
        running.set_muscle_network(state)
        fresh.restore(running.snapshot())
        new = drive(running, 10)
        assert np.array_equal(new, drive(fresh, 10))
        assert not np.array_equal(new[:5], old)


def test_weights_come_back_as_the_kernel_has_them():
    with build() as env:
        state = some_state(env)
        env.set_muscle_network({f"fc{int(key[3]) // 2 + 1}{key[4:]}": value for key, value in state.items()})
        for key, value in env.muscle_network().items():
            largest = np.abs(state[key]).max()
            assert np.abs(value - state[key]).max() <= 2.0**-20 * largest  # 21 bits with their sign
        assert not np.array_equal(env.muscle_network()["fc.0.weight"], state["fc.0.weight"])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: s | {"fc.0.wieght": s["fc.0.bias"]}, "Did you mean 'fc.0.weight'"),
        (lambda s: {k: v for k, v in s.items() if k != "fc.4.bias"}, "'fc.4.bias' is missing"),
        (lambda s: s | {"fc.4.weight": s["fc.4.weight"][:, 1:]}, "'fc.4.weight' has shape"),
        (lambda s: s | {"fc.4.bias": np.zeros(80, int)}, "'fc.4.bias' has dtype int64"),
        (lambda s: s | {"fc.4.bias": np.full(80, np.nan)}, "'fc.4.bias' holds nan"),
    ],
)
def test_refused_weights_leave_the_old_ones_working(spoil, message):
    with build(2) as env:
        env.set_muscle_network(some_state(env))
        env.reset()
        snapshot, future = env.snapshot(), drive(env, 3)
        before = env.muscle_network()
        with pytest.raises(InputError, match=message):
            env.set_muscle_network(spoil(some_state(env, 4)))
        env.restore(snapshot)
        assert np.array_equal(drive(env, 3), future)
        assert all(np.array_equal(before[key], value) for key, value in env.muscle_network().items())


def test_without_a_network_there_is_nothing_to_set_or_see():
    with BatchEnv("walk", 1, 1) as env:
        for call in (env.muscle_network, env.muscle_samples, lambda: env.set_muscle_network({})):
            with pytest.raises(UsageError, match="set environment.muscle.coordinator to network"):
                call()
    with (
        build(1, 1, muscle__network__keep_samples=False) as env,
        pytest.raises(UsageError, match="keep_samples"),
    ):
        env.muscle_samples()
    with pytest.raises(UsageError, match="is closed"):
        env.muscle_network()


def test_first_weights_follow_the_seed():
    weights = []
    for seed in (0, 0, 1):
        with build(1, 1, seed) as env:
            weights.append(env.muscle_network()["fc.0.weight"])
    assert np.array_equal(weights[0], weights[1]) and not np.array_equal(weights[0], weights[2])


@pytest.mark.parametrize("suffix", [".npz", ".pt"])
def test_weights_are_loaded_from_a_file(tmp_path, suffix):
    file = tmp_path / f"weights{suffix}"
    with build(1, 1) as env:
        state = some_state(env)
    if suffix == ".npz":
        np.savez(file, **state)
    else:
        torch = pytest.importorskip("torch")
        torch.save({key: torch.tensor(value) for key, value in state.items()}, file)
    with build(1, 1, muscle__network__file=str(file)) as env:
        assert np.array_equal(env.muscle_network()["fc.2.bias"], state["fc.2.bias"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("weights.txt", "network.file: .*suffix '.txt'; expected one of .npz, .pt, .pth"),
        ("weights.npz", "network.file: .*cannot be read as an NPZ file"),
        ("weights.pt", "network.file: .*cannot be read as a state dict"),
    ],
)
def test_a_file_that_holds_no_weights_is_refused(tmp_path, name, message):
    (tmp_path / name).write_text("no weights")
    with pytest.raises(ConfigError, match=message):
        build(1, 1, muscle__network__file=str(tmp_path / name))


def test_a_cascade_needs_the_network_before_it():
    with pytest.raises(ConfigError, match="network.base_file.*with cascaded: true, and only then"):
        build(1, 1, muscle__network__cascaded=True)
