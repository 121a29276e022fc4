"""Errors become RFC 9457 problem documents. Only kinds of errors are looked at here, never a single code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Match

from streetveil import errors
from streetveil.api.access import challenge
from streetveil.errors import StreetveilError

PROBLEM_JSON = "application/problem+json"

INTERNAL_DETAIL = "The service could not do this. Its log says why, under the request id."

RETRY_UNAVAILABLE_S = 5

# Kinds from `streetveil.errors` with their statuses; all others are the service's own fault: 500.
_STATUSES: Mapping[type[StreetveilError], HTTPStatus] = {
    errors.MalformedRequestError: HTTPStatus.BAD_REQUEST,
    errors.UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    errors.ForbiddenError: HTTPStatus.FORBIDDEN,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.StalledRequestError: HTTPStatus.REQUEST_TIMEOUT,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedMediaError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.UnprocessableError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.OverloadedError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}


class MethodNotAllowedError(StreetveilError):
    """The address exists, but not for this method (HTTP 405)."""

    code: ClassVar[str] = "method_not_allowed"


def status_of(kind: type[StreetveilError]) -> HTTPStatus:
    """The HTTP status of an error class: that of its nearest ancestor among the kinds."""
    if kind is MethodNotAllowedError:
        return HTTPStatus.METHOD_NOT_ALLOWED
    for ancestor in kind.__mro__:
        if ancestor in _STATUSES:
            return _STATUSES[ancestor]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def public_detail(error: StreetveilError) -> str:
    """The error's sentence where it is about the request; what is wrong inside is for the log alone."""
    if status_of(type(error)) == HTTPStatus.INTERNAL_SERVER_ERROR:
        return INTERNAL_DETAIL
    return error.detail


def problem(
    request_id: str,
    error: StreetveilError,
    *,
    headers: Mapping[str, str] | None = None,
    **members: Any,  # noqa: ANN401  # extension members of RFC 9457 are any JSON
) -> JSONResponse:
    """The response for `error`, with Retry-After where trying again may help."""
    status = status_of(type(error))
    all_headers = dict(headers or {})
    if isinstance(error, errors.OverloadedError):
        all_headers["Retry-After"] = str(error.retry_after_s)
    elif isinstance(error, errors.UnauthenticatedError | errors.InsufficientScopeError):
        all_headers["WWW-Authenticate"] = challenge(error)
    elif status == HTTPStatus.SERVICE_UNAVAILABLE:
        all_headers["Retry-After"] = str(RETRY_UNAVAILABLE_S)
    body = {
        "type": f"urn:streetveil:error:{error.code}",
        "title": error.code.replace("_", " ").capitalize(),
        "status": int(status),
        "detail": public_detail(error),
        "code": error.code,
        "retryable": error.retryable,
        "request_id": request_id,
        **members,
    }
    return JSONResponse(body, int(status), all_headers, PROBLEM_JSON)


def install_error_handlers(
    app: FastAPI,
    *,
    on_forbidden: Callable[[Request, errors.ForbiddenError], Awaitable[None]],
    on_overloaded: Callable[[errors.OverloadedError], None],
) -> None:
    """Makes every error that a route or the framework raises a problem document; `middleware.py` has the rest.

    `on_forbidden` is called before a caller who is known is refused, `on_overloaded` before anybody is for a limit.
    """

    async def forbidden(request: Request, exc: Exception) -> JSONResponse:
        assert isinstance(exc, errors.ForbiddenError)  # noqa: S101  # registered for this class alone
        await on_forbidden(request, exc)
        return problem(_request_id(request), exc)

    async def overloaded(request: Request, exc: Exception) -> JSONResponse:
        assert isinstance(exc, errors.OverloadedError)  # noqa: S101  # registered for this class alone
        on_overloaded(exc)
        return problem(_request_id(request), exc)

    app.add_exception_handler(errors.ForbiddenError, forbidden)
    app.add_exception_handler(errors.OverloadedError, overloaded)
    app.add_exception_handler(StreetveilError, _on_streetveil_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_parameter)
    app.add_exception_handler(HTTPException, _on_http_exception)


def _request_id(request: Request) -> str:
    return str(request.scope.get("request_id", ""))


async def _on_streetveil_error(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, StreetveilError)  # noqa: S101  # registered for this class alone
    if status_of(type(exc)) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        structlog.get_logger(__name__).error("request_failed", code=exc.code, detail=exc.detail, exc_info=exc)
    return problem(_request_id(request), exc)


async def _on_invalid_parameter(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, RequestValidationError)  # noqa: S101  # registered for this class alone
    found = [{"location": ".".join(str(part) for part in item["loc"]), "message": item["msg"]} for item in exc.errors()]
    first = found[0] if found else {"location": "request", "message": "it cannot be used"}
    error = errors.InvalidParameterError(f"{first['location']}: {first['message']}.")
    return problem(_request_id(request), error, errors=found)


async def _on_http_exception(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HTTPException)  # noqa: S101  # registered for this class alone
    error: StreetveilError
    headers = exc.headers
    match exc.status_code:
        case HTTPStatus.NOT_FOUND:
            error = errors.NotFoundError(f"There is nothing at {request.url.path[:200]}.")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            error = MethodNotAllowedError(f"{request.method[:20]} is not for this address.")
            headers = {"Allow": ", ".join(_allowed_methods(request))}
        case status if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            error = errors.MalformedRequestError(str(exc.detail))
        case _:
            error = StreetveilError(str(exc.detail))
    return problem(_request_id(request), error, headers=headers)


def _allowed_methods(request: Request) -> list[str]:
    """Methods of all routes at this address; the framework names those of the first one alone."""
    return [
        method
        for method in ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.router.routes
        )
    ]
