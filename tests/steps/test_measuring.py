"""Fields of a small artificial run: what is averaged, what is subtracted, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.data.files import read_table, write_table
from microslip.data.run import STAGE_COLUMNS, Run
from microslip.data.store import add_array, create_store
from microslip.steps.measuring import fields_step

BOX, N, N_FRAMES = (6.0, 6.0, 5.0), 200, 7
KIND = np.repeat([0, 1, 2], [160, 20, 20])


def artificial(folder, rng, **changes):
    """Frames 0 to 6; stages from 0 to 3 and from 3 to 6."""
    start = rng.random((N, 3)) * BOX
    frames = {
        "position": start + np.cumsum(rng.normal(0, 1e-3, (N_FRAMES, N, 3)), axis=0),
        "grain_stress": rng.random((N_FRAMES, N, 6)),
        "grain_energy": rng.random((N_FRAMES, N)),
        "cell_volume": 1 + rng.random((N_FRAMES, N)),
    }
    grains = {"diameter": rng.uniform(0.8, 1.2, N), "kind": KIND, "id": np.arange(1, N + 1)}
    for name, change in changes.items():
        place = frames if name in frames else grains
        place[name] = change(place[name])
    store = create_store(folder / "trajectory.zarr", {"box": list(BOX)})
    for group, arrays in (("frames", frames), ("grains", grains)):
        made = store.create_group(group)
        for name, values in arrays.items():
            dimensions = (["frame", "grain", f"{name}_axis"] if group == "frames" else ["grain"])[: values.ndim]
            add_array(made, name, dimensions, values.shape, str(values.dtype), "", "")[:] = values
    table: dict[str, list] = {name: [0, 0] for name in STAGE_COLUMNS}
    table |= {"stage": [0, 1], "kind": ["stick", "slip"], "start_frame": [0, 3], "end_frame": [3, 6]}
    write_table(folder / "stages.csv", pd.DataFrame(table))
    return Run(folder), frames, grains


def measure(run):
    said = []
    fields_step(run, Config(), "mark", lambda done, total: None, said.append)
    return said


def test_changes_are_end_less_start_and_the_packing_fraction_is_a_mean_over_all_frames(tmp_path, rng):
    run, frames, grains = artificial(tmp_path, rng)
    measure(run)
    bulk, fields = KIND == 0, run.fields
    energy = frames["grain_energy"]
    np.testing.assert_allclose(fields["delta_energy"][1, bulk], (energy[6] - energy[3])[bulk], rtol=1e-5, atol=1e-6)
    fraction = np.pi / 6 * grains["diameter"] ** 3 / frames["cell_volume"]
    np.testing.assert_allclose(fields["packing_fraction"][0, bulk], fraction[:4].mean(axis=0)[bulk], rtol=1e-5)

    def sigma1(frame):
        s = frames["grain_stress"][frame]
        full = np.stack([s[:, [0, 3, 4]], s[:, [3, 1, 5]], s[:, [4, 5, 2]]], axis=1)
        return np.linalg.eigvalsh(full)[:, -1]

    np.testing.assert_allclose(fields["delta_sigma1"][0, bulk], (sigma1(3) - sigma1(0))[bulk], atol=1e-5)
    for name in ("d2min", "delta_sigma1", "delta_energy", "packing_fraction", "shear_strain"):
        assert np.isnan(fields[name].to_numpy()[:, ~bulk]).all()
        assert np.isfinite(fields[name].to_numpy()[:, bulk]).all()
    assert fields["below_floor"].to_numpy().tolist() == [0, 0]


def test_stages_below_the_floor_of_rounded_positions_are_flagged(tmp_path, rng):
    run, *_ = artificial(tmp_path, rng, position=lambda position: np.round(position, 2))
    said = measure(run)
    assert run.fields["below_floor"].to_numpy().tolist() == [1, 1]
    assert run.fields.attrs["position_resolution"] == pytest.approx(0.01)
    assert any("2 of 2 stages" in sentence for sentence in said)


def put(place, value):
    def change(values):
        values = values.copy()
        values[place] = value
        return values

    return change


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"position": put((3, 5), np.nan)}, "stage 0, from frame 0 to 3: the position of grain 5 is"),
        ({"position": put((slice(4, None), 9, 1), 6.0 + 8)}, "stage 1, from frame 3 to 6: grain 9 moves"),
        ({"cell_volume": put((1, 7), 0.0)}, "frame 1: grain 7 or its Voronoi cell has no volume"),
        ({"id": put(4, 3)}, "names grain 3 2 times"),
        ({"diameter": put(11, 0.0)}, "gives grain 11 the diameter 0"),
        ({"position": lambda position: position[:, :-1], "grain_stress": lambda stress: stress[:, :-1],
          "grain_energy": lambda energy: energy[:, :-1], "cell_volume": lambda volume: volume[:, :-1]},
         "holds 200 grains, its frames 199"),
    ],
)  # fmt: skip
def test_damaged_frames_are_named_and_nothing_is_put_in_place(tmp_path, rng, changes, message):
    run, *_ = artificial(tmp_path, rng, **changes)
    with pytest.raises(MicroslipError, match=message):
        measure(run)
    assert not (tmp_path / "fields.zarr").exists()


def test_a_stage_of_a_frame_that_is_not_there(tmp_path, rng):
    run, *_ = artificial(tmp_path, rng)
    stages = read_table(tmp_path / "stages.csv", STAGE_COLUMNS)
    stages.loc[1, "end_frame"] = 9
    write_table(tmp_path / "stages.csv", stages)
    with pytest.raises(MicroslipError, match=r"stages\.csv names frame 9"):
        measure(run)
