"""Files of `torch.save`: written in one piece, read only where they are whole."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import torch

from microslip.core.errors import MicroslipError


def as_bytes(content: Any) -> memoryview:
    """What `torch.save` makes of it: in a file of its own it would not survive a disk that fills up."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getbuffer()


def load_saved(path: Path, device: torch.device | str = "cpu") -> Any:
    """What `torch.save` wrote, tensors and plain values, on a device.

    The file is a zip archive with a checksum for each part, at which `torch.load` does not look: a flipped bit would
    become a wrong weight.

    Raises
    ------
    MicroslipError
        The file is missing, is no such file, or a part fails its checksum.
    """
    try:
        with zipfile.ZipFile(path) as parts:
            damaged = parts.testzip()
        if damaged is not None:
            raise MicroslipError(f"{path} is damaged (its part {damaged} fails its checksum)")
        return torch.load(path, weights_only=True, map_location=device)
    except FileNotFoundError:
        raise MicroslipError(f"{path} is missing") from None
    except MicroslipError:
        raise
    except Exception as problem:
        # a damaged archive raises whatever the part of torch raises that meets the damage
        raise MicroslipError(f"{path} is not a checkpoint ({' '.join(str(problem).split())})") from None
