"""A periodic packing of 1,000 spheres: compressed, then sheared at constant volume, by YADE.

    yade -n -x -j1 shear.py      (Debian: apt install --no-install-recommends yade; some two minutes of one core)

Files: out/vtk/shear-spheres.ITER.vtu and shear-pericell.ITER.vtu, one pair a frame; out/series.txt, the stress.
Lengths in m, stresses in Pa. YADE itself provides the names that are not defined here.
"""

import os

from yade import pack, plot

PRESSURE, SHEAR_RATE, STRAIN, N_FRAMES = 1e5, 8.0, 0.5, 150
FRICTION_WHILE_COMPRESSED, FRICTION = 0.1, 0.5

os.makedirs("out/vtk", exist_ok=True)
O.materials.append(
    FrictMat(young=1e8, poisson=0.3, density=2600, frictionAngle=atan(FRICTION_WHILE_COMPRESSED), label="grain")
)
O.periodic = True
spheres = pack.SpherePack()
spheres.makeCloud((0, 0, 0), (0.0125, 0.0125, 0.0125), rMean=0.5e-3, rRelFuzz=0.3, periodic=True, num=1000, seed=7)
spheres.toSimulation(material="grain")
O.engines = [
    ForceResetter(),
    InsertionSortCollider([Bo1_Sphere_Aabb()], allowBiggerThanPeriod=True),
    InteractionLoop(
        [Ig2_Sphere_Sphere_ScGeom()], [Ip2_FrictMat_FrictMat_MindlinPhys()], [Law2_ScGeom_MindlinPhys_Mindlin()]
    ),
    PeriTriaxController(
        label="triax",
        goal=(-PRESSURE,) * 3,
        stressMask=7,
        dynCell=True,
        maxStrainRate=(10.0, 10.0, 10.0),
        maxUnbalanced=5e-3,
        relStressTol=1e-2,
        mass=0.2 * sum(body.state.mass for body in O.bodies),
        doneHook="compressed()",
    ),
    NewtonIntegrator(damping=0.2),
]
O.dt = 0.6 * PWaveTimeStep()
full_friction = False


def compressed():
    """YADE calls this when the pressure is reached: first at low friction, then at the full one."""
    global full_friction
    if full_friction:
        shear()
        return
    full_friction = True
    O.materials["grain"].frictionAngle = atan(FRICTION)
    for contact in O.interactions:
        contact.phys.tangensOfFrictionAngle = FRICTION


def shear():
    """From here on the cell leans along x, its volume stays."""
    triax.dead = True
    O.cell.trsf = Matrix3.Identity
    O.cell.velGrad = Matrix3(0, 0, SHEAR_RATE, 0, 0, 0, 0, 0, 0)
    period = round(STRAIN / SHEAR_RATE / O.dt / N_FRAMES)
    # `pericell` puts the leaning cell into a file of its own, without which no one can unwrap the spheres
    O.engines += [
        VTKRecorder(
            fileName="out/vtk/shear-",
            recorders=["spheres", "id", "pericell"],
            iterPeriod=period,
            firstIterRun=O.iter + 1,
        ),
        PyRunner(command="record()", iterPeriod=period, firstIterRun=O.iter + 1),
    ]


def record():
    """One row of the stress; tension is positive in YADE, the shear stress sxz is positive while it resists."""
    stress = getStress()
    plot.addData(i=O.iter, gamma=O.cell.trsf[0, 2], sxz=stress[0, 2], p=-stress.trace() / 3)
    if O.cell.trsf[0, 2] >= STRAIN:
        plot.saveDataTxt("out/series.txt")
        O.pause()


O.run(wait=True)
