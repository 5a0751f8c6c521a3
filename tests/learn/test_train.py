import os
import re
import sys

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from microslip import MicroslipError
from microslip.learn.baselines import amplitude_features, boosting
from microslip.learn.config import Network, Training
from microslip.learn.evaluate import r_squared
from microslip.learn.networks.predictor import build_network
from microslip.learn.prediction import predict
from microslip.learn.processes import check_machine
from microslip.learn.samples import Samples, fit_scaling
from microslip.learn.train import train

CURVES = ["epoch", "train_loss", "validation_loss", "learning_rate"]

# Gradients are summed in another order; Adam divides small ones by their size.
ORDER_OF_SUMS = 1e-3

# Eight bits of mantissa in the convolutions.
BFLOAT16 = 0.1


def fit(task, folder, report=None, network=None, samples=None, sets=None, **changes):
    """The task's training with some settings changed."""
    return train(
        samples or task.samples,
        sets or task.sets,
        task.scaling,
        network or task.network,
        task.training.model_copy(update=changes),
        folder / "state.pt",
        report,
    )


def same_weights(one, other):
    weights, others = one.network.state_dict(), other.network.state_dict()
    return all(torch.equal(others[name], value) for name, value in weights.items())


def test_learns_a_pattern_that_the_amplitude_does_not_hold(task, trained):
    target, test = task.samples.target, task.sets["test"]
    prediction = predict(trained.network, task.samples, task.scaling, test)
    assert r_squared(target[test], prediction) > 0.8
    grains = task.voxels["d2min"].stack(grain=("x", "y", "z")).transpose("stage", "grain")
    mean = amplitude_features(grains)["mean_d2min"]
    # blobs that a wall cuts are smaller
    without_edges = test[np.abs(target[test]) < 2e-3]
    assert r_squared(target[without_edges], boosting(mean, target, task.sets, 1)[without_edges]) < 0.5


@pytest.mark.parametrize(
    "changes",
    [
        {"target": "asinh"},
        {"schedule": "constant", "learning_rate": 1e-3},
        {"loss": "huber"},
        {"loss": "likelihood", "target": "asinh"},
        {"loss": "likelihood", "scale_power": 1.0, "size_weight": 0.5},
    ],
)
@pytest.mark.parametrize("kind", ["plain", "residual"])
def test_every_kind_and_form_learns(task, tmp_path, kind, changes):
    network = task.network.model_copy(update={"kind": kind})
    settings = task.training.model_copy(update={"epochs": 8, **changes})
    scaling = fit_scaling(task.samples, task.sets["train"], settings)
    found = train(task.samples, task.sets, scaling, network, settings, tmp_path / "state.pt")
    test = task.sets["test"]
    assert r_squared(task.samples.target[test], predict(found.network, task.samples, scaling, test)) > 0.5


def test_the_kept_weights_are_those_of_the_best_validation_epoch(task, trained):
    held = task.sets["validation"]
    error = predict(trained.network, task.samples, task.scaling, held, decoded=False)
    error = error - task.scaling.encode(task.samples.target[held])
    assert np.mean(error**2) == pytest.approx(trained.history["validation_loss"].min(), rel=1e-5)
    assert not trained.network.training


def test_the_first_loss_is_that_of_predicting_no_change(task, tmp_path):
    history = fit(task, tmp_path, epochs=1, learning_rate=1e-9).history
    for name, loss in (("train", "train_loss"), ("validation", "validation_loss")):
        expected = np.mean(task.scaling.encode(task.samples.target[task.sets[name]]) ** 2)
        assert history[loss][0] == pytest.approx(expected, rel=1e-4)


def test_a_training_can_start_from_another_network(task, trained, tmp_path):
    """At a rate of nothing it stays as it was; the first loss is that of the network it starts from."""
    settings = task.training.model_copy(update={"epochs": 1, "learning_rate": 1e-12, "weight_decay": 0.0})
    again = train(
        task.samples, task.sets, task.scaling, task.network, settings, tmp_path / "state.pt", start=trained.network
    )
    held = task.sets["validation"]
    one, two = (predict(network, task.samples, task.scaling, held) for network in (trained.network, again.network))
    np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-3 * task.scaling.target_scale)
    with pytest.raises(MicroslipError, match="start = 3 is no Predictor"):
        train(task.samples, task.sets, task.scaling, task.network, settings, start=3)


