"""D²min of an imported run against OVITO's on the same dump: python ovito_d2min.py DUMP RUN. Needs `pip install ovito`.

OVITO sums over the neighbours, in the file's lengths; microslip takes their mean, in d̄².
"""

import sys

import numpy as np
from ovito.io import import_file
from ovito.modifiers import AtomicStrainModifier, UnwrapTrajectoriesModifier
from ovito.pipeline import ReferenceConfigurationModifier

from microslip import open_run


def main(dump, folder):
    """Print the largest relative difference over all stages and bulk grains."""
    run = open_run(folder)
    stages, fields, frames = run.stages, run.fields, run.frames
    length, leans = run.attributes["length"], "cell" in frames
    pipeline = import_file(dump, input_format="lammps/dump", sort_particles=True)
    pipeline.modifiers.append(UnwrapTrajectoriesModifier())

    def count_flips(frame, data):
        """A box that was flipped gets its whole Lx back: OVITO would take the flip for a strain."""
        tilt = float(frames["cell"][frame, 3]) * length
        cell = data.cell_
        if abs(cell[0, 2] - tilt) > 1e-6 * cell[0, 0]:
            cell[0, 2] = tilt

    if leans:
        pipeline.modifiers.append(count_flips)
    mapping = ReferenceConfigurationModifier.AffineMapping
    strain = AtomicStrainModifier(
        cutoff=fields.attrs["cutoff"] * length,
        output_nonaffine_squared_displacements=True,
        minimum_image_convention=False,
        affine_mapping=mapping.ToCurrent if leans else mapping.Off,
    )
    pipeline.modifiers.append(strain)
    order = np.argsort(run.grains["id"].to_numpy())
    worst, n_values = 0.0, 0
    for stage in stages.itertuples():
        strain.reference_frame = int(stage.start_frame)
        data = pipeline.compute(int(stage.end_frame))
        theirs = np.asarray(data.particles["Nonaffine Squared Displacement"]) / length**2
        ours, n = (fields[name][stage.stage].to_numpy()[order] for name in ("d2min", "n_neighbours"))
        known = np.isfinite(ours)
        worst = max(worst, float(np.abs(ours * n / theirs - 1)[known].max()))
        n_values += int(known.sum())
    print(f"{len(stages)} stages, {n_values} values, largest relative difference {worst:.2g}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
