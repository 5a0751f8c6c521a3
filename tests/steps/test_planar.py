"""A planar glass through the whole chain, from LAMMPS' files of a plane of x and y to the page and back."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from microslip import Box, moran_i, open_run

from ..command_line import microslip

# Least squares over a dozen neighbours, of coordinates that were printed in full.
ROUND_OFF = 1e-9
LENGTHS, N_FRAMES, STRAIN = np.array([16.0, 14.0]), 47, 2e-3
# The disc that moves alone, its motion, and the stage in which it does.
LONE, STEP, STAGE = 100, np.array([0.12, -0.09]), 9
STIFFNESS = 50.0
SMALL = {
    "split.guard": 1,
    "network.channels": [4, 8],
    "network.hidden": 8,
    "training.epochs": 3,
    "training.ensemble": 1,
    "training.batch_size": 8,
    "training.threads": 1,
    "training.device": "cpu",
    "attribution.n_stages": 4,
    "attribution.n_steps": 8,
    "attribution.n_compared": 2,
    "attribution.null_epochs": 1,
    "attribution.n_noisy": 2,
    "correlation.n_bins": 2,
}


class Glass:
    """Discs sheared affinely, each stage with a patch that moves at random, one stage with a disc that moves alone."""

    def __init__(self, folder):
        rng = np.random.default_rng(12)
        sites = np.stack(np.meshgrid(*(np.arange(n) + 0.5 for n in LENGTHS), indexing="ij"), axis=-1).reshape(-1, 2)
        self.radius = rng.uniform(0.45, 0.6, len(sites))
        self.radius *= 0.5 / self.radius.mean()
        # the cell's own coordinates; lab coordinates lean with it
        still = sites + rng.uniform(-0.15, 0.15, sites.shape)
        self.strain = STRAIN * np.arange(N_FRAMES)
        self.stress = 0.3 + np.where(np.arange(N_FRAMES) % 2, 0.04, 0) + rng.normal(0, 0.005, N_FRAMES)
        frames = [still]
        for frame in range(1, N_FRAMES):
            moved = rng.normal(0, 1e-4, sites.shape)
            if frame == STAGE + 2:
                moved = np.zeros_like(sites)
                moved[LONE] = STEP
            else:
                away = still - rng.random(2) * LENGTHS
                away -= LENGTHS * np.round(away / LENGTHS)
                size = abs(self.stress[frame] - self.stress[frame - 1])
                moved += size * np.exp(-(away**2).sum(axis=1) / 6)[:, None] * rng.normal(0, 1, sites.shape)
            frames.append(frames[-1] + moved)
        self.inside = np.array(frames)
        self.lab = self.inside.copy()
        self.lab[..., 0] += self.strain[:, None] * self.inside[..., 1]
        self._write(folder)

    def box(self, frame):
        tilt = self.strain[frame] * LENGTHS[1]
        return Box((LENGTHS[0], 1.0, LENGTHS[1]), (True, False, True), tilt, planar=True)

    def contacts(self, frame):
        """Pairs that overlap, vectors from the first to the second, forces on the first."""
        ours = np.insert(self.lab[frame], 1, 0.5, axis=1)
        apart = self.box(frame).minimum_image(ours[None] - ours[:, None])[..., ::2]
        distance = np.linalg.norm(apart, axis=2)
        overlap = self.radius[:, None] + self.radius[None] - distance
        pairs = np.argwhere(np.triu(overlap > 0, 1))
        first, second = pairs.T
        r, d = apart[first, second], overlap[first, second]
        return pairs, r, -STIFFNESS * d[:, None] * r / distance[first, second][:, None]

    def grain_stress(self, frame):
        """Love–Weber of every disc over its area, compression positive, (grain, 2, 2) in the plane."""
        pairs, r, force = self.contacts(frame)
        total = np.zeros((len(self.radius), 2, 2))
        distance = np.linalg.norm(r, axis=1)
        overlap = self.radius[pairs].sum(axis=1) - distance
        for side, sign in ((0, 1), (1, -1)):
            arm = (self.radius[pairs[:, side]] - overlap / 2)[:, None] * sign * r / distance[:, None]
            product = np.einsum("ca,cb->cab", sign * force, arm)
            np.add.at(total, pairs[:, side], -0.5 * (product + product.transpose(0, 2, 1)))
        return total / (np.pi * self.radius**2)[:, None, None]

    def d2min(self, start, end, cutoff=2.0):
        """Falk & Langer in two columns, by all pairs and numpy's least squares."""
        box, n = self.box(start), len(self.radius)
        ours = np.insert(self.lab[start], 1, 0.5, axis=1)
        apart = box.minimum_image(ours[None] - ours[:, None])[..., ::2]
        moved, found = self.inside[end] - self.inside[start], np.empty(n)
        for i in range(n):
            near = np.flatnonzero((np.linalg.norm(apart[i], axis=1) <= cutoff) & (np.arange(n) != i))
            # relative to the cell: what it does is affine
            change = moved[near] - moved[i]
            change[:, 0] += self.strain[end] * (moved[near] - moved[i])[:, 1]
            gradient, *_ = np.linalg.lstsq(apart[i][near], change, rcond=None)
            found[i] = np.mean(((change - apart[i][near] @ gradient) ** 2).sum(axis=1))
        return found

    def _write(self, folder):
        wrapped = [self.box(k).wrap(np.insert(self.lab[k], 1, 0.5, axis=1))[:, ::2] for k in range(N_FRAMES)]
        with (folder / "glass.dump").open("w") as dump, (folder / "contacts.dump").open("w") as contacts:
            for k, places in enumerate(wrapped):
                tilt = float(self.strain[k] * LENGTHS[1])
                bounds = f"0.0 {float(LENGTHS[0]) + tilt!r} {tilt!r}\n0.0 {float(LENGTHS[1])!r} 0.0\n-0.5 0.5 0.0\n"
                head = f"ITEM: TIMESTEP\n{100 * k}\nITEM: NUMBER OF {{}}\n{{}}\n"
                head += f"ITEM: BOX BOUNDS xy xz yz pp pp pp\n{bounds}"
                dump.write(head.format("ATOMS", len(places)) + "ITEM: ATOMS id type x y z radius\n")
                for i, (x, y) in enumerate(places.tolist()):
                    dump.write(f"{i + 1} 1 {x!r} {y!r} 0 {float(self.radius[i])!r}\n")
                pairs, _, force = self.contacts(k)
                contacts.write(head.format("ENTRIES", len(pairs)) + "ITEM: ENTRIES c_1[1] c_1[2] c_2[1] c_2[2]\n")
                for (i, j), (fx, fy) in zip(pairs.tolist(), force.tolist(), strict=True):
                    contacts.write(f"{i + 1} {j + 1} {fx!r} {fy!r}\n")
        table = pd.DataFrame({"step": 100 * np.arange(N_FRAMES), "s": self.stress, "p": 2.0})
        table.to_csv(folder / "series.csv", index=False)


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planar")
    glass, run = Glass(folder), folder / "run"
    settings = [
        'source.contact_columns={id1="c_1[1]", id2="c_1[2]", fx="c_2[1]", fy="c_2[2]"}',
        'source.normal_stress=["p"]',
        "source.cell_volumes=true",
    ]
    arguments = [part for one in settings for part in ("--set", one)]
    files = (folder / "glass.dump", "--series", folder / "series.csv", "--contacts", folder / "contacts.dump")
    said = {"import": microslip("import", *files, "--shear-stress", "s", *arguments, "--into", run).stdout}
    microslip("stages", run, "--set", "stages.threshold=1e-3", "--set", "stages.stress=walls")
    for verb in ("fields", "voxels", "statistics", "info"):
        said[verb] = microslip(verb, run).stdout
    return glass, run, said


