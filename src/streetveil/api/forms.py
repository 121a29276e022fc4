"""From a form to the options of a job: the service's defaults, then what the request chose."""

from __future__ import annotations

from dataclasses import fields

from streetveil.api.incoming import FormRules
from streetveil.api.multipart import OVERHEAD_BYTES
from streetveil.api.services import ApiServices
from streetveil.domain.options import JobOptions
from streetveil.errors import InvalidOptionError

OPTION_FIELDS = frozenset(item.name for item in fields(JobOptions))
WEBHOOK_FIELD = "webhook_url"


def single_photo(services: ApiServices, *more_fields: str, file_field: str = "file") -> FormRules:
    """Rules of a form with one photo, the options of a job, and `more_fields` that the route itself reads."""
    return FormRules(
        file_field=file_field,
        fields=OPTION_FIELDS | set(more_fields),
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
        fields=OPTION_FIELDS | {WEBHOOK_FIELD},
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
        InvalidOptionError: a value is not allowed.
    """
    return JobOptions.parse({**services.default_options, **given})


def options_to_keep_nothing(given: dict[str, str], services: ApiServices) -> JobOptions:
    """The same for answers at once.

    Raises:
        InvalidOptionError: also where the photo shall be `reversible`, for which something would have to be kept.
    """
    options = options_of(given, services)
    if options.reversible:
        raise InvalidOptionError("reversible: here nothing is kept; /upload can where the service has keys.")
    return options


def webhook_of(given: dict[str, str], services: ApiServices) -> str | None:
    """Takes the address out of `given` fields at which the job's end is to be told; None where there is none.

    Raises:
        InvalidOptionError: this service tells nobody.
        InvalidWebhookUrlError: nothing will be sent there.
    """
    url = given.pop(WEBHOOK_FIELD, None)
    if url is None:
        return None
    if services.notify is None:
        raise InvalidOptionError("webhook_url: this service sends no webhooks; ask /status/{job_id} instead.")
    services.notify.check(url)
    return url
