"""Integrated Gradients of 200 stages of 50 × 15 × 20 nodes with 64 steps, and what memory it takes as steps grow.

The network is the paper's with random weights and batch normalisation, the stages random numbers. The peer is one pass
through captum's method per stage with all steps at once.
"""

import resource
import time

import numpy as np
import torch
from captum.attr import IntegratedGradients

from microslip.learn.attribution import integrated_gradients
from microslip.learn.config import Attribution, Network
from microslip.learn.networks.plain import SlipNet
from microslip.learn.prediction import Decoded
from microslip.learn.samples import Scaling

GRID = (50, 15, 20)
N_STAGES, THREADS = 200, 2


def peak():
    """Largest memory of this process so far [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    network = SlipNet(GRID, Network(batch_normalisation=True))
    torch.nn.init.normal_(network.head[-1].weight, std=0.1)
    network.eval()
    scaling = Scaling(("d2min",), "log", 1e-10, (0.0,), (1.0,), "linear", 1e-3)
    fields = np.random.default_rng(1).normal(size=(N_STAGES, 1, *GRID)).astype(np.float32)
    settings = Attribution(n_steps=64, completeness=0.999)
    start = time.perf_counter()
    for field in fields:
        integrated_gradients(network, scaling, field, settings)
    print(f"{N_STAGES} stages, 64 steps: {time.perf_counter() - start:.1f} s, peak memory {peak():.0f} MB")
    for n_steps in (256, 1024):
        more = Attribution(n_steps=n_steps, completeness=0.999)
        start = time.perf_counter()
        integrated_gradients(network, scaling, fields[0], more)
        print(f"one stage, {n_steps} steps: {time.perf_counter() - start:.2f} s, peak memory {peak():.0f} MB")
    at_once = IntegratedGradients(Decoded(network, scaling))
    voxels = torch.from_numpy(fields[:1])
    start = time.perf_counter()
    at_once.attribute(voxels, n_steps=1024, method="gausslegendre")
    print(f"captum, all 1024 steps at once: {time.perf_counter() - start:.2f} s, peak memory {peak():.0f} MB")


if __name__ == "__main__":
    main()