def stages_of(run):
    return run.stages[["start_frame", "end_frame"]].to_numpy()


def test_the_plane_is_known_once_and_said(chain):
    glass, folder, said = chain
    run = open_run(folder)
    assert run.attributes["planar"] is True
    assert run.box == Box((16.0, 1.0, 14.0), (True, False, True), planar=True)
    assert run.box_at(5).tilt == pytest.approx(5 * STRAIN * 14)
    assert "planar: the file's z is the same for all grains" in said["import"]
    assert "our x is the file's x (flow), no y, z its y (gradient)" in said["import"]
    assert "16 × 14 d̄ and repeats in x, repeats in z" in said["import"]
    assert "16 × 14 d̄" in said["info"]
    assert "single layer" not in said["import"]
    position = run.frames["position"].to_numpy()
    assert (position[..., 1] == 0.5).all()
    np.testing.assert_allclose(np.diff(position[..., ::2], axis=0), np.diff(glass.lab, axis=0), atol=1e-12)
    # of printed coordinates in the plane, not of the zeros across it
    assert run.attributes["position_resolution"] < 1e-14


def test_d2min_is_that_of_two_dimensions(chain):
    glass, folder, said = chain
    run = open_run(folder)
    fields = run.fields
    assert "undefined" not in said["fields"]
    assert 0 < fields.attrs["precision_floor"] < 1e-27
    # but for the stage in which one disc moves alone, half of the discs move
    assert np.flatnonzero(fields["below_floor"]).tolist() == [STAGE]
    for stage, (start, end) in enumerate(stages_of(run)[::8]):
        np.testing.assert_allclose(fields["d2min"][8 * stage], glass.d2min(start, end), rtol=1e-6, atol=1e-20)