def test_one_cycle_rises_to_its_peak_and_ends_low_and_a_constant_rate_stays(task, trained, tmp_path):
    rate = trained.history["learning_rate"]
    assert rate.max() == pytest.approx(task.training.learning_rate, rel=0.1)
    assert 0 < rate.argmax() < len(rate) - 1
    assert rate.iloc[-1] < 1e-3 * rate.max()
    constant = fit(task, tmp_path, epochs=2, schedule="constant").history["learning_rate"]
    np.testing.assert_allclose(constant, task.training.learning_rate)


def test_the_same_seed_gives_the_same_network_and_another_seed_another_one(task, tmp_path):
    first, again, other = (fit(task, tmp_path / str(i), epochs=1, seed=s) for i, s in enumerate((1, 1, 2)))
    assert same_weights(first, again)
    assert not same_weights(first, other)


@pytest.mark.parametrize("kind", ["plain", "residual"])
def test_an_interrupted_training_ends_like_an_uninterrupted_one(task, tmp_path, kind):
    network = task.network.model_copy(update={"kind": kind})

    def interrupt(row):
        if row["epoch"] == 1:
            raise KeyboardInterrupt

    whole = fit(task, tmp_path / "whole", network=network, epochs=4)
    with pytest.raises(KeyboardInterrupt):
        fit(task, tmp_path / "cut", interrupt, network=network, epochs=4)
    rows = []
    again = fit(task, tmp_path / "cut", rows.append, network=network, epochs=4)
    assert [row["epoch"] for row in rows] == [2, 3]
    assert same_weights(whole, again)
    assert again.history[CURVES].equals(whole.history[CURVES])


def test_a_finished_training_is_read_and_not_repeated(task, tmp_path):
    first = fit(task, tmp_path, epochs=2)
    rows = []
    again = fit(task, tmp_path, rows.append, epochs=2)
    assert rows == []
    assert same_weights(first, again)
    assert again.history.equals(first.history)


def test_stops_when_the_validation_loss_no_longer_falls(task, tmp_path):
    """Validation stages whose fluctuations have the wrong sign: all that is learnt makes them worse."""
    target = task.samples.target.copy()
    target[task.sets["validation"]] *= -1
    found = fit(task, tmp_path, samples=Samples(task.samples.inputs, ("d2min",), target), patience=3)
    best = int(found.history["validation_loss"].argmin())
    assert len(found.history) == best + 4 < task.training.epochs


def test_a_loss_that_is_not_finite_is_said(task, tmp_path):
    inputs = task.samples.inputs.copy()
    stage = task.sets["train"][7]
    inputs[stage, 0, 1, 2, 3] = np.nan
    with pytest.raises(MicroslipError, match=rf"not finite in epoch 0: samples hold inputs of stage {stage} that are"):
        fit(task, tmp_path, samples=Samples(inputs, ("d2min",), task.samples.target))
    with pytest.raises(MicroslipError, match=rf"samples: the prediction of stage {stage} is not finite"):
        predict(
            build_network((8, 6, 8), Network(kind="residual", channels=(4, 8))),
            Samples(inputs, ("d2min",), task.samples.target),
            task.scaling,
            np.array([0, stage]),
        )


def test_neither_set_sees_the_test_stages(task, trained, tmp_path):
    inputs, target = task.samples.inputs.copy(), task.samples.target.copy()
    inputs[task.sets["test"]], target[task.sets["test"]] = 5, 5
    first = fit(task, tmp_path / "first", epochs=2)
    second = fit(task, tmp_path / "second", epochs=2, samples=Samples(inputs, ("d2min",), target))
    assert same_weights(first, second)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said(task, tmp_path):
    with pytest.raises(MicroslipError, match="torch sees no GPU: use cpu or auto"):
        fit(task, tmp_path, device="cuda")


def test_a_grid_too_small_for_the_network_is_said(task, tmp_path):
    with pytest.raises(MicroslipError, match="too small for 4 poolings"):
        fit(task, tmp_path, network=Network())


