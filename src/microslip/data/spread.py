"""Batches worked on here, by the processes of a local Dask cluster, or by the workers of a scheduler elsewhere."""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba

from microslip.core.errors import MicroslipError
from microslip.core.extras import package
from microslip.core.stopping import check, shielded
from microslip.data.config import Batches

# Batches on their way for each thread of a worker: enough to keep it busy, few enough to be done nearly in order.
IN_FLIGHT = 2

# Threads or processes to a core beyond which a machine does nothing else than change between them.
MOST_PER_CORE = 16

# Seconds to wait for a scheduler to answer.
PATIENCE = 10

# Seconds without any worker, after which none is waited for any more: a local one that died is begun anew in a few.
FORSAKEN = 60

# Seconds between two looks at what is done, and at whether workers are left.
POLL, COUNT_WORKERS = 0.01, 5

# A worker with several threads takes one batch at a time, for which the kernels use all of them.
_one_at_a_time = threading.Lock()


def spread_batches(
    work: Callable[[Path, slice], None], store: Path, slices: list[slice], batches: Batches
) -> Iterator[slice]:
    """Do `work(store, slice)` for every slice and yield each when it is done, in whatever order.

    Raises
    ------
    MicroslipError
        What the work itself finds wrong; Dask is not installed; no scheduler answers, or its workers do not see the run
        folder; a batch has killed several workers, or none is left.
    """
    if not slices:
        return
    if not (batches.workers or batches.scheduler):
        for batch in slices:
            check()
            work(store, batch)
            yield batch
        return
    store = store.resolve()
    with _client(batches, len(slices)) as client:
        yield from _through(client, work, store, slices)


@contextmanager
def _client(batches: Batches, n_batches: int) -> Iterator[Any]:
    distributed = package("distributed", "--workers or --scheduler")
    if batches.scheduler:
        _knock(batches.scheduler)
        with distributed.Client(batches.scheduler, timeout=PATIENCE, set_as_default=False) as client:
            if not client.scheduler_info()["workers"]:
                raise MicroslipError(
                    f"the Dask scheduler at {batches.scheduler} has no worker:"
                    f" start some with `dask worker {batches.scheduler}`"
                )
            yield client
        return
    if min(batches.workers, n_batches) > (most := MOST_PER_CORE * len(os.sched_getaffinity(0))):
        raise MicroslipError(
            f"batches.workers = {batches.workers} is more than {MOST_PER_CORE} on each core that this process may use:"
            f" give at most {most}"
        )
    settings = package("dask", "--workers or --scheduler").config
    with (
        shielded(),
        settings.set({"distributed.worker.multiprocessing-method": "spawn"}),
        distributed.LocalCluster(
            n_workers=min(batches.workers, n_batches),
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=50,
            env={"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _knock(address: str) -> None:
    """Say whether a scheduler answers, before a client is made: one that never connects is noisy to get rid of."""
    distributed = importlib.import_module("distributed")

    async def knock() -> None:
        security = distributed.security.Security().get_connection_args("client")
        comm = await distributed.core.connect(address, timeout=PATIENCE, **security)
        await comm.close()

    try:
        if not re.fullmatch(r"\w+://.+:\d+", address):
            raise ValueError("an address is of the form tcp://host:port")
        asyncio.run(knock())
    except (OSError, ValueError, TypeError, RuntimeError) as problem:
        raise MicroslipError(
            f"no Dask scheduler answers at {address} ({problem}): start one with `dask scheduler`, or use --workers"
        ) from None


def _through(client: Any, work: Callable[[Path, slice], None], store: Path, slices: list[slice]) -> Iterator[slice]:
    distributed = importlib.import_module("distributed")
    n_threads = sum(worker["nthreads"] for worker in client.scheduler_info()["workers"].values())
    waiting = iter(slices)
    of_future: dict[Any, slice] = {}

    def submit() -> Any:
        batch = next(waiting, None)
        if batch is None:
            return None
        future = client.submit(_on_worker, work, store, batch, pure=False)
        of_future[future.key] = batch
        return future

    first = [future for _ in range(IN_FLIGHT * n_threads) if (future := submit()) is not None]
    running = distributed.as_completed(first, loop=client.loop)
    try:
        while running.count():
            _wait(client, running)
            future = next(running)
            try:
                future.result(timeout=COUNT_WORKERS)
            except TimeoutError:
                # its worker has died with the word that it was done: it is done again
                running.add(future)
                continue
            except distributed.KilledWorker:
                raise MicroslipError(
                    f"several Dask workers died on the batch at stage {of_future[future.key].start} or one beside it:"
                    " look at their logs and memory"
                ) from None
            yield of_future.pop(future.key)
            if (following := submit()) is not None:
                running.add(following)
    finally:
        # a batch still at work writes whole chunks that will be written again
        running.clear()


def _wait(client: Any, running: Any) -> None:
    """Until a batch is done; where all workers have gone and none comes back, nothing would ever be."""
    looked, seen = 0.0, time.monotonic()
    while not running.has_ready():
        check()
        time.sleep(POLL)
        if (now := time.monotonic()) - looked > COUNT_WORKERS:
            looked = now
            if client.scheduler_info()["workers"]:
                seen = now
            elif now - seen > FORSAKEN:
                raise MicroslipError(
                    f"no Dask worker is left, and none came back within {FORSAKEN} s: look at their logs and memory;"
                    " the same command goes on from here"
                )


def _on_worker(work: Callable[[Path, slice], None], store: Path, batch: slice) -> None:
    distributed = importlib.import_module("distributed")
    with _one_at_a_time:
        if not store.exists():
            raise MicroslipError(
                f"a Dask worker does not see {store}: workers need the run folder under the same path, on a shared disk"
            )
        most = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
        numba.set_num_threads(min(distributed.get_worker().state.nthreads, most))
        work(store, batch)
