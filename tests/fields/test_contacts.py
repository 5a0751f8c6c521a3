"""Contacts lost and gained, and force chains, of packings made by hand."""

from dataclasses import replace

import numpy as np
import pytest

from microslip import Box
from microslip.core.contacts import grain_stress
from microslip.fields.force_chains import force_chains
from microslip.fields.registry import FIELDS
from microslip.fields.stage import FrameValues, StageFrames

BOX = Box((8.0, 8.0, 8.0))


def stage_of(before, after, diameter, stress=None, kind=None):
    n = len(before)
    values = {"diameter": FrameValues(lambda _frame: diameter, range(2))}
    if stress is not None:
        values["grain_stress"] = FrameValues(lambda _frame: stress, range(2))
    kind = np.zeros(n, dtype=int) if kind is None else kind
    return StageFrames(before, after, kind, diameter, BOX, BOX, 2.0, np.ones(n, dtype=bool), values)


def neighbours_by_hand(position, diameter):
    n = len(position)
    apart = np.linalg.norm(BOX.minimum_image(position[:, None] - position[None]), axis=2)
    touch = apart < (diameter[:, None] + diameter[None]) / 2
    return [{j for j in range(n) if j != i and touch[i, j]} for i in range(n)]


def test_lost_and_gained_are_those_of_sets_of_neighbours(rng):
    before, diameter = rng.random((300, 3)) * 8, rng.uniform(0.8, 1.2, 300)
    after = before + rng.normal(0, 0.1, before.shape)
    stage = stage_of(before, after, diameter)
    start, end = (neighbours_by_hand(position, diameter) for position in (before, after))
    lost = [len(one - two) / len(one) if one else np.nan for one, two in zip(start, end, strict=True)]
    gained = [len(two - one) / len(two) if two else np.nan for one, two in zip(start, end, strict=True)]
    assert 0.1 < np.nanmean(lost) < 0.9
    np.testing.assert_allclose(FIELDS["contacts_lost"].measure(stage), lost)
    np.testing.assert_allclose(FIELDS["contacts_gained"].measure(stage), gained)


def test_what_is_lost_is_gained_backwards(rng):
    before, diameter = rng.random((200, 3)) * 8, np.ones(200)
    stage = stage_of(before, before + rng.normal(0, 0.1, before.shape), diameter)
    backwards = replace(stage, reference=stage.current, current=stage.reference)
    np.testing.assert_array_equal(FIELDS["contacts_lost"].measure(stage), FIELDS["contacts_gained"].measure(backwards))
    at_rest = replace(stage, current=stage.reference + np.array([3.0, -9.0, 0.0]))
    assert np.nanmax(FIELDS["contacts_lost"].measure(at_rest)) == 0


def test_a_grain_that_one_frame_lacks_has_no_contacts():
    before = np.array([[1.0, 1, 1], [1.9, 1, 1], [2.8, 1, 1]])
    after = before.copy()
    after[2] = np.nan
    stage = replace(stage_of(before, after, np.ones(3)), there=np.array([True, True, False]))
    np.testing.assert_array_equal(FIELDS["contacts_lost"].measure(stage), [0, 0, np.nan])


# --- force chains -----------------------------------------------------------------------------------------------------


def chain_by_hand():
    """Five grains in a row along (1, 0, 1), one that hangs beside it, and eight in a ring under less load far off."""
    along = np.array([1.0, 0, 1.0]) / np.sqrt(2)
    row = np.array([1.0, 2, 1]) + 0.98 * np.arange(5)[:, None] * along
    beside = row[2] + 0.98 * np.array([0, 1.0, 0])
    ring = np.array([4.0, 6, 6]) + 1.2 * np.array([[np.cos(a), 0, np.sin(a)] for a in np.arange(8) * np.pi / 4])
    position = np.concatenate([row, [beside], ring])
    pairs = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [2, 5], *[[6 + k, 6 + (k + 1) % 8] for k in range(8)]])
    separation = position[pairs[:, 1]] - position[pairs[:, 0]]
    size = np.array([1.0] * 4 + [0.02] + [0.1] * 8)
    # the force on the first grain pushes it away from the second
    force = -size[:, None] * separation / np.linalg.norm(separation, axis=1)[:, None]
    return position, pairs, separation, force


