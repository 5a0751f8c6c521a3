"""Training throughput of the paper's network on 50 × 15 × 20 nodes, against a plain float32 loop with a DataLoader.

The same network, optimiser, schedule, batch, augmentation and threads; epochs of the two are interleaved, and their
medians compared. Then one epoch of 8,464 stages, streamed from disk. Stages are random numbers: their values cost
nothing.
"""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import nn
from torch.utils.data import DataLoader, Dataset

from microslip.learn.config import Network, Training
from microslip.learn.networks.plain import SlipNet
from microslip.learn.samples import Samples, fit_scaling
from microslip.learn.train import train

GRID = (50, 15, 20)
N_STAGES, N_LARGE, REPEATS, THREADS = 1600, 8464, 3, 2


class Plain(Dataset):
    """Stages one by one, shifted and mirrored with numpy."""

    def __init__(self, samples, scaling):
        self.samples, self.scaling = samples, scaling
        self.target = scaling.encode(samples.target)
        self.rng = np.random.default_rng(1)

    def __len__(self):
        return len(self.target)

    def __getitem__(self, stage):
        voxels = self.scaling.standardise(self.samples.inputs[stage])
        voxels = np.roll(voxels, (self.rng.integers(GRID[0]), self.rng.integers(GRID[1])), axis=(1, 2))
        if self.rng.random() < 0.5:
            voxels = voxels[:, :, ::-1]
        return torch.from_numpy(voxels.copy()), self.target[stage]


def plain_epoch(samples, scaling):
    """Seconds of an epoch as one writes it from the tutorial."""
    torch.manual_seed(1)
    network = SlipNet(GRID, Network())
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    loader = DataLoader(Plain(samples, scaling), batch_size=32, shuffle=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-3, total_steps=len(loader))
    loss_of = nn.MSELoss()
    start = time.perf_counter()
    network.train()
    total = 0.0
    for voxels, target in loader:
        optimiser.zero_grad()
        loss = loss_of(network(voxels), target)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        total += loss.item()
    return time.perf_counter() - start


def our_epoch(samples, scaling, folder, precision="float32"):
    """Seconds of an epoch without its validation, which the plain loop leaves out, by difference."""
    sets = {"train": np.arange(len(samples.target)), "validation": np.arange(32)}
    state = folder / "state.pt"
    state.unlink(missing_ok=True)
    config = Training(epochs=1, threads=THREADS, precision=precision)
    found = train(samples, sets, scaling, Network(), config, state)
    return float(found.history["seconds"].iloc[0])


def make(folder, n):
    """Random stages in a file."""
    rng = np.random.default_rng(1)
    inputs = open_memmap(folder / f"{n}.npy", mode="w+", dtype=np.float32, shape=(n, 1, *GRID))
    for start in range(0, n, 128):
        inputs[start : start + 128] = rng.normal(-8, 1, inputs[start : start + 128].shape)
    return Samples(inputs, ("d2min",), rng.normal(size=n))


def main():
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples = make(folder, N_STAGES)
        scaling = fit_scaling(samples, np.arange(N_STAGES), Training())
        ways = {
            "plain loop with DataLoader": lambda: plain_epoch(samples, scaling),
            "microslip": lambda: our_epoch(samples, scaling, folder),
            "microslip, bfloat16": lambda: our_epoch(samples, scaling, folder, "bfloat16"),
        }
        seconds = {way: [] for way in ways}
        for repeat in range(REPEATS + 1):
            for way, run in ways.items():
                took = run()
                if repeat:  # the first one compiles
                    seconds[way].append(took)
        peer = statistics.median(seconds["plain loop with DataLoader"])
        for way, took in seconds.items():
            median = statistics.median(took)
            print(f"{way}: {N_STAGES / median:.0f} stages/s, ratio to the plain loop {peer / median:.2f}")
        large = make(folder, N_LARGE)
        print(f"an epoch of {N_LARGE} stages from disk: {our_epoch(large, scaling, folder):.1f} s")


if __name__ == "__main__":
    main()
