"""`streetveil serve`: the HTTP service; embedded, with the workers in the same process."""

from __future__ import annotations

import ipaddress
import os
import resource
import shutil
import socket
import ssl
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import structlog
import typer
import uvicorn

from streetveil import __version__, bootstrap
from streetveil.api.access import AccessPolicy
from streetveil.api.app import create_app
from streetveil.api.connections import Patience
from streetveil.api.handshakes import handshake_first
from streetveil.api.services import ApiServices
from streetveil.api.tls import server_context
from streetveil.cli.chores import chores_of, leave
from streetveil.cli.signals import handled
from streetveil.domain.access import Scope
from streetveil.errors import ConfigurationError
from streetveil.observability.logs import configure_logging
from streetveil.observability.metrics import Metrics
from streetveil.settings import Settings, load_settings
from streetveil.worker.readings import worker_readings
from streetveil.worker.worker import Worker

if TYPE_CHECKING:
    from streetveil.observability.tracing import Traces

_log = structlog.get_logger(__name__)

# Longer than clients and what stands between keep a connection for another request (60 s is common): one that is
# closed from here while a photo is on its way makes an error of it.
_KEEP_ALIVE_S = 75
# How many uploads are stored at once: on this machine it is work, with servers it is mostly waiting for them.
_LOCAL_UPLOADS = 4
_REMOTE_UPLOADS = 32
# Open files for all but connections and uploads: databases, sockets to children, pictures in work.
_OTHER_FILES = 512


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [HOST, default 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0: a free one. [PORT, default 8000]")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", help="Worker threads; 0: one per core. [NUM_WORKERS]")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the database and the pictures. [DATA_DIR]")
    ] = None,
) -> None:
    """Run the HTTP service: embedded with its workers, or the API alone.

    Without REDIS_URL workers run in this process, and jobs that were waiting or being worked on when it was last
    stopped or killed are finished. With REDIS_URL start [bold]streetveil worker[/bold] beside it. DATABASE_URL and
    S3_BUCKET take the place of SQLite and local files.

    SIGTERM or Ctrl-C: no new requests and jobs are taken, running jobs finish.

    With AUTH_MODE=jwt requests need a token ([bold]streetveil token create[/bold]); without, it listens on this
    machine's own addresses only.

    The documentation of the API is at /docs. Other settings come from the environment; see
    [bold]streetveil config show[/bold].
    """
    settings = load_settings(
        {"host": host, "port": port, "num_workers": workers, "data_dir": data_dir},
    ).settings
    configure_logging(settings.log_level, settings.log_format)
    # The services are opened here and not in the application's lifespan, where uvicorn would tell what is wrong
    # with the settings by a traceback.
    metrics = bootstrap.build_metrics(settings, component="api" if settings.redis_url else "embedded")
    traces = bootstrap.build_traces(component=metrics.component)
    app = create_app(
        lambda: nullcontext(services),
        access=access_policy(settings),
        version=__version__,
        metrics=metrics,
        traces=traces,
    )
    tls = _tls(settings)
    patience = Patience(
        _connections(settings),
        head_s=settings.header_timeout_s,
        unread_s=settings.idle_timeout_s,
        on_drop=lambda: metrics.limited("connections"),
    )
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,  # nobody sees it, and its lines would be put together all the same
            server_header=False,
            http=patience.protocol() if tls is None else handshake_first(patience, tls),
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=max(1, round(settings.shutdown_timeout_s)),
            forwarded_allow_ips=settings.forwarded_allow_ips,
        )
    )
    # Bound before anything is loaded: a taken port is told at once.
    beyond = settings.auth_mode != "none" or settings.allow_unauthenticated
    with (
        _listen(settings.host, settings.port, beyond_this_machine=beyond) as listener,
        _ended_by_signals(server),
        nullcontext() if traces is None else closing(traces),
        _running(settings, metrics, traces) as services,
    ):
        address, bound_port = listener.getsockname()[:2]
        _log.info("listening", host=address, port=bound_port, tls=tls is not None)
        server.run(sockets=[listener])
    if not server.started:
        raise typer.Exit(3)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leaves the handlers of `_ended_by_signals` in force; uvicorn's own end the process before it is drained."""
        yield


