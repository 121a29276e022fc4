"""From a form to the options of a job: the service's defaults, then what the request chose."""

from __future__ import annotations

from dataclasses import fields

from streetveil.api.incoming import FormRules
from streetveil.api.multipart import OVERHEAD_BYTES
from streetveil.api.services import ApiServices
from streetveil.domain.options import JobOptions
from streetveil.errors import InvalidOptionError

OPTION_FIELDS = frozenset(item.name for item in fields(JobOptions))
_NOT_YET = "webhook_url"


def single_photo(services: ApiServices, *more_fields: str, file_field: str = "file") -> FormRules:
    """Rules of a form with one photo, the options of a job, and `more_fields` that the route itself reads."""
    return FormRules(
        file_field=file_field,
        fields=OPTION_FIELDS | {_NOT_YET, *more_fields},
        max_files=1,
        max_file_bytes=services.max_upload_bytes,
        max_total_bytes=services.max_upload_bytes + OVERHEAD_BYTES,
        max_pixels=services.max_pixels,
        spool_dir=services.spool_dir,
    )


def many_photos(services: ApiServices) -> FormRules:
    """Rules of a form with photos in the repeated field `files`; each keeps less in memory than a single one."""
    return FormRules(
        file_field="files",
        fields=OPTION_FIELDS | {_NOT_YET},
        max_files=services.max_batch_files,
        max_file_bytes=services.max_upload_bytes,
        max_total_bytes=services.max_batch_bytes + OVERHEAD_BYTES,
        max_pixels=services.max_pixels,
        spool_dir=services.spool_dir,
        memory_bytes=64 * 1024,
        fail_alone=True,
    )


def options_of(given: dict[str, str], services: ApiServices) -> JobOptions:
    """The options that `given` fields and the service's defaults amount to.

    Raises:
        InvalidOptionError: a value is not allowed, or a webhook is asked for, which this version cannot call.
    """
    if _NOT_YET in given:
        raise InvalidOptionError("webhook_url is not available in this version; ask /status/{job_id} instead.")
    return JobOptions.parse({**services.default_options, **given})
