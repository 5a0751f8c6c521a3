"""Files of other programs, imported: the store, and the messages on the way."""

import zarr

from microslip import Source, read_trajectory


def imported(folder, *files, **settings):
    """The store made of some files, and all messages."""
    messages = []
    source = Source(files=tuple(map(str, files)), **settings)
    read_trajectory(source, folder / "out.zarr", say=messages.append)
    return zarr.open_group(folder / "out.zarr", mode="r"), messages