def test_a_batch_too_small_for_its_processes_is_refused():
    with pytest.raises(ValidationError, match="leaves less than two stages to each of 4 processes"):
        Training(batch_size=7, processes=4)
    assert Training(batch_size=8, processes=4).processes == 4


def test_bfloat16_learns_like_float32(task, trained, tmp_path):
    found = fit(task, tmp_path, precision="bfloat16").history
    np.testing.assert_allclose(found["train_loss"][:3], trained.history["train_loss"][:3], rtol=BFLOAT16)
    assert found["validation_loss"].min() < 2 * trained.history["validation_loss"].min()
    assert found["validation_loss"].min() < 0.2


# What each sets for the first of its processes.
JOBS = {
    "sbatch": {"SLURM_JOB_ID": "4242", "SLURM_NTASKS": "16", "SLURM_JOB_NODELIST": "n[01-02]", "SLURM_NNODES": "2"},
    "srun": {"SLURM_JOB_ID": "4242", "SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "4", "SLURM_PROCID": "2"}
    | {
        "SLURM_LOCALID": "2",
        "SLURM_NODEID": "0",
        "SLURM_STEP_ID": "0",
        "PMI_RANK": "2",
        "PMI_SIZE": "4",
        "PMI_FD": "9",
    },
    "salloc": {"SLURM_JOB_ID": "4242", "SLURM_NTASKS": "8", "SLURM_JOB_NAME": "interactive"},
    "torchrun": {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "4", "GROUP_RANK": "0"}
    | {"MASTER_ADDR": "192.0.2.1", "MASTER_PORT": "29500", "TORCHELASTIC_RUN_ID": "none"}
    | {"TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": "0"},
    "PBS": {"PBS_JOBID": "7.n01", "PBS_NODEFILE": "/nowhere/7.n01", "PBS_NP": "16"},
    "LSF": {"LSB_JOBID": "7", "LSB_DJOB_RANKFILE": "/nowhere", "JSM_NAMESPACE_RANK": "1", "JSM_NAMESPACE_SIZE": "4"}
    | {"JSM_NAMESPACE_LOCAL_RANK": "1", "LSB_HOSTS": "n01 n02", "LSB_DJOB_NUMPROC": "2"},
    "Open MPI": {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_LOCAL_RANK": "1"},
    "fabric run": {"LT_CLI_USED": "1", "LT_DEVICES": "4", "LT_STRATEGY": "ddp", "LT_ACCELERATOR": "cuda"},
}


@pytest.mark.parametrize("job", JOBS)
def test_a_job_of_many_processes_is_not_taken_for_the_trainings_own(task, tmp_path, monkeypatch, job):
    expected = fit(task, tmp_path / "outside", epochs=1)
    for name, value in JOBS[job].items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    assert same_weights(fit(task, tmp_path / "inside", epochs=1), expected)
    assert dict(os.environ) == before
    assert "mpi4py" not in sys.modules, "its import starts MPI, which swallows a SIGHUP"


def test_two_processes_learn_what_one_learns_within_a_job_too(task, tmp_path, monkeypatch):
    for name, value in (JOBS["torchrun"] | JOBS["sbatch"]).items():
        monkeypatch.setenv(name, value)
    rows = []
    found = fit(task, tmp_path / "two", rows.append, epochs=3, processes=2, threads=2)
    expected = fit(task, tmp_path / "one", epochs=3)
    for curve in ("train_loss", "validation_loss"):
        np.testing.assert_allclose(found.history[curve], expected.history[curve], rtol=ORDER_OF_SUMS)
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert [row["validation_loss"] for row in rows] == found.history["validation_loss"].tolist()
    test = task.sets["test"]
    one, two = (predict(trained.network, task.samples, task.scaling, test) for trained in (expected, found))
    np.testing.assert_allclose(two, one, atol=ORDER_OF_SUMS * task.scaling.target_scale * 10)


def test_an_odd_number_of_stages_in_the_smallest_batches_is_learnt(task, tmp_path):
    network = Network(channels=(4, 4, 4), hidden=4, batch_normalisation=True)
    sets = task.sets | {"train": task.sets["train"][:13]}
    assert len(fit(task, tmp_path, network=network, sets=sets, epochs=1, batch_size=2).history) == 1


def test_predictions_are_decoded_and_do_not_depend_on_their_batch(task, trained):
    stages = np.arange(len(task.samples.target))[::-1]
    prediction = predict(trained.network, task.samples, task.scaling, stages)
    some = [predict(trained.network, task.samples, task.scaling, stages[[i]])[0] for i in (0, 130, 299)]
    np.testing.assert_allclose(some, prediction[[0, 130, 299]], rtol=1e-4, atol=1e-8)
    raw = predict(trained.network, task.samples, task.scaling, stages, decoded=False)
    np.testing.assert_allclose(prediction, task.scaling.decode(raw))
    assert predict(trained.network, task.samples, task.scaling, stages[:0]).shape == (0,)


def test_a_network_in_training_predicts_without_learning(task):
    network = build_network((8, 6, 8), Network(kind="residual", channels=(4, 8))).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    predict(network, task.samples, task.scaling, np.arange(40))
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_samples_that_the_network_was_not_made_for_are_refused(task, trained):
    target = task.samples.target
    with pytest.raises(MicroslipError, match="takes d2min, the samples hold shear_strain"):
        predict(trained.network, Samples(task.samples.inputs, ("shear_strain",), target), task.scaling, np.arange(3))
    with pytest.raises(MicroslipError, match=r"1 channels of \(4, 6, 8\) nodes"):
        predict(trained.network, Samples(task.samples.inputs[:, :, :4], ("d2min",), target), task.scaling, np.arange(3))


@pytest.mark.parametrize("stages", [[-1], [300], [2**40]])
def test_stages_that_the_samples_do_not_hold_are_refused(task, trained, stages):
    """A compiled loop reads whatever lies in memory there."""
    with pytest.raises(
        MicroslipError, match=rf"stages is {re.escape(f'{stages[0]:g}')} at entry 0: give whole numbers"
    ):
        predict(trained.network, task.samples, task.scaling, np.array(stages))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sets": {"train": np.arange(10)}}, "sets has no validation"),
        ({"sets": {"train": np.arange(10), "validation": np.array([300])}}, r"sets\['validation'\] is 300 at entry 0"),
        ({"sets": {"train": np.arange(10), "validation": np.array([], dtype=int)}}, "holds 0 stages"),
        ({"network_config": Network(channels=(4,), inputs=("shear_strain",))}, "network_config shear_strain"),
    ],
)
def test_what_does_not_belong_together_is_refused(task, tmp_path, change, sentence):
    clean = {
        "samples": task.samples,
        "sets": task.sets,
        "scaling": task.scaling,
        "network_config": task.network,
        "config": task.training,
        "resume_from": tmp_path / "state.pt",
    }
    with pytest.raises(MicroslipError, match=sentence):
        train(**{**clean, **change})


