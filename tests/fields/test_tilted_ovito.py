"""D²min of a cell that leans, against OVITO on the dump that we write of it.

OVITO takes the cell of each frame as it stands: where LAMMPS' box flips between two frames, whole Lx are given back to
its edge first, or neighbours across the upper face are taken for grains that have flown apart.
"""

import numpy as np
import pytest

from microslip import Box, d2min
from microslip.formats.writers.dump import write_dump

LENGTHS, N, CUTOFF, MOTION = (8.0, 7.0, 9.0), 600, 2.0, 0.02
# Two sums over the same neighbours; OVITO's reader rounds some coordinates to the neighbour of the nearest double.
OTHER_LIBRARY = 1e-9


def two_frames(rng, tilts):
    """Grains that go with a cell, and a little beside it; unwrapped, some of them several cells away."""
    boxes = [Box(LENGTHS, (True, True, True), tilt) for tilt in tilts]
    shares = rng.random((N, 3)) + rng.integers(-2, 3, (N, 3))
    found = []
    for box in boxes:
        edges = np.diag(LENGTHS)
        edges[2, 0] = box.tilt
        found.append(shares @ edges)
    found[1] += MOTION * rng.normal(size=(N, 3))
    return boxes, found


def with_ovito(path, flipped):
    """Sums over neighbours of the first frame, in the order of the ids."""
    from ovito.io import import_file
    from ovito.modifiers import AtomicStrainModifier
    from ovito.pipeline import ReferenceConfigurationModifier

    def given_back(frame, data):
        if frame == 1:
            data.cell_[0, 2] += flipped

    pipeline = import_file(str(path), input_format="lammps/dump", sort_particles=True)
    pipeline.modifiers.append(given_back)
    strain = AtomicStrainModifier(
        cutoff=CUTOFF,
        output_nonaffine_squared_displacements=True,
        minimum_image_convention=False,
        # mapped onto the first frame instead, the residuals would be measured in its cell
        affine_mapping=ReferenceConfigurationModifier.AffineMapping.ToCurrent,
        reference_frame=0,
    )
    pipeline.modifiers.append(strain)
    return np.array(pipeline.compute(1).particles["Nonaffine Squared Displacement"])


@pytest.mark.parametrize(
    "tilts",
    [(0.0, 0.3), (3.3, 3.9), (-3.9, -3.2), (3.9, 4.1), (11.9, 12.3), (2.0, 2.0)],
    ids=["from upright", "leaning", "leaning back", "over a flip", "over a second flip", "at rest"],
)
def test_agrees_with_ovito_on_the_dump_of_a_leaning_cell(tmp_path, rng, monkeypatch, tilts):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    pytest.importorskip("ovito")
    boxes, (reference, current) = two_frames(rng, tilts)
    shuffled = rng.permutation(N)
    frames = [
        (step, box, {"id": shuffled + 1, **dict(zip(("xu", "yu", "zu"), place[shuffled].T, strict=True))})
        for step, (box, place) in enumerate(zip(boxes, (reference, current), strict=True))
    ]
    write_dump(tmp_path / "leaning.dump.gz", frames)
    start, end = boxes
    flipped = (end.tilt - end.nearest_tilt) - (start.tilt - start.nearest_tilt)
    ours = d2min(reference, current, start, CUTOFF, end_box=end)
    theirs = with_ovito(tmp_path / "leaning.dump.gz", flipped)
    assert ours.n_neighbours.min() > 10
    np.testing.assert_allclose(ours.d2min * ours.n_neighbours, theirs, rtol=OTHER_LIBRARY)
