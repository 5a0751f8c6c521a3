import json
import subprocess
import sys
from pathlib import Path

import freud
import numpy as np
import pytest
from scipy.spatial import cKDTree

from microslip import Box, MicroslipError, d2min, local_strain
from microslip.dem.lammps.installed import rank_environment

LAMMPS = Path(__file__).with_name("lammps_d2min.py")
PATIENCE = 60

# D²min of motions of order one is exact to the rounding of squared coordinates.
EXACT = 1e-12

# Two sums over the same forty neighbours, for motions of a hundredth of the cutoff.
OTHER_LIBRARY = 1e-9


def naive(reference, current, box, cutoff):
    """Falk & Langer by a tree and numpy's least squares: another algorithm, the same definition."""
    values = np.full(len(reference), np.nan)
    images = [np.array([i, j, 0]) * box.lengths for i in (-1, 0, 1) for j in (-1, 0, 1)]
    wrapped = box.wrap(reference)
    trees = [cKDTree(wrapped + image) for image in images]
    displacement = current - reference
    for i in range(len(reference)):
        start, change = [], []
        for tree, image in zip(trees, images, strict=True):
            for j in tree.query_ball_point(wrapped[i], cutoff):
                if j != i:
                    start.append(wrapped[j] + image - wrapped[i])
                    change.append(displacement[j] - displacement[i])
        if len(start) >= 4:
            start, end = np.array(start), np.array(start) + np.array(change)
            affine = np.linalg.lstsq(start, end, rcond=None)[0]
            values[i] = np.mean(np.sum((end - start @ affine) ** 2, axis=1))
    return values


def test_agrees_with_least_squares(grains, box, rng):
    current = grains + rng.normal(0, 0.05, grains.shape)
    found = d2min(grains, current, box, cutoff=2.0)
    np.testing.assert_allclose(found.d2min, naive(grains, current, box, 2.0), rtol=1e-9)


def test_neighbours_agree_with_freud(grains, box):
    # freud repeats z too: move the periodic image out of reach
    system = (freud.box.Box(*box.lengths[:2], 2 * box.lengths[2]), grains)
    query = freud.locality.AABBQuery(*system).query(grains, {"r_max": 2.0, "exclude_ii": True})
    counts = np.bincount(query.toNeighborList().query_point_indices, minlength=len(grains))
    np.testing.assert_array_equal(d2min(grains, grains, box).n_neighbours, counts)


def neighbour_sets(positions, box, cutoff):
    """Whether two grains are neighbours, for all pairs."""
    vectors = box.minimum_image(positions[:, None] - positions[None])
    return (vectors**2).sum(axis=2) <= cutoff**2


@pytest.fixture
def slow_frames(grains, box, rng):
    """Motions so small that most grains keep their neighbours, none of them through the walls of LAMMPS' box."""
    grains[:, 2] = np.clip(grains[:, 2], 0.1, box.lengths[2] - 0.1)
    displacement = rng.normal(0, 0.004, grains.shape)
    displacement[:, 0] += 0.01 * grains[:, 2]
    return grains, displacement


