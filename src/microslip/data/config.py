"""How the batches of a step are spread over processes; no result depends on it."""

from __future__ import annotations

from pydantic import Field

from microslip.core.settings import Settings


class Batches(Settings):
    """Where the batches of stages are worked on."""

    workers: int = Field(
        0, ge=0, le=1024, description="processes of a local Dask cluster; 0: this process, its kernels on all cores"
    )
    scheduler: str = Field("", description="address of a running Dask scheduler, such as tcp://host:8786, instead")