def test_a_fluctuation_that_is_not_finite_is_named(task, tmp_path):
    target = task.samples.target.copy()
    target[7] = np.nan
    with pytest.raises(MicroslipError, match="target of samples is nan at stage 7"):
        fit(task, tmp_path, samples=Samples(task.samples.inputs, ("d2min",), target))


def test_a_state_of_another_network_or_of_none_is_refused(task, tmp_path):
    state = tmp_path / "state.pt"
    quick = task.training.model_copy(update={"epochs": 1})
    train(task.samples, task.sets, task.scaling, task.network, quick, state)
    other = Network(channels=(4, 16), hidden=16)
    with pytest.raises(MicroslipError, match=r"resume_from = .* holds the state of another network"):
        train(task.samples, task.sets, task.scaling, other, task.training, state)
    state.write_bytes(b"no state")
    with pytest.raises(MicroslipError, match=r"resume_from = .* is no state of a training"):
        train(task.samples, task.sets, task.scaling, task.network, quick, state)


@pytest.mark.parametrize("key", ["threads", "processes"])
def test_more_than_the_machine_can_run_is_refused(key):
    n = 16 * len(os.sched_getaffinity(0)) + 1
    with pytest.raises(MicroslipError, match=rf"training\.{key} = {n} is more than 16 on each of the"):
        check_machine(Training(**{key: n, "device": "cpu", "batch_size": 4 * n}))
