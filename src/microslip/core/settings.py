"""The base of every section of the configuration."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

# A setting that came after the first runs: results made without it stay current while it has its default.
LATER: dict[str, Any] = {"later": True}


# Threads of one process, beyond the cores of any machine; a system may refuse to start more.
MOST_THREADS = 1024


# Neighbours that are no farther apart than this [d̄] number half a million a grain: beyond it nothing ends.
MOST_NEIGHBOUR_DISTANCE = 50.0


class Settings(BaseModel):
    """Frozen, and strict about names: a misspelt key is an error, not a default."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    def fingerprinted(self) -> dict[str, Any]:
        """The content without settings marked `LATER` at their defaults, under which older results were made."""
        content = self.model_dump(mode="json")
        return {
            name: content[name]
            for name, field in type(self).model_fields.items()
            if field.json_schema_extra != LATER or getattr(self, name) != field.default
        }
