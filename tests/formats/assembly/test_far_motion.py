"""Frames so far apart that walls, grains or the tilt move by near half a period, or more, between them."""

import re
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from microslip import MicroslipError
from microslip.formats.assembly.far_motion import continued_tilt

from ..importing import imported

imported_with_walls = partial(imported, wall_types=(2, 3))

LX, LY, H = 12.0, 4.0, 8.0
STEPS = np.arange(0, 500, 100)


def dump(path, positions, images=None):
    """Positions (frame, grain, axis); grains 1 to 12 are the bottom wall, 13 to 24 the top one."""
    out = []
    for frame, position in enumerate(positions):
        out += ["ITEM: TIMESTEP", STEPS[frame], "ITEM: NUMBER OF ATOMS", len(position), "ITEM: BOX BOUNDS pp pp ff"]
        out += [f"0 {LX}", f"0 {LY}", f"-1 {H + 1}"]
        out += ["ITEM: ATOMS id type x y z" + (" ix iy iz" if images is not None else "")]
        for row, one in enumerate(position):
            turns = [] if images is None else images[frame, row].astype(int)
            kind = 1 if row >= 24 else 2 + row // 12
            out += [" ".join(map(str, (row + 1, kind, *(repr(float(value)) for value in one), *turns)))]
    path.write_text("\n".join(map(str, out)) + "\n")
    return str(path)


def sheared_between_walls(bottom, top, rng, bulk=None):
    """True positions: walls move by shares of Lx from frame to frame, the bulk linearly or by `bulk`."""
    start = rng.random((124, 3)) * [LX, LY, H]
    start[:12, 2], start[12:24, 2] = 0.0, H
    share = bottom + (top - bottom) * start[:, 2] / H
    if bulk is not None:
        share[24:] = bulk
    motion = np.zeros((len(STEPS), 124, 3))
    motion[:, :, 0] = np.arange(len(STEPS))[:, None] * share * LX
    return start + motion + 0.02 * rng.normal(size=motion.shape) * [1, 1, 0]


def wrapped(true):
    return np.concatenate([true[..., :2] % [LX, LY], true[..., 2:]], axis=-1)


@pytest.mark.parametrize("walls", [(0, 0.1), (0, 0.2), (-0.2, 0.2), (0, 0.45), (0.4, 0), (-0.35, 0.35), (0.1, 0.48)])
def test_motion_below_half_a_period_is_read_and_said_where_it_is_near(tmp_path, rng, walls):
    store, said = imported_with_walls(tmp_path, dump(tmp_path / "a.dump", wrapped(sheared_between_walls(*walls, rng))))
    expected = abs(walls[1] - walls[0]) * LX / (H - 1) * np.arange(len(STEPS))
    np.testing.assert_allclose(store["frames/strain"][:], expected, atol=0.02)
    largest = max(np.abs(walls))
    warned = [one for one in said if "walls move by" in one]
    assert bool(warned) == (largest > 0.25)
    if warned:
        share = float(re.search(r"from step \d+ to \d+ walls move by (\S+) of the period along x", warned[0])[1])
        assert share == pytest.approx(largest, abs=0.02)
    assert any(re.search(r"by the motion of the walls.*: at most .* of Lx between frames", one) for one in said)


@pytest.mark.parametrize("walls", [(0, 0.6), (0, 0.9), (0, 1.1), (-0.7, 0.7), (0, -0.75), (0, 2.3)])
def test_walls_that_move_beyond_half_a_period_are_refused(tmp_path, rng, walls):
    """Grains between them would outrun both."""
    true = sheared_between_walls(*walls, rng)
    with pytest.raises(MicroslipError, match="grains seem to outrun both walls since the frame before") as raised:
        imported_with_walls(tmp_path, dump(tmp_path / "a.dump", wrapped(true)))
    assert "frame 1 (step 100)" in str(raised.value)
    assert "dump image flags (ix iy iz)" in str(raised.value)
    # with the flags they are where they are
    images = np.concatenate([np.floor(true[..., :2] / [LX, LY]), np.zeros_like(true[..., :1])], axis=-1)
    store, said = imported_with_walls(tmp_path, dump(tmp_path / "b.dump", wrapped(true), images))
    np.testing.assert_allclose(store["frames/strain"][-1], abs(walls[1] - walls[0]) * 4 * LX / (H - 1), rtol=0.01)
    assert not any("walls move by" in one or "of Lx between frames" in one for one in said)


@pytest.mark.parametrize("share", [0.6, 0.95, 1.05, 3.0])
def test_walls_that_a_told_strain_moves_further_are_refused(tmp_path, rng, share):
    """Grains that stay with a wall do not show it: the strain that is told does."""
    true = sheared_between_walls(0, share, rng, bulk=0.0)
    path = dump(tmp_path / "a.dump", wrapped(true))
    per_step = share * LX / (H - 1) / 100
    with pytest.raises(
        MicroslipError, match=r"from step 0 to 100 by source\.strain_per_step a wall moves by"
    ) as raised:
        imported_with_walls(tmp_path, path, strain_per_step=per_step)
    assert f"by {share:.2f} of the length along x" in str(raised.value)
    assert not (tmp_path / "out.zarr").exists()


