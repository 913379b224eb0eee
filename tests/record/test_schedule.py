import copy
import pickle
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import infotheory as it


def steps(schedule, last):
    found, step = [], -1
    while (due := schedule.next(step)) is not None and due <= last:
        found.append(due)
        step = due
    return found


simple = st.one_of(
    st.builds(it.log_spaced, st.integers(1, 400)),
    st.builds(it.every, st.integers(1, 10_000)),
    st.builds(it.at, st.lists(st.integers(0, 10**9), max_size=5)),
)


@given(schedule=simple, step=st.integers(-1, 10**12))
def test_the_next_step_is_later_and_none_is_left_out(schedule, step):
    due = schedule.next(step)
    if due is None:
        return
    assert due > step
    assert isinstance(due, int)
    between = (step + due) // 2
    assert schedule.next(between if between < due else step) == due


@given(per_decade=st.integers(1, 100))
def test_log_spaced_has_0_and_1_and_that_many_per_decade(per_decade):
    found = steps(it.log_spaced(per_decade), 10**6)
    assert found[:2] == [0, 1]
    assert all(b > a for a, b in pairwise(found))
    assert {10**power for power in range(7)} <= set(found)
    assert len([step for step in found if 10**5 < step <= 10**6]) == per_decade


@given(a=simple, b=simple, step=st.integers(-1, 10**9))
def test_either_is_due(a, b, step):
    due = [found for found in (a.next(step), b.next(step)) if found is not None]
    assert (a | b).next(step) == min(due, default=None)


@given(schedule=simple)
def test_schedules_are_plain_values(schedule):
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert copy.deepcopy(schedule) == schedule
    assert hash(schedule) == hash(copy.copy(schedule))


def test_by_hand():
    assert steps(it.log_spaced(3), 100) == [0, 1, 2, 5, 10, 22, 46, 100]
    assert steps(it.every(4), 12) == [0, 4, 8, 12]
    assert steps(it.at([5, 0, 5, 2]), 9) == [0, 2, 5]
    assert steps(it.at([]), 9) == []
    assert steps(it.every(6) | it.at([1, 6]) | it.at([7]), 12) == [0, 1, 6, 7, 12]


@pytest.mark.parametrize(
    "make",
    [
        lambda: it.log_spaced(0),
        lambda: it.every(0),
        lambda: it.at([-1]),
    ],
)
def test_steps_that_cannot_be(make):
    with pytest.raises(ValueError, match="at least"):
        make()


def test_schedules_compose_with_schedules_alone():
    with pytest.raises(TypeError):
        it.every(3) | 5
    with pytest.raises(TypeError, match="must be an integer"):
        it.at([1.5])
