import numpy as np
import pytest
import torch

from batchenv.config.training import MuscleLearning
from batchenv.engine.coordinators.network import init_state
from batchenv.learn.muscle_learner import MuscleLearner, MuscleNet
from tests.engine.coordinators.network.examples import numpy_twin, random_layout, random_state, small_layout


def learner_of(layout, state=None, *, base=None, weight=1.0, **settings):
    state = random_state(layout) if state is None else state
    return MuscleLearner(layout, MuscleLearning(**settings), state, base=base, weight=weight)


def problems(layout, n, seed=0):
    """Torques that activations make, where every muscle is strong enough for the network to see it."""
    rng = np.random.default_rng(seed)
    jta = rng.normal(0, 100, (n, layout.n_crossing)).astype(np.float32)
    a = rng.uniform(0, 1, (n, layout.n_muscle)) * (rng.random((n, layout.n_muscle)) < 0.5)
    to_joint = np.eye(len(layout.joint_names))[layout.muscle_joint]
    torque = (jta * a[:, layout.crossing_muscle]) @ to_joint
    return torch.from_numpy(jta), torch.from_numpy(torque.astype(np.float32))


@pytest.mark.parametrize("cascaded", [False, True])
def test_the_model_is_what_the_kernel_evaluates(cascaded):
    layout = random_layout(cascaded=cascaded)
    state, base_layout = random_state(layout), random_layout(hidden=(20,))
    base_state = random_state(base_layout, 4)
    base, weight = ((base_layout, base_state), 0.3) if cascaded else (None, 1.0)
    model = learner_of(layout, state, base=base, weight=weight).model
    jta, torque = problems(layout, 5)
    with torch.no_grad():
        z, activation = model(jta, torque)
    for i in range(5):
        previous = numpy_twin(base_layout, base_state, jta[i].numpy(), torque[i].numpy())[0]
        given = (jta[i].numpy(), torque[i].numpy(), previous if cascaded else (), weight)
        expected_z, expected = numpy_twin(layout, state, *given)
        assert z[i].numpy() == pytest.approx(expected_z, rel=1e-4, abs=1e-4)  # sums of 256 float32
        assert activation[i].numpy() == pytest.approx(expected, abs=1e-4)


def test_keys_are_those_of_the_layout_and_biases_start_at_zero():
    net = MuscleNet(random_layout())
    assert {k: tuple(v.shape) for k, v in net.state_dict().items()} == random_layout().parameter_shapes
    assert not any(v.any() for k, v in net.state_dict().items() if k.endswith("bias"))


def test_the_loss_is_that_of_gaitnet():
    layout = small_layout()
    state = random_state(layout)
    learner = learner_of(layout, state)
    jta, torque = problems(layout, 6)
    loss, squared = learner.update(jta, torque)
    twins = [numpy_twin(layout, state, j, t) for j, t in zip(jta.numpy(), torque.numpy(), strict=True)]
    z, a = (np.array(part) for part in zip(*twins, strict=True))
    to_joint = np.eye(3)[layout.muscle_joint]
    error = (jta.numpy() * a[:, layout.crossing_muscle]) @ to_joint - torque.numpy()
    expected = np.mean((error / 100) ** 2) + 0.01 * np.mean(a**2) + 0.01 * np.mean(z**2)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert squared.item() == pytest.approx(np.mean(error**2), rel=1e-5)


def test_gradients_are_clamped():
    layout = small_layout()
    learner = learner_of(layout)
    jta, torque = problems(layout, 6)
    learner.update(100 * jta, 100 * torque)
    largest = max(p.grad.abs().max().item() for p in learner.model.net.parameters())
    assert largest == 0.5


def test_it_learns_to_make_torques():
    layout = small_layout(hidden=(32, 32))
    learner = learner_of(layout, init_state(layout, 0), learning_rate=3e-3, updates=150, mini_batch=256)
    jta, torque = problems(layout, 4000)
    first = learner.learn(jta, torque)
    for _ in range(3):
        last = learner.learn(jta, torque)
    assert last["muscle"] < 0.5 * first["muscle"]
    assert last["muscle_torque_error"] < 0.7 * first["muscle_torque_error"]


def test_samples_of_worlds_that_diverged_are_left_out():
    layout = small_layout()
    learner, clean = learner_of(layout), learner_of(layout)
    jta, torque = problems(layout, 20)
    spoilt_jta, spoilt = torch.cat((jta, jta)), torch.cat((torque, torch.full_like(torque, torch.nan)))
    assert learner.learn(spoilt_jta, spoilt) == clean.learn(jta, torque)
    assert learner.learn(jta, torch.full_like(torque, torch.nan)) == {}


def test_a_restored_learner_goes_on_with_the_same_bits():
    layout = small_layout()
    jta, torque = problems(layout, 50)
    learner = learner_of(layout)
    learner.learn(jta, torque)
    again = learner_of(layout, random_state(layout, 9))
    again.load_state_dict(learner.state_dict())
    learner.learn(jta, torque)
    again.learn(jta, torque)
    assert all(np.array_equal(a, again.network()[key]) for key, a in learner.network().items())
    assert learner.network()["fc.0.bias"].any()


def test_only_the_correction_of_a_cascade_learns():
    base_layout, layout = small_layout(), small_layout(cascaded=True)
    base = random_state(base_layout, 4)
    learner = learner_of(layout, base=(base_layout, base), weight=0.5)
    learner.learn(*problems(layout, 50))
    kept = learner.model.base.state_dict()
    assert all(np.array_equal(base[key], value.numpy()) for key, value in kept.items())
