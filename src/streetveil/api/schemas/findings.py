"""What was found in a photo and redacted."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from streetveil.api.schemas.base import Schema
from streetveil.domain.job import Job, JobResult

BoxPixels = Annotated[
    tuple[float, float, float, float],
    Field(description="x1, y1, x2, y2 in pixels of the upright picture", examples=[[412.0, 180.5, 455.0, 236.0]]),
]


class ModelInfo(BaseModel):
    """The model that found the objects."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    name: str
    version: str
    sha256: str


class Region(BaseModel):
    """An area that was made unrecognisable."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    label: Literal["face", "license_plate"] = Field(alias="class")
    box: BoxPixels
    confidence: float = Field(ge=0, le=1)
    style: str


class Vehicle(BaseModel):
    """A vehicle; it is reported, not redacted."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    label: Literal["car", "motorcycle", "bus", "truck"] = Field(alias="class")
    box: BoxPixels
    confidence: float = Field(ge=0, le=1)


class BlurMetadata(BaseModel):
    """What was redacted."""

    model_config = ConfigDict(extra="allow")

    regions: list[Region]
    faces_blurred: int
    plates_blurred: int
    lossless: bool = Field(description="Every pixel outside the regions decodes exactly as in the original.")
    model: ModelInfo | None = Field(description="null where nothing was looked for")
    verification: Verification | None = Field(None, description="Only there where the service looks at results again.")


class Verification(BaseModel):
    """What was still found when the result was looked at again."""

    model_config = ConfigDict(extra="allow")

    rounds: int = Field(description="How often areas were redacted once more.")
    found: list[VerificationFinding] = Field(description="In results on the way to this one.")
    passed: bool = Field(description="Nothing was found in this one.")


class VerificationFinding(BaseModel):
    """A face or plate that was found in a result."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    round: int = Field(description="In the result after so many further rounds.")
    label: Literal["face", "license_plate"] = Field(alias="class")
    box: BoxPixels
    confidence: float = Field(ge=0, le=1)
    again: bool = Field(description="It lies where one was redacted; else it is new.")


class RegionList(Schema):
    """What was redacted in one photo."""

    job_id: str
    filename: str
    width: int = Field(description="of the upright picture, in pixels; so is the height")
    height: int
    regions: list[Region] = Field(description="In the order in which the instance mask numbers them, from 1.")

    @classmethod
    def of(cls, job: Job, result: JobResult) -> Self:
        regions = [Region.model_validate(item) for item in result.blur_metadata["regions"]]
        return cls(job_id=job.id, filename=job.filename, width=job.width, height=job.height, regions=regions)


class DetectionMetadata(BaseModel):
    """What was seen."""

    model_config = ConfigDict(extra="allow")

    vehicles: list[Vehicle]
    is_vehicle_detected: bool
    is_face_detected: bool
    is_face_blurred: bool
    is_plate_blurred: bool
    model: ModelInfo | None