def test_a_row_under_load_is_a_chain_and_nothing_else_is():
    position, pairs, separation, force = chain_by_hand()
    stress = grain_stress(pairs, separation, force, np.ones(len(position)))
    member = force_chains(stress, pairs, separation, np.ones(len(position), dtype=bool))
    assert np.flatnonzero(member).tolist() == [0, 1, 2, 3, 4]


def test_two_grains_are_no_chain_and_a_turn_beyond_45_degrees_breaks_one(rng):
    position, pairs, separation, force = chain_by_hand()
    n = len(position)
    stress = grain_stress(pairs, separation, force, np.ones(n))
    # the middle grain pressed across the row: what is left are pairs
    turned = stress.copy()
    turned[2] = [0, 50.0, 0, 0, 0, 0]
    assert not force_chains(turned, pairs, separation, np.ones(n, dtype=bool)).any()
    everywhere = np.ones(n, dtype=bool)
    everywhere[4] = False
    assert np.flatnonzero(force_chains(stress, pairs, separation, everywhere)).tolist() == [0, 1, 2, 3]


def test_neither_the_axes_nor_the_unit_nor_the_order_matter(rng):
    position = rng.random((400, 3)) * 8
    stage = stage_of(position, position, np.full(400, 1.1))
    pairs, separation = stage.start_contacts
    force = -rng.exponential(size=len(pairs))[:, None] * separation
    everywhere = np.ones(400, dtype=bool)
    stress = grain_stress(pairs, separation, force, np.full(400, 1.1))
    member = force_chains(stress, pairs, separation, everywhere)
    assert 0.05 < member.mean() < 0.6
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turned = grain_stress(pairs, separation @ turn, force @ turn, np.full(400, 1.1))
    np.testing.assert_array_equal(force_chains(turned, pairs, separation @ turn, everywhere), member)
    np.testing.assert_array_equal(force_chains(1e6 * stress, pairs[:, ::-1], -separation, everywhere), member)


def test_a_planar_chain_does_not_mind_what_lies_across_the_plane():
    position, pairs, separation, force = chain_by_hand()
    flat = [0, 1, 2, 3, *range(6, 14)]
    kept = np.isin(pairs, flat).all(axis=1)
    stress = grain_stress(pairs[kept], separation[kept], force[kept], np.ones(len(position)), planar=True)
    stress[:, 1] = 1e3
    member = force_chains(stress, pairs[kept], separation[kept], np.ones(len(position), dtype=bool), planar=True)
    assert np.flatnonzero(member).tolist() == [0, 1, 2, 3]


def test_grains_without_a_known_stress_have_no_value():
    position, pairs, separation, force = chain_by_hand()
    stress = grain_stress(pairs, separation, force, np.ones(len(position)))
    stress[6] = np.nan
    values = FIELDS["force_chain"].measure(stage_of(position, position, np.ones(len(position)), stress))
    assert np.isnan(values).tolist() == [number == 6 for number in range(len(position))]
    assert values[:6].tolist() == [1, 1, 1, 1, 1, 0]


@pytest.mark.parametrize("missing", ["diameter", "grain_stress"])
def test_chains_take_diameters_and_stresses(missing):
    position = chain_by_hand()[0]
    stress = np.full((len(position), 6), np.nan)
    stage = stage_of(position, position, np.ones(len(position)), stress)
    values = {name: value for name, value in stage.values.items() if name != missing}
    if missing == "diameter":
        assert np.isnan(FIELDS["force_chain"].measure(replace(stage, values=values))).all()
    else:
        assert np.isnan(FIELDS["force_chain"].measure(stage)).all()


def test_the_share_that_slides_is_that_of_the_contacts_at_the_start():
    position = np.random.default_rng(1).random((4, 3)) * 8
    stage = stage_of(position, position, np.ones(4))
    recorded = {"n_contacts": [[4, 2, 0, 3]] * 2, "n_sliding": [[1.0, 2.0, 0.0, np.nan], [4.0, 0.0, 0.0, 0.0]]}
    values = {name: FrameValues(np.array(two).__getitem__, range(2)) for name, two in recorded.items()}
    shares = FIELDS["sliding"].measure(replace(stage, values={**stage.values, **values}))
    np.testing.assert_array_equal(shares, [0.25, 1, np.nan, np.nan])
