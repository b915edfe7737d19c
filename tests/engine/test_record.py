import numpy as np
import pytest

from batchenv.engine.parts import PARTS, RECORD
from batchenv.engine.record import N_HEADER, Layout, Part, SharedRecord, Values, record_dtype

SPRING = Part(numbers={"stiffness": np.float64}, arrays={"rest": np.float64}, slots=("stretch",))
DAMPER = Part(numbers={"damping": np.float64}, buffers=("weights",), slots=("force", "power"))


@pytest.mark.parametrize(
    "part",
    [
        Part(numbers={"stiffness": np.int64}),
        Part(arrays={"stiffness": np.float64}),
        Part(buffers=("rest",)),
        Part(slots=("stretch",)),
        Part(numbers={"at_stretch": np.int64}),
        Part(numbers={"kernel": np.int64}),
    ],
)
def test_a_field_that_two_parts_declare_is_refused(part):
    with pytest.raises(ValueError, match="occurs more than once"):
        record_dtype([SPRING, part])


def test_the_record_has_a_field_for_everything_that_parts_declare():
    dtype = record_dtype([SPRING, DAMPER])
    assert dtype.names == (
        "kernel", "digest", "n_user", "substeps",
        "stiffness", "at_stretch", "rest",
        "damping", "at_force", "at_power", "weights",
    )  # fmt: skip
    assert dtype["rest"] == dtype["weights"] == np.uint64 and dtype["at_force"] == np.int64


def test_the_parts_that_the_engine_ships_go_together_in_one_record():
    declared = [name for part in PARTS for name in (*part.numbers, *part.arrays, *part.buffers)]
    slots = [name for part in PARTS for name in part.slots]
    assert set(RECORD.names or ()) == {*declared, *(f"at_{name}" for name in slots)} | set(
        record_dtype(()).names or ()
    )


def test_slots_lie_one_after_another_behind_the_leading_ones():
    layout = Layout.of({"stretch": (2, 3), "force": (), "nothing": (0, 3), "power": (4,)})
    at = N_HEADER
    assert layout.starts == {"stretch": at, "force": at + 6, "nothing": at + 7, "power": at + 7}
    assert layout.size == at + 11
    assert layout.columns("stretch") == slice(at, at + 6)
    assert layout.columns("force") == slice(at + 6, at + 7)
    assert layout.columns("nothing") == slice(at + 7, at + 7)


def test_values_of_parts_are_joined_and_both_clear_their_slots():
    rest, weights = np.zeros(2), np.ones(3)
    spring = Values({"stiffness": 2.0}, {"rest": rest}, slots={"stretch": (2,)}, cleared=("stretch",))
    damper = Values({"damping": 3.0}, buffers={"weights": weights}, slots={"force": ()}, cleared=("force",))
    both = spring | damper
    assert both.numbers == {"stiffness": 2.0, "damping": 3.0}
    assert both.arrays == {"rest": rest} and both.buffers == {"weights": weights}
    assert list(both.slots.items()) == [("stretch", (2,)), ("force", ())]
    assert both.cleared == ("stretch", "force")
    assert spring.numbers == {"stiffness": 2.0} and spring.cleared == ("stretch",)  # as they were


def shared(values):
    parts = (SPRING, DAMPER)
    layout = Layout.of(values.slots)
    return SharedRecord(record_dtype(parts), parts, values, layout, {"n_user": layout.size})


def test_a_record_holds_numbers_places_and_addresses():
    rest, weights = np.array([1, 2]), np.ones(3, np.float32)
    values = Values(
        {"stiffness": 2.5}, {"rest": rest}, {"weights": weights}, {"stretch": (2,), "force": (), "power": ()}
    )
    record = shared(values)
    row = record.record[0]
    assert (row["stiffness"], row["n_user"]) == (2.5, N_HEADER + 4)
    assert [row[f"at_{name}"] - N_HEADER for name in ("stretch", "force", "power")] == [0, 2, 3]
    assert row["rest"] == record.arrays["rest"].ctypes.data and row["weights"] == weights.ctypes.data
    assert record.addresses[0] == record.record.ctypes.data
    rest[:] = weights[:] = 7
    assert record.arrays["rest"].tolist() == [1.0, 2.0]  # a copy, of the type declared
    assert record.buffers["weights"].tolist() == [7.0] * 3  # the owner's own


def test_what_values_leave_out_is_zero_or_an_empty_array():
    record = shared(Values())
    assert record.record[0]["stiffness"] == 0.0 and record.record[0]["weights"] == 0
    assert record.arrays["rest"].shape == (0,) and record.arrays["rest"].dtype == np.float64
