"""LAMMPS commands of the shear cell, in SI units; grain types are 1 bulk, 2 bottom wall, 3 top wall."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from microslip.dem.config import ShearCell
from microslip.dem.packing import LoosePacking

# Grains may move this far in a step while the overlaps of the filling dissolve [d̄].
RELEASE_DISTANCE = 2e-3
RELEASE_STEPS = 6_000
# Steps between two looks at whether the packing has come to rest, and the most that are spent.
REST_STEPS = 2_000
REST_STEPS_AT_MOST = 400_000
# At rest: largest net force on a bulk grain against p d̄², and the wall's speed against d̄ per 1e6 steps.
REST_FORCE = 1e-3
REST_WALL_DISTANCE = 1e-2
# At rest: mean kinetic energy of a bulk grain, rotation left out, against p d̄³.
REST_ENERGY = 1e-9


def write_filling(packing: LoosePacking, config: ShearCell, path: Path) -> None:
    """Write the loose packing as a LAMMPS data file (atom style sphere)."""
    d, cell = config.grains.mean_diameter, config.cell
    top = packing.top_plane + 2
    lines = [
        "microslip: loose filling",
        "",
        f"{len(packing.diameter)} atoms",
        "3 atom types",
        "",
        f"0 {cell.length * d:.17g} xlo xhi",
        f"0 {cell.depth * d:.17g} ylo yhi",
        f"{-2 * d:.17g} {top * d:.17g} zlo zhi",
        "",
        "Atoms # sphere",
        "",
    ]
    for number, (kind, diameter, r) in enumerate(
        zip(packing.kind, packing.diameter, packing.position * d, strict=True), start=1
    ):
        position = " ".join(f"{x:.17g}" for x in r)
        lines.append(f"{number} {kind + 1} {diameter * d:.17g} {config.grains.density:.17g} {position}")
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
  tangential mindlin NULL 1.0 {friction} damping coeff_restitution
"""


def _viscous(config: ShearCell, friction: float) -> str:
    """LAMMPS' older Hertz–Mindlin style, whose damping grows as √δ where a constant restitution asks for δ^(1/4).

    Both damp alike at the overlap d̄/κ, that of a typical contact, between grains of mean size; tangential damping is
    the normal one, as in the other law.
    """
    g = config.grains
    shear_modulus = g.youngs_modulus / (2 * (1 + g.poisson_ratio))
    normal, tangential = 4 * shear_modulus / (3 * (1 - g.poisson_ratio)), 4 * shear_modulus / (2 - g.poisson_ratio)
    mass = g.density * math.pi / 12 * g.mean_diameter**3
    contact_radius = g.mean_diameter / (2 * math.sqrt(config.numbers()["stiffness_number"]))
    ratio = -math.log(g.restitution) / math.hypot(math.pi, math.log(g.restitution))
    damping = 2 * math.sqrt(5 / 6) * ratio * math.sqrt(1.5 * normal / (mass * contact_radius))
    return f"""pair_style gran/hertz/history {normal:.17g} {tangential:.17g} {damping:.17g} {damping:.17g} {friction} 1
pair_coeff * *
"""


def contact_output() -> str:
    """Every touching pair once over all ranks: ids, and centre distance, normal and tangential force on the first."""
    return """
compute contact_pairs all property/local patom1 patom2 cutoff radius
compute contact_forces all pair/local dx dy dz fx fy fz p1 p2 p3 cutoff radius
"""


def servo(config: ShearCell) -> str:
    """Walls that keep their shape: the bottom one moves as its velocity says, the top one only in z, under pressure.

    The drag on the top wall is about the packing's own impedance, √(ρ M) A with the modulus M ≈ E^(2/3) p^(1/3) / 2 of
    Hertzian packings, so that a wave that reaches the wall leaves the cell. The pressure feels it while the wall moves:
    little at the speed of dilation, a few per cent for a moment in a large slip; `normal_stress` shows it.
    """
    d, p = config.grains.mean_diameter, config.loading.pressure
    modulus = 0.5 * config.grains.youngs_modulus ** (2 / 3) * p ** (1 / 3)
    area = config.cell.length * config.cell.depth * d**2
    n_wall = math.prod(config.wall_shape)
    drag = math.sqrt(config.cell.solid_fraction * config.grains.density * modulus) * area / n_wall
    return f"""
fix bottom_force bottom setforce 0 0 0
fix top_force top setforce 0 0 NULL
fix top_load top aveforce NULL NULL {-p * area / n_wall:.17g}
fix top_drag top viscous {drag:.17g}
"""


def release(config: ShearCell) -> str:
    """Dissolve the overlaps of the filling: short steps, strong drag, walls in place or nearly so."""
    step = RELEASE_DISTANCE * config.grains.mean_diameter
    return f"""
fix bulk_drag bulk viscous {grain_drag(config):.17g}
fix bulk_move bulk nve/limit {step:.17g}
fix top_move top nve/limit {step:.17g}
run {RELEASE_STEPS} post no
unfix bulk_move
unfix top_move
fix bulk_move bulk nve/sphere
fix top_move top nve
"""


def end_preparation() -> str:
    """Drop every fix of the preparation and count steps from the start of shear."""
    fixes = ["bulk_drag", "bulk_move", "top_move", "bottom_force", "top_force", "top_load", "top_drag"]
    return "\n".join([*(f"unfix {name}" for name in fixes), "reset_timestep 0"])


def grain_drag(config: ShearCell) -> float:
    """Drag while the packing comes to rest [kg/s]: a free grain loses its speed within some 400 steps."""
    g = config.grains
    mass = g.density * math.pi / 6 * g.mean_diameter**3
    return mass / (400 * config.timestep)


def shear(config: ShearCell, height: float) -> str:
    """Bottom wall at γ̇ H₀ along x, the height H₀ in metres; every grain moves by Newton's law alone."""
    return f"""
velocity bottom set {config.loading.shear_rate * height:.17g} 0 0 units box
fix bottom_move bottom nve
fix top_move top nve
fix bulk_move bulk nve/sphere
"""