def test_grains_that_are_poured_between_walls_at_rest_are_read(tmp_path, rng):
    """They move more than the walls, and not so far that their copies are in doubt."""
    true = sheared_between_walls(0, 0, rng)
    true[:, 24:, 0] += np.arange(len(STEPS))[:, None] * rng.uniform(-0.3, 0.3, 100) * LX
    store, _ = imported_with_walls(tmp_path, dump(tmp_path / "a.dump", wrapped(true)), strain_per_step=1e-3)
    np.testing.assert_allclose(store["frames/position"][:, 24:, 0] - true[:, 24:, 0], 0, atol=1e-9)


def test_walls_that_move_against_each_other_by_more_than_half_are_read(tmp_path, rng):
    true = sheared_between_walls(-0.3, 0.3, rng)
    store, _ = imported_with_walls(
        tmp_path, dump(tmp_path / "a.dump", wrapped(true)), strain_per_step=0.6 * LX / (H - 1) / 100
    )
    assert store["frames/strain"][-1] == pytest.approx(4 * 0.6 * LX / (H - 1))


def sheared_without_walls(share, rng):
    """Wrapped positions in a cell that leans by shares of Lx more from frame to frame, and the tilt unfolded."""
    shares = rng.random((200, 3))
    tilts = share * LX * np.arange(len(STEPS))
    cells = np.array([[[LX, 0, 0], [0, LY, 0], [tilt, 0, H]] for tilt in tilts])
    return shares @ cells + 0.02 * rng.normal(size=(len(STEPS), 200, 3)), tilts


def folded(positions, tilts):
    """As LAMMPS writes them: boxes flipped, grains in the box."""
    tilts = tilts - LX * np.round(tilts / LX)
    cells = np.array([[[LX, 0, 0], [0, LY, 0], [tilt, 0, H]] for tilt in tilts])
    return np.stack([(one @ np.linalg.inv(cell)) % 1 @ cell for one, cell in zip(positions, cells, strict=True)]), tilts


def cell_dump(path, positions, tilts):
    out = []
    for step, position, tilt in zip(STEPS, positions, tilts, strict=True):
        out += ["ITEM: TIMESTEP", step, "ITEM: NUMBER OF ATOMS", len(position), "ITEM: BOX BOUNDS xy xz yz pp pp pp"]
        out += [f"{min(0, tilt)} {LX + max(0, tilt)} 0", f"0 {LY} {tilt}", f"0 {H} 0", "ITEM: ATOMS id x y z"]
        out += [f"{row} " + " ".join(repr(float(value)) for value in one) for row, one in enumerate(position, 1)]
    path.write_text("\n".join(map(str, out)) + "\n")
    return str(path)


@pytest.mark.parametrize("share", [0.1, 0.24, 0.3, 0.48])
def test_a_tilt_is_counted_on_and_said_where_its_steps_are_near_half(tmp_path, rng, share):
    path = cell_dump(tmp_path / "a.dump", *folded(*sheared_without_walls(share, rng)))
    store, said = imported(tmp_path, path)
    strain = store["frames/strain"][:]
    np.testing.assert_allclose(strain, share * LX / H * np.arange(len(STEPS)), atol=1e-9)
    assert any(f"the tilt changes by {share:.2f} of the cell's length" in one for one in said) == (share > 0.25)


@pytest.mark.parametrize("share", [0.6, 0.9, 1.3])
@pytest.mark.parametrize("told", [False, True])
def test_a_folded_tilt_that_grows_by_more_than_half_is_refused(tmp_path, rng, share, told):
    path = cell_dump(tmp_path / "a.dump", *folded(*sheared_without_walls(share, rng)))
    settings = {"strain_per_step": share * LX / H / 100} if told else {}
    with pytest.raises(MicroslipError, match=r"grains seem to move against the cell by more than 0\.35 of the period"):
        imported(tmp_path, path, **settings)


@pytest.mark.parametrize("share", [0.6, 0.9, 1.3, -0.8])
def test_a_tilt_that_is_not_folded_is_taken_as_it_stands(tmp_path, rng, share):
    """A box that is never flipped leans further than any that is."""
    positions, tilts = sheared_without_walls(share, rng)
    path = cell_dump(tmp_path / "a.dump", folded(positions, tilts)[0], tilts)
    store, said = imported(tmp_path, path)
    strain = store["frames/strain"][:]
    np.testing.assert_allclose(strain, abs(share) * LX / H * np.arange(len(STEPS)), atol=1e-9)
    assert any(f"the tilt changes by {abs(share):.2f} of the cell's length" in one for one in said)


def counted_on(written, steps):
    tilts = []
    for step, one in zip(steps, written, strict=True):
        before = list(zip(steps, written, tilts, strict=False))[-2:]
        tilts.append(continued_tilt(one, LX, before, step))
    return np.array(tilts)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    start=st.floats(-0.5, 0.5),
    pace=st.floats(-0.24, 0.24),
    gaps=st.lists(st.integers(1, 2), min_size=3, max_size=30),
    fold=st.sampled_from(["half", "whole", "never"]),
)
def test_a_tilt_is_counted_on_however_the_program_folds_it(start, pace, gaps, fold):
    """At one rate, with frames that are not evenly spaced."""
    steps = np.concatenate([[0], np.cumsum(gaps)])
    true = LX * (start + pace * steps / 2)
    if fold == "whole":
        true = true - LX * np.floor(true[0] / LX)
    written = {"half": true - LX * np.round(true / LX), "whole": true - LX * np.floor(true / LX), "never": true}[fold]
    # two frames alone do not tell a fold by a whole length from a motion by most of it
    assume(fold != "whole" or abs(written[1] - written[0]) < LX / 2)
    found = counted_on(written, steps)
    np.testing.assert_allclose(found - found[0], true - true[0], atol=1e-9)