def _connections(settings: Settings) -> int:
    """How many connections there may be, after raising the limit of open files to what the settings take."""
    others = settings.max_open_uploads + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = min(max(soft, settings.max_connections + others), hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    most = min(settings.max_connections, max(files - others, files // 2))
    if most < settings.max_connections:
        _log.warning("fewer_connections", most=most, max_connections=settings.max_connections, open_files=files)
    return most


@contextmanager
def _ended_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """SIGTERM and SIGINT, whenever they come, end the service in order.

    A second SIGINT waits for no open connection, a third for nothing.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        if server.force_exit:
            raise KeyboardInterrupt
        server.handle_exit(number, frame)

    with handled(handle):
        yield


@contextmanager
def _running(settings: Settings, metrics: Metrics | None = None, traces: Traces | None = None) -> Iterator[ApiServices]:
    """Everything behind the API; embedded that includes the workers, and leaving it drains them."""
    embedded = settings.redis_url is None
    with (
        bootstrap.open_anonymiser(settings, lazy=not embedded, metrics=metrics) as anonymise,
        bootstrap.open_services(settings, anonymise, metrics, traces) as services,
        ExitStack() as stack,
    ):
        if embedded:
            worker = Worker(
                queue=services.queue,
                process=services.handle,
                threads=bootstrap.worker_threads(settings),
                chores=chores_of(services, settings),
            )
            if metrics is not None:
                metrics.watch(worker_readings(worker))
            stack.callback(leave, services)
            worker.start()
            stack.callback(worker.stop, settings.shutdown_timeout_s)
        with _spool(settings) as spool:
            yield ApiServices(
                submit=services.submit,
                inspect=services.inspect,
                retry=services.retry,
                release=services.release,
                erase=services.erase,
                audit=services.audit,
                anonymise=services.anonymise,
                health=services.health,
                notify=services.notify,
                max_upload_bytes=settings.max_upload_bytes,
                max_pixels=settings.max_pixels,
                max_batch_files=settings.max_batch_files,
                max_batch_bytes=settings.max_batch_bytes,
                spool_dir=spool,
                default_options=bootstrap.default_options(settings),
                max_concurrent_redactions=bootstrap.worker_threads(settings),
                max_waiting_redactions=settings.max_waiting_redactions,
                idle_timeout_s=settings.idle_timeout_s,
                upload_timeout_s=settings.upload_timeout_s,
                min_upload_bytes_per_s=settings.min_upload_bytes_per_s,
                max_open_uploads=settings.max_open_uploads,
                max_uploads_per_client=settings.max_uploads_per_client,
                limits=bootstrap.build_limits(settings),
                upload_threads=_LOCAL_UPLOADS if settings.embedded else _REMOTE_UPLOADS,
                queue_is_here=embedded,
                annotate_vehicles=settings.panoramax_annotations == "vehicles",
            )


@contextmanager
def _spool(settings: Settings) -> Iterator[Path]:
    """A folder of this process alone for incoming files, gone in the end.

    Those of killed processes on this machine are removed: their files belong to no request any more.
    """
    incoming = settings.data_dir / "incoming"
    incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = incoming / str(os.getpid())
    for left in incoming.iterdir():
        if left == own or not (left.name.isdecimal() and _is_alive(int(left.name))):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    own.mkdir(mode=0o700)
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def access_policy(settings: Settings) -> AccessPolicy:
    """Whom the API answers.

    Raises:
        ConfigurationError: as `bootstrap.build_authenticator`.
    """

    def scope(setting: str) -> Scope | None:
        return None if setting == "open" else Scope(setting)

    private = settings.auth_mode == "none" and not settings.allow_unauthenticated
    return AccessPolicy(
        authenticate=bootstrap.build_authenticator(settings),
        own_names=frozenset({"localhost", settings.host.lower()}) if private else None,
        health=scope(settings.health_access),
        metrics=scope(settings.metrics_access),
    )


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """What connections are encrypted with; None where they are not."""
    if settings.tls_certificate is None:
        if settings.tls_key is not None:
            raise ConfigurationError("TLS_KEY is set without TLS_CERTIFICATE: the service would speak plain HTTP.")
        return None
    password = settings.tls_key_password
    return server_context(
        settings.tls_certificate, settings.tls_key, password.get_secret_value() if password is not None else None
    )


def _listen(host: str, port: int, *, beyond_this_machine: bool = False) -> socket.socket:
    """A listening socket.

    Raises:
        ConfigurationError: the port is taken, the address is not one of this machine, or others reach it and must
            not.
    """
    family = socket.AF_INET6 if _is_ipv6(host) else socket.AF_INET
    # The protocol is named, for asyncio switches Nagle's algorithm off only where it knows that it is TCP: an answer's
    # body would wait until the client has acknowledged its head, up to 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        # The address it is bound to: what a name or a short form like 127.1 stands for is seen there.
        if not beyond_this_machine and not ipaddress.ip_address(listener.getsockname()[0]).is_loopback:
            listener.close()
            raise ConfigurationError(
                f"others could reach the service on {host}, and AUTH_MODE=none lets anyone see and erase every photo. "
                "Set AUTH_MODE=jwt (docs/security.md), or HOST=127.0.0.1, or ALLOW_UNAUTHENTICATED=1 where something "
                "else keeps strangers out."
            )
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"cannot listen on {host} port {port}: {error.strerror or error}. Choose another with --host and --port."
        ) from error
    return listener


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False
