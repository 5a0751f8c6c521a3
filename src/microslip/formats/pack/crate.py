"""RO-Crate metadata, by which Zenodo and other archives read what a folder holds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from microslip.formats.pack.archive import Packed

METADATA = "ro-crate-metadata.json"
VERSION = "https://w3id.org/ro/crate/1.1"

# An author's number, bare or as an address.
ORCID = re.compile(r"(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])\s*$")

FORMATS = {".csv": "text/csv", ".json": "application/json", ".md": "text/markdown", ".py": "text/x-python",
           ".toml": "application/toml", ".txt": "text/plain", ".npy": "application/octet-stream"}  # fmt: skip


def crate(
    name: str,
    description: str,
    date: str,
    licence: str,
    authors: Sequence[str],
    meanings: Mapping[str, str],
    files: Sequence[Packed],
    version: str,
) -> bytes:
    """The metadata file: the data set, its licence, its files and stores, and the software that made it.

    Parameters
    ----------
    name, description, date
        Of the data set; the date as YYYY-MM-DD.
    licence
        As an SPDX identifier.
    authors
        Their names, each with an ORCID behind it or not; archives ask for them.
    meanings
        What a file or a store, named with a slash at its end, holds.
    files
        All files of the archive; those of a store are told as one.
    version
        Of microslip.

    Source: RO-Crate 1.1, Soiland-Reyes et al., Data Science 5 (2022) 97.
    """
    stores: dict[str, int] = {}
    parts: list[dict[str, Any]] = []
    for file in files:
        top = file.name.partition("/")[0]
        if top.endswith(".zarr"):
            stores[f"{top}/"] = stores.get(f"{top}/", 0) + file.size
            continue
        suffix = PurePosixPath(file.name).suffix
        parts.append(
            {"@id": file.name, "@type": "File", "name": file.name, "contentSize": str(file.size), "sha256": file.sha256}
            | ({"encodingFormat": FORMATS[suffix]} if suffix in FORMATS else {})
            | ({"description": meanings[file.name]} if file.name in meanings else {})
        )
    parts += [
        {"@id": store, "@type": "Dataset", "name": store, "contentSize": str(size), "description": meanings[store]}
        for store, size in stores.items()
    ]
    terms = f"https://spdx.org/licenses/{licence}"
    persons = [_person(author) for author in authors]
    graph: list[dict[str, Any]] = [
        {"@id": METADATA, "@type": "CreativeWork", "conformsTo": {"@id": VERSION}, "about": {"@id": "./"}},
        {
            "@id": "./", "@type": "Dataset", "name": name, "description": description, "datePublished": date,
            "license": {"@id": terms}, "hasPart": [{"@id": part["@id"]} for part in parts],
            "mentions": {"@id": "#made"},
            **({"author": [{"@id": person["@id"]} for person in persons]} if persons else {}),
        },
        {"@id": terms, "@type": "CreativeWork", "name": licence},
        {"@id": "#made", "@type": "CreateAction", "name": "microslip pack", "instrument": {"@id": "#microslip"},
         "result": {"@id": "./"}},
        {"@id": "#microslip", "@type": "SoftwareApplication", "name": "microslip", "softwareVersion": version},
        *persons,
        *parts,
    ]  # fmt: skip
    return json.dumps({"@context": f"{VERSION}/context", "@graph": graph}, indent=1, ensure_ascii=False).encode()


def _person(author: str) -> dict[str, str]:
    """A name with an ORCID behind it is known by that."""
    found = ORCID.search(author)
    name = author[: found.start()].strip(" ,") if found else author.strip()
    return {"@id": f"https://orcid.org/{found[1]}" if found else f"#{quote(name)}", "@type": "Person", "name": name}
