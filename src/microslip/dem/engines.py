"""Every engine, by the name of its kind. A new one is a file with its `EngineKind`, and a line here."""

from __future__ import annotations

from microslip.dem.lammps.kind import LAMMPS
from microslip.dem.native.kind import NATIVE
from microslip.dem.seam import EngineKind

ENGINES: dict[str, EngineKind] = {
    "native": NATIVE,
    "lammps": LAMMPS,
}
