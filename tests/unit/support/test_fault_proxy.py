"""The proxy that the tests of reliability trust: what passes passes whole, each fault does what it says."""

import socket
import socketserver
import threading
import urllib.request
from contextlib import suppress
from urllib.error import HTTPError

import pytest
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.http_stub import Answer, HttpStub
from tests.support.servers import wait_until


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        with suppress(ConnectionError):
            self.request.sendall(b"welcome")  # like MySQL, which speaks first
            while data := self.request.recv(65536):
                self.request.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


@pytest.fixture
def proxy():
    with Server(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        with FaultProxy(server.server_address[1]) as running:
            yield running
        server.shutdown()
        thread.join()


@pytest.fixture
def client(proxy):
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connection:
        assert _receive(connection, 7) == b"welcome"
        yield connection


def _receive(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError("closed")
        data += piece
    return data


def _echo(connection, data):
    sender = threading.Thread(target=connection.sendall, args=(data,))
    sender.start()
    try:
        return _receive(connection, len(data))
    finally:
        sender.join()


def _expect_a_broken_connection(port):
    with (
        pytest.raises(ConnectionError),  # in connecting already, where the reset comes that soon
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
    ):
        _receive(connection, 1)


def test_bytes_pass_whole_in_both_directions(proxy, client):
    data = bytes(range(256)) * 20_000
    assert _echo(client, data) == data
    assert not proxy.injected


def test_reset_breaks_open_connections_and_new_ones(proxy, client):
    proxy.set(Fault.RESET)
    with pytest.raises(ConnectionError):
        _receive(client, 1)
    _expect_a_broken_connection(proxy.port)
    proxy.set(Fault.PASS)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as other:
        assert _receive(other, 7) == b"welcome"
    assert proxy.injected[Fault.RESET] >= 2


def test_what_hangs_goes_on_when_it_may(proxy, client):
    with proxy.fault(Fault.HANG):
        client.sendall(b"slow")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
    client.settimeout(10)
    assert _receive(client, 4) == b"slow"
    assert proxy.injected[Fault.HANG] == 1


def test_what_hung_is_lost_when_the_connection_breaks(proxy, client):
    with proxy.fault(Fault.HANG):
        client.sendall(b"lost")
        wait_until(lambda: proxy.injected[Fault.HANG] == 1, 10)
        proxy.set(Fault.RESET)
    with pytest.raises(ConnectionError):
        _receive(client, 1)


def test_a_cut_connection_gives_so_many_bytes_and_no_more(proxy):
    proxy.cut_after = 1000
    with proxy.fault(Fault.CUT), socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connection:
        connection.sendall(b"x" * 5000)
        assert len(_receive(connection, 1000)) <= 1000
        with pytest.raises(ConnectionError):
            _receive(connection, 1)


def test_it_stops_while_connections_hang(proxy, client):
    proxy.set(Fault.HANG)
    client.sendall(b"x")
    proxy.stop()
    with pytest.raises(ConnectionError):
        _receive(client, 1)


def test_a_server_that_is_not_there_breaks_the_connection():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with FaultProxy(port) as proxy:
        _expect_a_broken_connection(proxy.port)


@pytest.mark.parametrize(("fault", "status"), [(Fault.ANSWER_500, 500), (Fault.ANSWER_503, 503)])
def test_requests_are_answered_before_the_server_hears_of_them(fault, status):
    with (
        HttpStub(lambda _: Answer(200, b"fine")) as server,
        FaultProxy(int(server.endpoint.rpartition(":")[2])) as proxy,
    ):
        with proxy.fault(fault), pytest.raises(HTTPError) as refused:
            urllib.request.urlopen(proxy.endpoint, data=b"x" * 3_000_000, timeout=10)
        assert refused.value.code == status
        refused.value.close()
        assert server.requests == []
        assert proxy.injected == {fault: 1}
        with urllib.request.urlopen(proxy.endpoint, timeout=10) as answer:
            assert answer.read() == b"fine"
