"""Small cells recorded with frames inside their stages, on both engines; what later steps make of them."""

import shutil

import numpy as np
import pandas as pd
import pytest

from microslip import d2min, local_packing_fraction, open_run
from microslip.config import parse_config
from microslip.data.frames import turning_frames
from microslip.data.trajectory import INSIDE, TrajectoryWriter
from microslip.dem.config import ShearCell
from microslip.dem.flow import measure_flow
from microslip.dem.inside import evenly_inside
from microslip.dem.launch import simulate
from microslip.dem.native.engine import NativeEngine
from microslip.dem.protocol import Protocol
from microslip.steps.fields import fields_step
from microslip.steps.stages import stages_step
from microslip.steps.within_stages import cycles_of_large_slips, write_within_stages

N = 5
# φ_local is stored in single precision.
SINGLE = 1e-6


def quiet(*anything):
    pass


def config_of(kind="native", n_inside=N, **engine):
    """A cell of some 250 grains between walls of 64, or without walls."""
    return ShearCell.model_validate(
        {
            "cell": {"length": 6, "depth": 6, "height": 6},
            "loading": {"shear_rate": 50, "strain": 0.012, "warm_up": 0.002},
            "recording": {"threshold": 1e-6, "checkpoint_steps": 1000, "frames_per_stage": n_inside},
            "engine": {"kind": kind, **engine},
        }
    )


def sheared(config, folder, stops=()):
    """Shear in this process, stopped at these samples and taken up again from the checkpoint before."""
    (folder / "dem").mkdir(parents=True)
    left = set(stops)
    while True:
        protocol = Protocol(folder, config, NativeEngine(config))

        def asked(at_once=False, protocol=protocol):
            if protocol.last_sample not in left:
                return False
            left.remove(protocol.last_sample)
            return True

        protocol._stop_asked = asked
        try:
            protocol.run()
            assert not left
            return open_run(folder)
        except KeyboardInterrupt:
            continue


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return sheared(config_of(threads=1), tmp_path_factory.mktemp("inside") / "run")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return sheared(config_of(n_inside=0, threads=1), tmp_path_factory.mktemp("plain") / "run")


def test_the_turning_points_are_those_of_a_run_without_frames_inside(recorded, plain):
    assert "kind" not in plain.frames
    assert turning_frames(plain.frames).tolist() == [*range(plain.frames.sizes["frame"])]
    assert recorded.series.equals(plain.series)
    turning = turning_frames(recorded.frames)
    assert plain.frames.sizes["frame"] < recorded.frames.sizes["frame"]
    assert recorded.frames.drop_vars("kind").isel(frame=turning).equals(plain.frames)
    assert (np.diff(recorded.frames["sample"]) > 0).all()


def test_a_run_that_is_taken_up_again_keeps_the_same_frames(recorded, tmp_path):
    again = sheared(config_of(threads=1), tmp_path / "run", (150, 420, 421, 777, 1100))
    assert recorded.series.equals(again.series)
    assert recorded.frames.equals(again.frames)


@pytest.mark.slow
def test_ranks_of_lammps_keep_the_same_frames_when_taken_up_again(tmp_path):
    config = config_of("lammps", ranks=2)
    simulate(config, tmp_path / "whole")
    interruptions = []

    def interrupt(message):
        if message["phase"] == "shear" and len(interruptions) < 2:
            interruptions.append(message["sample"])
            raise KeyboardInterrupt

    while True:
        try:
            simulate(config, tmp_path / "pieces", progress=interrupt)
            break
        except KeyboardInterrupt:
            continue
    assert len(interruptions) == 2
    whole, pieces = open_run(tmp_path / "whole"), open_run(tmp_path / "pieces")
    assert (whole.frames["kind"] == INSIDE).any()
    assert whole.series.equals(pieces.series)
    assert whole.frames.equals(pieces.frames)


@pytest.fixture(scope="module")
def measured(recorded, tmp_path_factory):
    """With volumes of cells from a generator in place of Voronoi's, stages of a larger threshold, and fields."""
    run = open_run(shutil.copytree(recorded.folder, tmp_path_factory.mktemp("measured") / "run"))
    volume = TrajectoryWriter(run.folder / "trajectory.zarr").kept["cell_volume"]
    volume[:] = np.random.default_rng(5).uniform(1.2, 2.0, volume.shape)
    config = parse_config({**config_of().model_dump(mode="json"), "stages": {"threshold": 1e-5}})
    for step in (stages_step, fields_step):
        step(run, config, "mark", quiet, quiet)
    return run


