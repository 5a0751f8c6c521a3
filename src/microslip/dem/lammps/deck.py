"""LAMMPS commands of the shear cell, in SI units; grain types are 1 bulk, 2 bottom wall, 3 top wall."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microslip.core.disk import naming
from microslip.dem.config import ShearCell
from microslip.dem.packing import LoosePacking
from microslip.dem.seam import Preparing
from microslip.dem.sections import viscous_damping
from microslip.dem.servo import Servo

END_PREPARING = "unfix bulk_drag\nunfix bulk_move\nunfix top_move"
END_SERVO = "unfix bottom_force\nunfix top_force\nunfix top_load\nunfix top_drag"


def write_filling(packing: LoosePacking, config: ShearCell, path: Path) -> None:
    """Write the loose packing as a LAMMPS data file (atom style sphere)."""
    d, cell = config.grains.mean_diameter, config.cell
    bottom, top = -2 - config.glued_thickness, packing.top_plane + 2
    lines = [
        "microslip: loose filling",
        "",
        f"{len(packing.diameter)} atoms",
        "3 atom types",
        "",
        f"0 {cell.length * d:.17g} xlo xhi",
        f"0 {cell.depth * d:.17g} ylo yhi",
        f"{bottom * d:.17g} {top * d:.17g} zlo zhi",
        "",
        "Atoms # sphere",
        "",
    ]
    for number, (kind, diameter, r) in enumerate(
        zip(packing.kind, packing.diameter, packing.position * d, strict=True), start=1
    ):
        position = " ".join(f"{x:.17g}" for x in r)
        lines.append(f"{number} {kind + 1} {diameter * d:.17g} {config.grains.density:.17g} {position}")
    with naming(path):
        path.write_text("\n".join(lines) + "\n")


def header(processors: Sequence[int] = (0, 0, 1)) -> str:
    """What must precede the grains; `processors` are the ranks along x, y and z, 0 where LAMMPS chooses.

    Newton's third law is not used across ranks: both owners of a contact keep its history.
    """
    grid = " ".join(str(n) if n else "*" for n in processors)
    return f"""
units si
atom_style sphere
atom_modify map yes
boundary p p f
newton off
comm_modify mode single vel yes
processors {grid}
"""


def contacts(config: ShearCell, friction: float | None = None) -> str:
    """Hertz–Mindlin with history, Coulomb sliding and the damping that is asked for.

    `friction` takes the place of the grains' own while the packing is prepared.
    """
    g = config.grains
    mu = g.friction if friction is None else friction
    law = _viscous(config, mu) if g.damping == "viscous" else _constant_restitution(config, mu)
    return f"\n{law}{surroundings(config)}variable top_speed equal vcm(top,z)\n"


def surroundings(config: ShearCell, skin: float = 0.1, rebuild: str = "delay 0 every 1 check yes") -> str:
    """Groups by type, neighbour lists with a skin [d̄] in which walls do not feel each other, time step, lost grains."""
    return f"""group bulk type 1
group bottom type 2
group top type 3
neighbor {skin * config.grains.mean_diameter} bin
neigh_modify {rebuild} exclude type 2 2 exclude type 3 3 exclude type 2 3
timestep {config.timestep:.17g}
thermo_style custom step ke
thermo_modify lost error
"""


def _constant_restitution(config: ShearCell, friction: float) -> str:
    g = config.grains
    return f"""pair_style granular
pair_coeff * * hertz/material {g.youngs_modulus} {g.restitution} {g.poisson_ratio} &
  tangential {g.tangential.replace("_", "/")} NULL 1.0 {friction} damping coeff_restitution
"""


def _viscous(config: ShearCell, friction: float) -> str:
    """LAMMPS' older Hertz–Mindlin style, whose damping grows as √δ where a constant restitution asks for δ^(1/4).

    Both damp alike at the overlap d̄/κ, that of a typical contact, between grains of mean size; tangential damping is
    the normal one, as in the other law.
    """
    g = config.grains
    shear_modulus = g.youngs_modulus / (2 * (1 + g.poisson_ratio))
    normal, tangential = 4 * shear_modulus / (3 * (1 - g.poisson_ratio)), 4 * shear_modulus / (2 - g.poisson_ratio)
    damping = viscous_damping(g, config.numbers()["stiffness_number"])
    return f"""pair_style gran/hertz/history {normal:.17g} {tangential:.17g} {damping:.17g} {damping:.17g} {friction} 1
pair_coeff * *
"""


def contact_output() -> str:
    """Every touching pair once over all ranks: ids, and centre distance, normal and tangential force on the first."""
    return """
compute contact_pairs all property/local patom1 patom2 cutoff radius
compute contact_forces all pair/local dx dy dz fx fy fz p1 p2 p3 cutoff radius
"""


def servo(servo: Servo, n_top: int) -> str:
    """Walls that keep their shape: the bottom one moves as its velocity says, the top one only in z, under its load."""
    return f"""
fix bottom_force bottom setforce 0 0 0
fix top_force top setforce 0 0 NULL
fix top_load top aveforce NULL NULL {-servo.load / n_top:.17g}
fix top_drag top viscous {servo.drag / n_top:.17g}
"""


def preparing(how: Preparing) -> str:
    """Bulk grains with drag, the bottom wall in place; with a longest step no grain spins."""
    limit = how.longest_step
    bulk, top = ("nve/sphere", "nve") if limit is None else (f"nve/limit {limit:.17g}", f"nve/limit {limit:.17g}")
    return f"""
fix bulk_drag bulk viscous {how.drag:.17g}
fix bulk_move bulk {bulk}
fix top_move top {top}
"""


def shear(speed: float) -> str:
    """Bottom wall at a speed along x [m/s]; every grain moves by Newton's law alone."""
    return f"""
velocity bottom set {speed:.17g} 0 0 units box
fix bottom_move bottom nve
fix top_move top nve
fix bulk_move bulk nve/sphere
"""
