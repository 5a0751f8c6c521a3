import numpy as np
import pytest

from microslip import Box, artificial, detect_stages
from microslip.config import parse_config
from microslip.data.files import write_table
from microslip.data.provenance import record_step
from microslip.data.run import Run
from microslip.steps.avalanches import avalanche_tables

N_SAMPLES = 20_000
# Of the settings, and larger, as the frames of an import may allow.
ASKED, SUPPORTED = 1e-5, 3e-4


@pytest.fixture(scope="module")
def wandering(tmp_path_factory):
    """A run whose stress is a bounded random walk."""
    folder, rng = tmp_path_factory.mktemp("runs"), np.random.default_rng(5)
    strain, steps = 1e-5 * np.arange(N_SAMPLES), 1e-4 * rng.normal(size=N_SAMPLES)
    stress = np.zeros(N_SAMPLES)
    for sample in range(1, N_SAMPLES):
        stress[sample] = 0.995 * stress[sample - 1] + steps[sample]
    stages = detect_stages(strain, stress + 0.3, SUPPORTED)
    write_table(folder / "stages.csv", stages.assign(start_frame=0, end_frame=1))
    grains = artificial.Packing(rng.random((4, 3)), np.ones(4), np.zeros(4, dtype=int), Box((4.0, 4.0, 4.0)))
    frames = np.repeat(grains.positions[None], 2, axis=0)
    artificial.write_trajectory(
        folder, grains, {"strain": strain, "stress": stress + 0.3}, np.array([0, N_SAMPLES - 1]), frames
    )
    return Run(folder)


def smallest(run):
    config, lines = parse_config({"stages": {"threshold": ASKED}}), []
    blocks = np.arange(len(run.stages)) * 8 // len(run.stages)
    tables = avalanche_tables(run, config, blocks, lines.append)
    return tables["avalanches"]["threshold"].min(), lines


def test_slips_are_cut_at_the_threshold_of_the_stages_not_at_that_of_the_settings(wandering):
    assert smallest(wandering)[0] == ASKED
    record_step(wandering.folder, "stages", {"threshold": SUPPORTED})
    threshold, lines = smallest(wandering)
    assert threshold == SUPPORTED
    assert any("at a threshold of 0.0003 p" in line for line in lines)
