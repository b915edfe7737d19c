"""What is accepted is held as given, and stays the same when it is written and read again."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from batchenv.config import load_config


def numbers(low: float, high: float, **bounds: bool) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, **bounds)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


positive = numbers(1e-6, 1e4)
counts = st.integers(1, 1000)
layers = st.lists(st.integers(1, 4096), min_size=1, max_size=8)
names = st.from_regex(r"[a-z_][a-z0-9_]{0,12}", fullmatch=True)
gains = numbers(0, 1e6) | st.dictionaries(st.text(max_size=8), numbers(0, 1e6), min_size=1, max_size=4)
arguments = st.booleans() | st.integers(-(2**62), 2**62) | numbers(-1e300, 1e300) | st.text()
terms = st.builds(
    lambda weight, more: {**more, "weight": weight},
    numbers(-1e6, 1e6),
    st.dictionaries(names, arguments, max_size=3),
)
clocks = st.integers(1, 200).flatmap(
    lambda control_hz: st.fixed_dictionaries(
        {"control_hz": st.just(control_hz), "sim_hz": st.integers(2, 50).map(lambda n: n * control_hz)},
        optional={"inference_per_sim": counts, "integrator": st.sampled_from(["implicitfast", "euler"])},
    )
)
ranges = (
    st.lists(numbers(0.1, 10), min_size=3, max_size=3)
    .map(sorted)
    .flatmap(
        lambda v: st.fixed_dictionaries(
            {"min": st.just(v[0]), "default": st.just(v[1]), "max": st.just(v[2])},
            optional={"sampling": st.sampled_from(["uniform", "normal", "fixed"])},
        )
    )
)
environments = st.fixed_dictionaries(
    {
        "reward": st.dictionaries(
            names.filter(lambda name: name not in {"type", "eoe_type", "clip"}), terms, min_size=1, max_size=4
        )
    },
    optional={
        "skeleton": some(
            file=st.just("myo_sim:myolegs"),
            actuator=st.sampled_from(["mass", "muscle", "pd", "tor"]),
            kp=gains,
            kv=st.none() | gains,
        ),
        "ground": some(friction=numbers(0, 10)),
        "motion": some(
            cyclic=st.just(True), period=numbers(0.1, 100), speed=numbers(0, 20), smooth=st.booleans()
        ),
        "muscle": some(
            coordinator=st.sampled_from(["static_optimization", "network"]),
            activation_dynamics=st.booleans(),
            static_optimization=some(sweeps=counts, regularization=positive),
            network=some(hidden=layers, weight=numbers(-10, 10), keep_samples=st.booleans()),
        ),
        "simulation": clocks,
        "action": some(scale=positive, residual=st.booleans(), time_warping=numbers(0, 0.99)),
        "termination": some(terms=some(fallen=some(min_height=numbers(0, 0.99)), tilted=some())),
        "episode": some(max_seconds=numbers(1, 1e6)),
        "events": some(start_on_reference=some(joint_noise=numbers(0, 1)), push=some(newtons=positive)),
        "parameters": some(
            gait=some(stride=ranges, cadence=ranges),
            muscle=some(strength=some(soleus_r=ranges)),
            ground=some(friction=ranges),
        ),
    },
)
trainings = some(
    steps=st.integers(1, 10**12),
    num_envs=st.integers(4, 4096),
    seed=st.integers(0, 2**63 - 1),
    hidden=layers,
    learning_rate=numbers(1e-12, 1),
    gamma=numbers(0.01, 1),
    symmetry=st.booleans(),
)


@given(environment=environments, training=trainings)
def test_a_configuration_written_and_read_again_is_equal(
    environment: dict[str, Any], training: dict[str, Any]
):
    config = load_config({"environment": environment, "training": training})
    assert load_config(config.to_yaml()) == config
    assert config.replace({}) == config


@given(environment=environments)
def test_every_value_given_is_the_value_held(environment: dict[str, Any]):
    held = load_config({"environment": environment}).model_dump()["environment"]

    def compare(given_: Any, held_: Any) -> None:
        if isinstance(given_, dict):
            assert given_.keys() <= held_.keys()
            for key, value in given_.items():
                compare(value, held_[key])
        else:
            assert held_ == (tuple(given_) if isinstance(given_, list) else given_)

    compare(environment, held)


def test_numbers_with_an_exponent_but_no_point_are_numbers():
    assert (
        load_config("environment: {reward: {pose: {weight: 1e-3}}}").environment.reward["pose"].weight
        == 0.001
    )
