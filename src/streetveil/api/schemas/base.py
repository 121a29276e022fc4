"""What all bodies have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Schema(BaseModel):
    """Base of all bodies: what they hold is what is documented."""

    model_config = ConfigDict(extra="forbid", frozen=True)