def test_stages_begin_and_end_at_turning_points(measured):
    frames, stages = measured.frames, measured.stages
    assert len(stages) > 3
    for end in ("start", "end"):
        frame = stages[f"{end}_frame"].to_numpy()
        np.testing.assert_array_equal(frames["sample"][frame], stages[f"{end}_sample"])
        assert np.isin(frame, turning_frames(frames)).all()


def test_the_packing_fraction_is_the_mean_over_all_frames_of_the_stage(measured):
    fields, stages, diameter = measured.fields, measured.stages, measured.grains["diameter"].to_numpy()
    n_frames = fields["n_frames"].to_numpy()
    np.testing.assert_array_equal(n_frames, stages["end_frame"] - stages["start_frame"] + 1)
    assert n_frames.max() >= N + 2
    stage = int(n_frames.argmax())
    rows = slice(stages["start_frame"][stage], stages["end_frame"][stage] + 1)
    of_frames = [local_packing_fraction(diameter, volume) for volume in measured.frames["cell_volume"][rows].to_numpy()]
    bulk = measured.grains["kind"].to_numpy() == 0
    np.testing.assert_allclose(fields["packing_fraction"][stage][bulk], np.mean(of_frames, axis=0)[bulk], rtol=SINGLE)


def test_the_way_through_a_large_slip_is_that_from_frame_to_frame(measured, tmp_path):
    run = open_run(shutil.copytree(measured.folder, tmp_path / "run"))
    config = parse_config({**config_of().model_dump(mode="json"), "stages": {"threshold": 1e-5}})
    lines = []
    write_within_stages(run, config, np.arange(len(run.stages)), lines.append)
    cycles = cycles_of_large_slips(run, N)
    table = pd.read_csv(run.folder / "statistics" / "within_stages.csv")
    assert lines[0].startswith(f"before {len(cycles)} slips of ")
    assert table["n_stages"].max() <= len(cycles)
    for number, kind in enumerate(("stick", "slip")):
        stages = run.stages.iloc[cycles[:, number]]
        assert (stages["kind"] == kind).all()
        logs = []
        for stage in stages.itertuples():
            # the last part of each: from the last frame inside to the end
            sample, frames = run.frames["sample"].to_numpy(), np.arange(stage.start_frame + 1, stage.end_frame)
            chosen = evenly_inside(sample[frames].tolist(), stage.start_sample, stage.end_sample, N)
            last = int(np.searchsorted(sample, chosen[-1]))
            strain = run.series["strain"].to_numpy()[sample[[last, stage.end_frame]]]
            if (strain.mean() - stage.start_strain) / stage.strain_increment < 1 - 1 / (N + 1):
                continue
            position = run.frames["position"]
            bulk = run.grains["kind"].to_numpy() == 0
            motion = d2min(position[last].to_numpy(), position[stage.end_frame].to_numpy(), run.box, 2.0, bulk).d2min
            logs.append(0.5 * np.log(np.nanmean(motion)) - np.log(strain[1] - strain[0]))
        row = table[(table["kind"] == kind) & (table["high"] == 1)].iloc[0]
        assert row["n_stages"] == len(logs) > 0
        assert np.log(row["speed"]) == pytest.approx(np.mean(logs), rel=1e-9)


def test_a_run_without_frames_inside_has_no_such_table(plain):
    write_within_stages(plain, parse_config(config_of(n_inside=0).model_dump(mode="json")), np.zeros(0, int), quiet)
    assert not (plain.folder / "statistics").exists()


def test_motion_that_a_profile_measures_itself_is_that_between_turning_points(recorded, plain):
    """Pieces of stages would have a D²min of their own, a tenth of it and less."""
    one, other = (measure_flow(run, config_of().first_stage_sample) for run in (recorded, plain))
    np.testing.assert_array_equal(one.layers["log_d2min"], other.layers["log_d2min"])