def test_agrees_with_lammps(slow_frames, box):
    """Its D²min is a root of the mean, its neighbours are those at the end, its strain is FᵀF − 1."""
    reference, displacement = slow_frames
    case = {"lengths": box.lengths, "cutoff": 2.0}
    case |= {"reference": reference.tolist(), "displacement": displacement.tolist()}
    process = subprocess.run(
        [sys.executable, str(LAMMPS)],
        input=json.dumps(case),
        capture_output=True,
        text=True,
        env=rank_environment(),
        timeout=PATIENCE,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    root, volumetric, deviatoric = np.array(json.loads(process.stdout)).T
    found = d2min(reference, reference + displacement, box, 2.0)
    shear, volume = local_strain(found.gradient)
    start, end = (neighbour_sets(frame, box, 2.0) for frame in (reference, reference + displacement))
    same = (start == end).all(axis=1)
    assert 0.3 < same.mean() < 0.9
    np.testing.assert_allclose(root[same] ** 2, found.d2min[same], rtol=OTHER_LIBRARY)
    np.testing.assert_allclose(volumetric[same] / 2, volume[same], rtol=OTHER_LIBRARY, atol=1e-13)
    np.testing.assert_allclose(deviatoric[same] / 2, shear[same], rtol=OTHER_LIBRARY)
    # the others by least squares over the neighbours that they have at the end
    for i in np.flatnonzero(~same):
        j = np.flatnonzero(end[i] & (np.arange(len(reference)) != i))
        vectors = box.minimum_image(reference[j] - reference[i])
        later = vectors + displacement[j] - displacement[i]
        affine = np.linalg.lstsq(vectors, later, rcond=None)[0]
        theirs = np.mean(((later - vectors @ affine) ** 2).sum(axis=1))
        assert root[i] ** 2 == pytest.approx(theirs, rel=OTHER_LIBRARY)
        assert found.d2min[i] != pytest.approx(theirs, rel=OTHER_LIBRARY, abs=0)


def test_agrees_with_ovito_between_walls(slow_frames, box, monkeypatch):
    """OVITO sums over the neighbours of the reference frame, whoever leaves or joins them later."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    pytest.importorskip("ovito")
    from ovito.data import DataCollection, Particles, SimulationCell
    from ovito.modifiers import AtomicStrainModifier
    from ovito.pipeline import Pipeline, PythonSource

    def source(positions):
        def fill(_frame: int, data: DataCollection):
            cell = SimulationCell(pbc=box.periodic)
            cell[...] = np.column_stack([np.diag(box.lengths), np.zeros(3)])
            data.objects.append(cell)
            particles = Particles()
            particles.create_property("Position", data=positions)
            data.objects.append(particles)

        return PythonSource(function=fill)

    reference, displacement = slow_frames
    current = reference + displacement
    pipeline = Pipeline(source=source(current))
    strain = AtomicStrainModifier(cutoff=2.0, output_nonaffine_squared_displacements=True)
    strain.reference = source(reference)
    pipeline.modifiers.append(strain)
    theirs = np.array(pipeline.compute().particles["Nonaffine Squared Displacement"])
    ours = d2min(reference, current, box, 2.0)
    start, end = (neighbour_sets(frame, box, 2.0) for frame in (reference, current))
    assert (start != end).any(axis=1).mean() > 0.1
    np.testing.assert_allclose(ours.d2min * ours.n_neighbours, theirs, rtol=OTHER_LIBRARY)
    np.testing.assert_array_equal(ours.n_neighbours, start.sum(axis=1) - 1)


def test_affine_motion_leaves_nothing_and_gives_its_map(rng):
    box = Box((10.0, 8.0, 12.0), (False, False, False))
    grains = rng.random((500, 3)) * box.lengths
    affine = np.eye(3) + rng.normal(0, 0.2, (3, 3))
    found = d2min(grains, grains @ affine.T, box, cutoff=2.5)
    defined = np.isfinite(found.d2min)
    assert defined.mean() > 0.9
    assert found.d2min[defined].max() < EXACT
    np.testing.assert_allclose(found.affine[defined], np.broadcast_to(affine, (defined.sum(), 3, 3)), atol=1e-9)


def test_simple_shear_across_the_periodic_faces_is_affine(grains, box):
    current = grains.copy()
    current[:, 0] += 0.1 * grains[:, 2]
    found = d2min(grains, current, box)
    assert found.d2min.max() < EXACT
    np.testing.assert_allclose(found.affine[:, 0, 2], 0.1, atol=1e-9)


def test_translation_and_rotation_change_nothing(grains, rng):
    box = Box((10.0, 8.0, 12.0), (False, False, False))
    current = grains + rng.normal(0, 0.05, grains.shape)
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    here = d2min(grains, current, box).d2min
    there = d2min(grains @ turn.T + 3.0, current @ turn.T + 5.0, box).d2min
    np.testing.assert_allclose(there, here, rtol=1e-8)


def test_scales_with_the_square_of_the_motion_down_to_tiny_stages(grains, box, rng):
    motion = rng.normal(0, 1, grains.shape)
    large = d2min(grains, grains + 1e-2 * motion, box).d2min
    tiny = d2min(grains, grains + 1e-6 * motion, box).d2min
    np.testing.assert_allclose(tiny, 1e-8 * large, rtol=1e-6)


def test_unwrapped_and_wrapped_reference_agree(grains, box, rng):
    current = grains + rng.normal(0, 0.05, grains.shape)
    periods = rng.integers(-3, 4, grains.shape) * np.array([10.0, 8.0, 0.0])
    np.testing.assert_allclose(
        d2min(grains + periods, current + periods, box).d2min, d2min(grains, current, box).d2min, rtol=1e-9
    )


def test_walls_are_neighbours_without_a_value(grains, box, rng):
    current = grains + rng.normal(0, 0.05, grains.shape)
    of = rng.random(len(grains)) < 0.5
    found, everything = d2min(grains, current, box, of=of), d2min(grains, current, box)
    np.testing.assert_array_equal(found.d2min[of], everything.d2min[of])
    assert np.isnan(found.d2min[~of]).all()


def test_too_few_neighbours_and_neighbours_in_a_plane_have_no_value(box):
    lonely = np.array([[1.0, 1, 1], [2, 1, 1], [1, 2, 1], [1, 1, 2]])
    assert np.isnan(d2min(lonely, lonely, box).d2min).all()
    x, y = np.meshgrid(np.arange(10.0), np.arange(8.0))
    plane = np.column_stack([x.ravel(), y.ravel(), np.full(x.size, 3.0)])
    with_one_above = np.concatenate([plane, [[5.0, 5.0, 9.0]]])
    found = d2min(with_one_above, with_one_above, box)
    assert np.isnan(found.d2min).all()
    assert (found.n_neighbours[:-1] == 12).all()


def test_a_mark_for_other_grains_is_refused(grains, box):
    with pytest.raises(MicroslipError, match="of has 3 values for 1000 grains"):
        d2min(grains, grains, box, of=np.ones(3, dtype=bool))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r, c: (np.where(np.arange(1000)[:, None] == 7, np.nan, r), c, 2.0), "position of grain 7 is"),
        (lambda r, c: (r, c[:-1], 2.0), "the frames hold 1000 and 999 grains"),
        (lambda r, c: (r, c, 4.5), r"cutoff = 4\.5 d̄ is not between 0 and half the smallest periodic length, 4 d̄"),
        (lambda r, c: (r, c, -1.0), "cutoff = -1"),
        (lambda r, c: (r, c + np.array([0, 4.0, 0]), 2.0), "moves 4 d̄ along y between two frames"),
    ],
)
def test_bad_frames_are_refused(grains, box, change, message):
    reference, current, cutoff = change(grains, grains)
    with pytest.raises(MicroslipError, match=message):
        d2min(reference, current, box, cutoff)


def test_forms_of_frames_and_marks(grains, box, rng):
    current = grains + rng.normal(0, 0.01, grains.shape)
    clean = d2min(grains, current, box, of=np.arange(1000) < 100)
    of = np.where(np.arange(1000) < 100, 1, 0)
    for form in (grains.tolist(), np.asfortranarray(grains), grains.astype(">f8")):
        np.testing.assert_array_equal(d2min(form, current, box, of=of).d2min, clean.d2min)
    # unsigned numbers do not wrap around when they are subtracted
    corners = np.array([[1, 1, 1], [2, 1, 1], [1, 2, 1], [1, 1, 2], [2, 2, 2]], dtype=np.uint8)
    moved = corners - np.array([1, 0, 0], dtype=np.uint8)
    np.testing.assert_allclose(d2min(corners, moved, box).d2min, 0, atol=EXACT)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"of": np.where(np.arange(1000) < 100, 1.0, np.nan)}, "the of is nan at grain 100"),
        (
            {"reference": np.full((1000, 3), 1e300)},
            r"the position of grain 0 is \[1e\+300 1e\+300 1e\+300\] in reference",
        ),
        ({"current": np.zeros((1000, 2))}, r"current has shape \(1000, 2\): give \(grain, 3\)"),
        ({"box": (10.0, 8.0, 12.0)}, r"box = \(10.0, 8.0, 12.0\) is no Box"),
        ({"end_box": 3}, "end_box = 3 is no Box"),
        ({"cutoff": "2"}, "cutoff = '2' holds text"),
    ],
)
def test_what_is_no_frame_is_refused_by_name(grains, box, change, sentence):
    with pytest.raises(MicroslipError, match=sentence):
        d2min(**{"reference": grains, "current": grains, "box": box, **change})
