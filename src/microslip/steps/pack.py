"""A run as one archive that others can use, and an archive as a run."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from microslip.core.disk import require_room
from microslip.core.errors import MicroslipError
from microslip.core.messages import Caution
from microslip.core.visible import quoted
from microslip.data.artifacts import PACK_NOTE
from microslip.data.files import write_table
from microslip.data.run import Run
from microslip.formats.pack import archive
from microslip.formats.pack.archive import Entry, entry_of
from microslip.steps.common import Advance, Say
from microslip.steps.pack_contents import draw_stages, kept_files, nodes_file, sample_size, split_table, write_sample
from microslip.steps.pack_texts import describe_for_others, metadata_file, texts
from microslip.steps.run_settings import run_config

SAMPLE = "sample.zarr"


def pack_run(
    run: Run,
    into: Path | None,
    n_sampled: int,
    licence: str | None,
    authors: Sequence[str],
    advance: Advance,
    say: Say,
) -> Path:
    """Write stages, voxels, splits and grain fields of a run into one zip archive, with what others need to use them.

    Parameters
    ----------
    into
        The archive, NAME.zip; RUN.zip beside the run where left out.
    n_sampled
        Stages, drawn at random, of which the grains' positions and all fields go along.
    licence
        Of the data, as an SPDX identifier; CC-BY-4.0 of a simulation of one's own where left out.
    authors
        Their names, each with an ORCID behind it or not.

    Raises
    ------
    MicroslipError
        The name is no .zip; the disk cannot hold it; an imported run without a licence.
    """
    here = run.folder.resolve()
    target = into or here.with_name(f"{here.name}.zip")
    if target.suffix != ".zip":
        raise MicroslipError(f"--into {target}: a pack is a zip archive: give it a name that ends in .zip")
    config = run_config(run.folder)
    if licence is None and config.source is not None:
        raise MicroslipError(
            f"{run.folder} was imported, and its makers say who may use it: give --licence, such as CC-BY-4.0"
        )
    licence = licence or "CC-BY-4.0"
    stages = run.stages
    chosen = draw_stages(len(stages), n_sampled, config.training.seed)
    about = describe_for_others(run, config, stages, chosen, licence, authors)
    about["name"] = target.name.removesuffix(".zip")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
        place = Path(scratch)
        kept = [*kept_files(run), nodes_file(run)]
        size = sum(entry.size for entry in kept) + sample_size(run, len(chosen))
        free = require_room(target, size)
        say(f"up to {size / 1e6:.0f} MB before packing, {free / 1e6:.0f} MB are free at {target.parent}")
        write_sample(run, chosen, place / SAMPLE)
        write_table(place / "splits.csv", split_table(len(stages), config))
        entries = [
            *kept,
            *(
                entry_of(path.relative_to(place).as_posix(), path)
                for path in sorted(place.rglob("*"))
                if path.is_file()
            ),
            *(Entry(name, content, len(content)) for name, content in texts(about, run).items()),
        ]
        files = archive.write_archive(
            target, sorted(entries, key=lambda entry: entry.name), partial(metadata_file, about), advance
        )
    if not authors:
        say(Caution("no author is named, whom archives ask for: --author 'NAME, ORCID'"))
    say(f"{target}, {target.stat().st_size / 1e6:.0f} MB, {len(files)} files, licence {licence}")
    return target


def unpacked(path: Path, advance: Advance, say: Say) -> Path:
    """The run folder of an archive, which is taken apart beside it the first time; another path is left as it is.

    Raises
    ------
    MicroslipError
        The archive is damaged; the disk cannot hold what is in it; another folder stands where its own would.
    """
    if path.suffix != ".zip" or path.is_dir():
        return path
    target = path.with_suffix("")
    if not target.exists():
        archive.unpack(path, target, advance)
        say(f"{path} → {target}")
    elif not (target / archive.SUMS).is_file() or (target / archive.SUMS).read_bytes() != archive.read_sums(path):
        raise MicroslipError(f"{target} stands where {path} would be unpacked, and is not it: move one of the two")
    return target


def describe_pack(path: Path, advance: Advance) -> list[str]:
    """What an archive holds, after every file of it was held against its sum; errors as of a damaged one."""
    n_files, size = archive.verify(path, advance)
    note = json.loads(archive.read_part(path, PACK_NOTE))
    sampled = len(note["sampled"])
    return [
        f"pack {path}: run {note['run']}, packed on {note['packed']} by microslip {note['microslip']}",
        f"  {note['stages']} stages of {note['grains']} grains, all fields of {sampled} of them",
        f"  licence {note['licence']}{', by ' + '; '.join(authors) if (authors := note.get('authors')) else ''}",
        f"  {n_files} files, {size / 1e6:.0f} MB unpacked, each as its checksum says",
        f"  `microslip train {quoted(path)}` unpacks it to {path.with_suffix('')} and trains there",
    ]
