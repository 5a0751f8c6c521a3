import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microslip import MicroslipError
from microslip.grids.config import Split
from microslip.grids.splits import blocked_split, first_stages, random_split


@given(st.integers(20, 2000), st.integers(0, 100))
def test_random_split_uses_every_stage_once_in_the_asked_shares(n, seed):
    sets = random_split(n, Split(), seed)
    assert sorted(np.concatenate(list(sets.values()))) == list(range(n))
    assert abs(len(sets["train"]) - 0.6 * n) <= 1
    assert abs(len(sets["test"]) - 0.2 * n) <= 1


def test_random_split_follows_its_seed():
    assert random_split(100, Split(), 1)["test"].tolist() == random_split(100, Split(), 1)["test"].tolist()
    assert random_split(100, Split(), 1)["test"].tolist() != random_split(100, Split(), 2)["test"].tolist()


@given(st.integers(100, 2000), st.integers(0, 10))
def test_blocked_split_keeps_a_guard_between_blocks(n, guard):
    sets = blocked_split(n, Split(guard=guard))
    assert sets["train"][-1] + guard < sets["validation"][0]
    assert sets["validation"][-1] + guard < sets["test"][0]


def test_too_few_stages_are_refused():
    with pytest.raises(MicroslipError, match="19 stages are too few"):
        random_split(19, Split(), 1)
    with pytest.raises(MicroslipError, match=r"split\.guard = 10"):
        blocked_split(30, Split())


def test_the_first_stages_teach_and_what_follows_a_guard_tests():
    sets = first_stages(1000, 0.05, Split(guard=10))
    np.testing.assert_array_equal(np.concatenate([sets["train"], sets["validation"]]), np.arange(50))
    assert len(sets["train"]) == 38
    np.testing.assert_array_equal(sets["test"], np.arange(60, 1000))
    for share in (0.01, 0.995):
        with pytest.raises(MicroslipError, match="and leaves some to test"):
            first_stages(1000, share, Split())
