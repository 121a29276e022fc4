"""Every setting: its name, what it may be, its default and what it means, as docs/configuration.md lists them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from streetveil.domain.options import MetadataPolicy, Profile, Style
from streetveil.limits.base import RATE
from streetveil.settings.values import Access, Device, Duration, Folder, LogLevel, Proxies, Score, TenantRetention

_MIB = 1024 * 1024


class Settings(BaseSettings):
    """All settings, by the names users write in the environment (in capitals). Built by `load_settings`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    database_url: SecretStr | None = Field(None, description="SQLAlchemy URL; without it SQLite in the data folder.")
    redis_url: SecretStr | None = Field(None, description="Redis URL; without it the queue lives in the process.")
    s3_bucket: str | None = Field(None, description="Bucket for pictures; without it files in the data folder.")
    s3_endpoint_url: str | None = Field(None, description="Address of an S3-compatible store that is not AWS.")
    s3_public_endpoint_url: str | None = Field(None, description="The store's address for downloads, if another.")
    s3_presigned: bool = Field(True, description="Downloads go to the store by signed links, not through the API.")  # noqa: FBT003
    aws_access_key_id: SecretStr | None = Field(None, description="S3 access key; without it the machine's role.")
    aws_secret_access_key: SecretStr | None = Field(None, description="S3 secret key.")
    aws_session_token: SecretStr | None = Field(None, description="Session token of temporary S3 keys.")
    aws_region: str = Field("us-east-1", description="S3 region.")
    s3_encryption: Literal["AES256", "aws:kms", "none"] = Field(
        "AES256", description="Encryption at rest: AES256, aws:kms or none."
    )
    allow_unencrypted: bool = Field(
        False,  # noqa: FBT003
        description="Take S3_ENCRYPTION=none.",
    )
    allow_default_passwords: bool = Field(
        False,  # noqa: FBT003
        description="Take the passwords of the development compose file and others that everybody knows.",
    )
    s3_kms_key_id: str | None = Field(None, description="Key of aws:kms; without it the account's default key.")
    s3_addressing: Literal["auto", "path", "virtual"] = Field(
        "auto", description="Bucket in the path or in the host's name: auto, path or virtual."
    )

    data_dir: Folder = Field(Path("data"), description="Folder of the embedded database, pictures and uploads.")
    streetveil_cache: Folder = Field(Path("~/.cache/streetveil"), description="Folder of the fetched models.")

    host: str = Field("127.0.0.1", description="Address the API listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the API listens on; 0 takes a free one.")
    tls_certificate: Path | None = Field(None, description="PEM file of the API's certificate; without it plain HTTP.")
    tls_key: Path | None = Field(None, description="PEM file of its key; without it the certificate's file has it too.")
    tls_key_password: SecretStr | None = Field(None, description="Password of the key, where it is encrypted.")
    forwarded_allow_ips: Proxies = Field(
        "127.0.0.1,::1", description="Proxies that are believed who calls: addresses and networks; * for any."
    )
    auth_mode: Literal["none", "jwt"] = Field(
        "none", description="jwt: requests need a token; none: anyone may do all."
    )
    allow_unauthenticated: bool = Field(
        False,  # noqa: FBT003
        description="Listen beyond this machine although AUTH_MODE is none.",
    )
    jwt_secret: SecretStr | None = Field(
        None, description="Secret that tokens are signed with (HS256), 32 bytes or more."
    )
    jwt_public_key: str | None = Field(
        None, description="Public key that tokens are checked with (RS256, ES256), in PEM."
    )
    jwt_public_key_file: Path | None = Field(None, description="The same as a file.")
    jwks_url: str | None = Field(None, description="Where an identity provider publishes its keys; https.")
    jwt_issuer: str | None = Field(None, description="What tokens must name as iss.")
    jwt_audience: str | None = Field(None, description="What tokens must name as aud.")
    health_access: Access = Field("open", description="/health and /health/ready: open, or the scope it takes.")
    metrics_access: Access = Field("metrics", description="/metrics: open, or the scope it takes.")
    num_workers: int = Field(0, ge=0, le=256, description="Worker threads; 0 means one per core.")
    device: Device = Field("auto", description="Where models run: auto, cpu, cuda or tensorrt; cuda:0,1 names GPUs.")
    batch_max_size: int = Field(0, ge=0, le=256, description="Pictures in one model run; 0: 16 on a GPU, 1 on a CPU.")
    batch_max_wait_ms: float = Field(2, ge=0, le=1000, description="Milliseconds that a model run waits for pictures.")
    worker_id: str | None = Field(None, max_length=64, description="Name of this worker; by default host and pid.")
    health_host: str = Field("127.0.0.1", description="Address of a worker's health endpoint.")
    health_port: int | None = Field(None, ge=0, le=65535, description="Port of a worker's health endpoint.")
    startup_timeout_s: float = Field(60, ge=0, description="Seconds that servers are waited for at start.")
    maintain_interval_s: float = Field(30, gt=0, description="Seconds between looks for lost jobs.")
    lease_s: float = Field(60, ge=3, description="Seconds of silence after which a worker's jobs are given to others.")
    requeue_after_s: float = Field(15, ge=1, description="Seconds that a job is overdue before its message is missed.")
    orphan_age_s: float = Field(3600, ge=0, description="Age in seconds at which an object without a job is removed.")
    isolation: Literal["auto", "process", "none"] = Field(
        "auto", description="process: photos are decoded in child processes; auto: where models run on the CPU."
    )
    photo_timeout_s: float = Field(300, ge=1, description="Seconds that one photo may take in its child process.")
    photo_memory_mb: int = Field(4096, ge=256, description="MiB that one photo may take in its child process.")
    redis_heartbeat_s: float = Field(60, ge=1, description="Seconds of silence after which messages are given back.")
    audit_key: SecretStr | None = Field(
        None, min_length=16, description="Key of the audit log's hashes: without it nobody can make them anew."
    )
    crops_keys_dir: Folder | None = Field(
        None, description="Folder of tenants' keys for sealed crops; without it no photo is `reversible`."
    )
    webhook_secret: SecretStr | None = Field(
        None, description="Secret of which webhooks' signing keys are made, 24 bytes or more; without it none are sent."
    )
    webhook_allow_http: bool = Field(False, description="Webhooks may go to http:// addresses, unencrypted.")  # noqa: FBT003
    webhook_allow_private: bool = Field(
        False,  # noqa: FBT003
        description="Webhooks may go to private and local addresses.",
    )
    webhook_timeout_s: float = Field(10, gt=0, le=60, description="Seconds that a webhook's receiver may take.")
    webhook_retry_s: float = Field(
        86400, ge=0, description="Seconds after a job's end for which a webhook that was not accepted is sent again."
    )
    database_timeout_s: float = Field(10, ge=1, description="Seconds that the database may take to answer.")
    s3_timeout_s: float = Field(30, ge=1, description="Seconds that S3 may be silent before a request is repeated.")
    retention_original: Duration | None = Field(
        None, description="How long the upload of a completed job is kept: 12h, 30d; 0: only until it is completed."
    )
    retention_failed: Duration | None = Field(
        None, description="The same where it failed or needs review; default: RETENTION_ORIGINAL, but 7d or more."
    )
    retention_result: Duration | None = Field(
        None, description="How long after its end a job is kept at all; then it is erased with all its images."
    )
    retention_crops: Duration = Field(
        timedelta(days=30), description="How long sealed crops of `reversible` photos are kept; never for ever."
    )
    retention_tenants: TenantRetention | None = Field(
        None, description='Tenants for whom something else holds: {"acme": {"original": "0", "result": "30d"}}.'
    )
    max_attempts: int = Field(5, ge=1, le=100, description="How often a job is tried before it has failed.")
    shutdown_timeout_s: float = Field(30, ge=0, description="Seconds that running jobs are given on SIGTERM.")
    max_queue_size: int = Field(1000, ge=1, description="Waiting jobs above which uploads are refused with 429.")
    max_upload_bytes: int = Field(50 * _MIB, ge=1, description="Largest picture file, in bytes.")
    max_pixels: int = Field(150_000_000, ge=1, description="Largest picture, width times height.")
    max_batch_files: int = Field(100, ge=1, description="Most files in one batch upload.")
    max_batch_bytes: int = Field(1024 * _MIB, ge=1, description="Largest batch upload, the bytes of its files in sum.")
    max_waiting_redactions: int = Field(
        16, ge=0, description="Requests to /redact that may wait for a core; more are refused with 429."
    )
    idle_timeout_s: float = Field(60, gt=0, description="Seconds after which an upload that stopped arriving ends.")
    upload_timeout_s: float = Field(1800, gt=0, description="Seconds that may be waited for a whole upload.")
    min_upload_bytes_per_s: int = Field(
        1024, ge=0, description="Slower, on average after IDLE_TIMEOUT_S, an upload must not arrive; 0: it may."
    )
    header_timeout_s: float = Field(20, gt=0, description="Seconds that a client may take to send a request's head.")
    max_connections: int = Field(4096, ge=16, description="Most connections at once; idle ones make room for new ones.")
    max_open_uploads: int = Field(256, ge=1, description="Most uploads that arrive at once; more are refused with 429.")
    max_uploads_per_client: int = Field(
        128, ge=1, description="Most of them for one tenant, or one address where AUTH_MODE is none."
    )
    rate_limit: str | None = Field(
        None,
        pattern=f"^{RATE}$",
        description="Most requests of one tenant, or address, as 100/second; photos of a batch count each.",
    )
    quota_photos_per_day: int | None = Field(None, ge=1, description="Most photos that one tenant may send in a day.")
    quota_bytes_per_day: int | None = Field(None, ge=1, description="Most bytes of photos in a day.")
    log_level: LogLevel = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: str = Field("auto", pattern="^(auto|json|console)$", description="auto: console on a terminal.")

    default_profile: Profile = Field(Profile.BALANCED, description="Profile of jobs that name none.")
    default_style: Style = Field(Style.GAUSSIAN, description="Style of jobs that name none.")
    default_metadata: MetadataPolicy = Field(MetadataPolicy.STRIP, description="What happens to EXIF by default.")
    verify: Literal["off", "redetect"] = Field(
        "off", description="redetect: look at each result again, and hold back what still shows a face or plate."
    )
    redaction_comment: str | None = Field(None, max_length=1000, description="Comment that redacted files carry.")
    panoramax_annotations: Literal["vehicles", "none"] = Field(
        "vehicles", description="What a Panoramax instance is told as annotations: vehicles or none."
    )
    face_detection_model_path: Path | None = Field(None, description="Your own ONNX model for faces.")
    vehicle_detection_model_path: Path | None = Field(None, description="Your own ONNX model for vehicles.")
    plate_detection_model_path: Path | None = Field(None, description="Your own ONNX model for licence plates.")
    face_confidence_threshold: Score | None = Field(None, description="Lowest score of a face; default: the model's.")
    car_confidence_threshold: Score | None = Field(None, description="Lowest score of a vehicle; default: the model's.")
    plate_confidence_threshold: Score | None = Field(None, description="Lowest score of a plate; default: the model's.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Values come through the constructor alone: `load_settings` reads the places and keeps their names."""
        return (init_settings,)

    @property
    def embedded(self) -> bool:
        """True where one process does it all: no server of any kind is named."""
        return self.database_url is None and self.redis_url is None and self.s3_bucket is None


def secret_names() -> list[str]:
    """The settings that are secrets: each may also be given as a file."""
    fields = Settings.model_fields.items()
    return [name for name, field in fields if SecretStr in (field.annotation, *get_args(field.annotation))]