def test_a_disc_that_moves_alone_has_what_the_formula_says(chain):
    """Its neighbours stay: u_ij = −u for all, and D²min = u² (1 − s Y⁻¹ s/N) with s the sum of the vectors to them."""
    glass, folder, _ = chain
    run = open_run(folder)
    (stage,) = np.flatnonzero(stages_of(run)[:, 1] == STAGE + 2)
    start = stages_of(run)[stage, 0]
    assert start == STAGE + 1
    ours = np.insert(glass.lab[start], 1, 0.5, axis=1)
    vectors = glass.box(start).minimum_image(ours - ours[LONE])[:, ::2]
    near = (np.linalg.norm(vectors, axis=1) <= 2) & (np.arange(len(ours)) != LONE)
    total, tensor = vectors[near].sum(axis=0), vectors[near].T @ vectors[near]
    step = STEP + np.array([glass.strain[start + 1] * STEP[1], 0])
    expected = step @ step * (1 - total @ np.linalg.solve(tensor, total) / near.sum())
    found = run.fields["d2min"][stage].to_numpy()
    assert found[LONE] == pytest.approx(expected, rel=ROUND_OFF)
    assert found.argmax() == LONE
    far = np.linalg.norm(vectors, axis=1) > 2
    np.testing.assert_allclose(found[far], 0, atol=1e-25)
    # the strain of the stage, which every neighbourhood far away has: γ/2, and no change of area
    shear = run.fields["shear_strain"][stage].to_numpy()[far]
    np.testing.assert_allclose(shear, STRAIN / 2, rtol=2e-2)


def test_stress_and_area_fraction_of_discs(chain):
    glass, folder, _ = chain
    run = open_run(folder)
    # the pressure is the mean normal stress, 2
    stored = run.frames["grain_stress"][7].to_numpy()
    expected = glass.grain_stress(7) / 2
    np.testing.assert_allclose(stored[:, [0, 2, 4]], expected[:, [0, 1, 0], [0, 1, 1]], rtol=1e-5, atol=1e-6)
    assert (stored[:, [1, 3, 5]] == 0).all()
    start, end = stages_of(run)[3]
    change = np.linalg.eigvalsh(glass.grain_stress(end))[:, 1] - np.linalg.eigvalsh(glass.grain_stress(start))[:, 1]
    np.testing.assert_allclose(run.fields["delta_sigma1"][3], change / 2, rtol=1e-3, atol=1e-4)
    area = run.frames["cell_volume"].to_numpy()
    np.testing.assert_allclose(area.sum(axis=1), 16 * 14, rtol=1e-6)
    discs = np.pi * glass.radius**2
    np.testing.assert_allclose(
        run.fields["packing_fraction"][0],
        np.mean(discs / area[slice(*(stages_of(run)[0] + [0, 1]))], axis=0),
        rtol=1e-5,
    )


def test_voxels_are_one_layer_of_means(chain):
    glass, folder, _ = chain
    run = open_run(folder)
    voxels, row = run.voxels, 4
    assert voxels["d2min"].shape[1:] == (16, 1, 14)
    start, end = stages_of(run)[row]
    values = glass.d2min(start, end)
    ours = np.insert(glass.lab[start], 1, 0.5, axis=1)
    for x, z in ((0, 0), (7, 3), (15, 13)):
        node = np.array([voxels["x"][x], 0.5, voxels["z"][z]])
        near = np.linalg.norm(glass.box(start).minimum_image(ours - node), axis=1) <= 1.3
        assert float(voxels["d2min"][row, x, 0, z]) == pytest.approx(values[near].mean(), rel=1e-5)


def test_statistics_of_the_plane(chain):
    glass, folder, _ = chain
    run = open_run(folder)
    tables = folder / "statistics"
    about = json.loads((tables / "pair_correlation.json").read_text())
    # a jittered square lattice
    assert about["peak"] == pytest.approx(1, abs=0.15)
    curve = pd.read_csv(tables / "pair_correlation.csv")
    assert np.average(curve["g"], weights=curve["r"]) == pytest.approx(1, abs=0.05)
    stage = pd.read_csv(tables / "stages.csv").iloc[6]
    start, _ = stages_of(run)[6]
    values = run.fields["d2min"][6].to_numpy()
    active = (values >= np.sort(values)[-round(0.1 * len(values))]).astype(float)
    ours = np.insert(glass.lab[start], 1, 0.5, axis=1)
    assert stage["moran_i"] == pytest.approx(moran_i(ours, active, glass.box(start)), rel=1e-9)
    assert 0 < stage["efficiency"] < 2
    lengths = pd.read_csv(tables / "correlation_length.csv")
    assert (lengths["exponent"].dropna() == 0.5).all()


