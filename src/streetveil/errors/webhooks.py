"""Webhooks and their receivers."""

from __future__ import annotations

from streetveil.errors.kinds import UnavailableError, UnprocessableError


class InvalidWebhookUrlError(UnprocessableError):
    """A webhook's URL to which nothing will be sent."""

    code = "invalid_webhook_url"


class WebhookFailedError(UnavailableError):
    """A webhook's receiver did not accept the message, or is where nothing is sent to."""

    code = "webhook_failed"


class WebhookUnreachableError(WebhookFailedError):
    """A webhook's receiver cannot be reached, or did not answer in time."""

    code = "webhook_unreachable"