def test_exports_come_back(chain, tmp_path):
    _, folder, _ = chain
    run = open_run(folder)
    for what in ("frames", "fields", "voxels"):
        microslip("export", folder, what, "--into", tmp_path / f"{what}.{'dump' if what == 'frames' else 'vtkhdf'}")
    back = tmp_path / "back"
    microslip("import", tmp_path / "frames.toml", "--into", back)
    again = open_run(back)
    assert again.box == run.box
    np.testing.assert_array_equal(again.frames["position"], run.frames["position"])
    np.testing.assert_allclose(again.frames["cell"], run.frames["cell"], rtol=1e-12)


@pytest.mark.slow
def test_network_attributions_figures_report_and_page(chain, tmp_path):
    _, folder, _ = chain
    run = Path(shutil.copytree(folder, tmp_path / "run"))
    settings = [part for name, value in SMALL.items() for part in ("--set", f"{name}={value}")]
    microslip("run", run, *settings)
    found = open_run(run)
    assert found.attributions["attribution"].shape[1:] == (16, 1, 14)
    assert (found.attributions["completeness_error"] < 0.05).all()
    assert (run / "figures" / "volumes.png").stat().st_size > 10_000
    page = (run / "report" / "index.html").read_text()
    words = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert "planar cell of 16 × 14 d̄" in words
    assert "shortest edge 14 d̄" in words
    assert "discs in the plane of x and z" in words
    microslip("view", run, "--export", tmp_path / "page")
    told = json.loads((tmp_path / "page" / "data" / "run.json").read_text())
    assert told["planar"] is True
    assert told["box"] == pytest.approx([16, 1, 14])


def test_walls_of_a_planar_slab(tmp_path, rng):
    """A table of tracked discs without z, between two walls that move; the force on one is divided by its length."""
    sites = np.stack(np.meshgrid(np.arange(14) + 0.5, np.arange(12) - 0.5, indexing="ij"), axis=-1).reshape(-1, 2)
    kind = np.select([sites[:, 1] < 0, sites[:, 1] > 10], [2, 3], 1)
    still = sites + np.where(kind == 1, 1, 0)[:, None] * rng.uniform(-0.1, 0.1, sites.shape)
    rows, table = [], []
    for frame in range(8):
        moved = (
            still
            + np.outer(still[:, 1] - 5, [0.01 * frame, 0])
            + rng.normal(0, 1e-4, still.shape) * (kind == 1)[:, None]
        )
        rows.append(pd.DataFrame({"frame": frame, "id": np.arange(len(sites)), "x": moved[:, 0], "y": moved[:, 1]}))
        table.append({"step": frame, "f": 28.0 + 7 * (frame % 2)})
        rows[-1]["type"], rows[-1]["diameter"] = kind, 1.0
    pd.concat(rows).to_csv(tmp_path / "tracked.csv", index=False)
    pd.DataFrame(table).to_csv(tmp_path / "force.csv", index=False)
    run = tmp_path / "run"
    settings = [
        "source.periodic=[true,true,false]",
        "source.box=[14,1,10]",
        "source.wall_types=[2,3]",
        'source.shear_force=["f"]',
        "stages.window=0.02",
    ]
    arguments = [part for one in settings for part in ("--set", one)]
    microslip("import", tmp_path / "tracked.csv", "--series", tmp_path / "force.csv", *arguments[:-2], "--into", run)
    microslip("stages", run, *arguments[-2:])
    microslip("fields", run)
    found = open_run(run)
    assert found.box == Box((14.0, 1.0, 10.0), (True, False, False), planar=True)
    assert found.series["stress"].values[0] == pytest.approx(28 / 14)
    bulk = found.grains["kind"].to_numpy() == 0
    assert np.isfinite(found.fields["d2min"].to_numpy()[:, bulk]).all()
    assert float(found.fields["d2min"].to_numpy()[:, bulk].max()) < 1e-6


def test_energies_of_discs_are_refused(chain, tmp_path):
    _, folder, _ = chain
    source = folder.parent
    columns = 'source.contact_columns={id1="c_1[1]", id2="c_1[2]", fx="c_2[1]", fy="c_2[2]"}'
    arguments = ("--set", columns, "--set", "source.youngs_modulus=1e3", "--set", "source.poisson_ratio=0.3")
    with pytest.raises(AssertionError, match=r"microslip: source\.youngs_modulus is given for the energy of Hertz"):
        microslip(
            "import",
            source / "glass.dump",
            "--contacts",
            source / "contacts.dump",
            *arguments,
            "--into",
            tmp_path / "r",
        )
