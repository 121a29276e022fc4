"""Connections without a request are cut when they take too long, or when there are too many."""

import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial

import pytest
import uvicorn
from tests.support.certificates import self_signed

from streetveil.api.connections import Patience
from streetveil.api.handshakes import handshake_first
from streetveil.api.tls import server_context

BIG = 8 * 1024 * 1024


async def app(scope, receive, send):
    if scope["type"] != "http":
        await receive()  # lifespan is off
        return
    body = bytes(BIG) if scope["path"] == "/big" else b"fine"
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def serving():
    """Starts servers with some patience; each gives a function that connects to it."""

    @contextmanager
    def start(most=100, head_s=0.3, unread_s=0.3, on_drop=lambda: None, tls=None):
        patience = Patience(most, head_s=head_s, unread_s=unread_s, on_drop=on_drop)
        protocol = patience.protocol() if tls is None else handshake_first(patience, tls)
        config = uvicorn.Config(app, port=0, log_config=None, ws="none", lifespan="off", http=protocol)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        address = server.servers[0].sockets[0].getsockname()
        clients = []

        def connect(trust=None):
            plain = socket.create_connection(address, timeout=20)
            clients.append(plain if trust is None else trust.wrap_socket(plain, server_hostname="127.0.0.1"))
            return clients[-1]

        try:
            yield connect
        finally:
            for client in clients:
                client.close()
            server.should_exit = True
            thread.join()

    return start


def is_cut(client):
    """Waits until the server ends the connection."""
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def ask(client):
    client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    return answer_to(client)


def begin_request(client):
    """Sends a request but for the end of its body; returns when the server has begun to read that."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    client.sendall(head)
    assert b"100" in client.recv(65536)
    client.sendall(b"a")


def answer_to(client):
    answer = b""
    while not answer.endswith(b"fine"):
        piece = client.recv(65536)
        assert piece, "the connection ended"
        answer += piece
    return answer


def test_a_client_that_says_nothing_is_cut(serving):
    with serving() as connect:
        assert is_cut(connect())


def test_a_head_that_dribbles_is_cut_and_one_in_time_is_answered(serving):
    with serving() as connect:
        client = connect()
        cut = False
        for letter in b"GET /" + b"x" * 1000:
            try:
                client.sendall(bytes([letter]))
            except OSError:
                cut = True
                break
            time.sleep(0.05)
        assert cut
        assert b"200 OK" in ask(connect())


def test_a_second_head_on_the_same_connection_must_not_dribble_either(serving):
    with serving() as connect:
        client = connect()
        ask(client)
        time.sleep(0.5)  # longer than a head may take: between requests a client may be idle
        ask(client)
        client.sendall(b"GET / HT")
        assert is_cut(client)


def test_a_body_may_take_longer_than_a_head(serving):
    with serving() as connect:
        client = connect()
        begin_request(client)
        time.sleep(0.6)
        client.sendall(b"b")
        assert answer_to(client)


def test_an_answer_that_nobody_reads_is_given_up(serving):
    with serving() as connect:
        client = connect()
        client.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(1)
        received = 0
        try:
            while piece := client.recv(65536):
                received += len(piece)
        except ConnectionResetError:
            pass
        assert received < BIG


def test_the_longest_idle_makes_room_for_new_ones_and_none_in_a_request_does(serving):
    dropped = []
    with serving(most=3, head_s=60, on_drop=lambda: dropped.append("one")) as connect:
        working = connect()
        begin_request(working)
        idle = [connect(), connect()]
        ask(idle[0])  # now idle[1] has been idle for longer
        newest = connect()

        assert is_cut(idle[1])
        assert dropped == ["one"]
        assert b"fine" in ask(newest)
        assert b"fine" in ask(idle[0])
        working.sendall(b"b")
        assert answer_to(working)


def test_who_never_asked_makes_room_before_one_that_was_answered(serving):
    with serving(most=2, head_s=60) as connect:
        answered = connect()
        ask(answered)
        silent = connect()  # the younger one
        newest = connect()

        assert is_cut(silent)
        assert b"fine" in ask(answered)
        assert b"fine" in ask(newest)


def test_those_that_were_answered_make_room_where_nobody_else_is_idle(serving):
    with serving(most=2) as connect:
        first, second = connect(), connect()
        ask(first)
        ask(second)
        newest = connect()

        assert is_cut(first)
        assert b"fine" in ask(newest)


def test_who_reads_an_answer_slowly_makes_room_where_nobody_is_idle(serving):
    with serving(most=3, unread_s=60) as connect:
        working = connect()
        begin_request(working)
        slow = [connect(), connect()]
        for client in slow:
            client.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(1)  # the answer has begun
        newest = connect()
        assert b"fine" in ask(newest)
        begin_request(newest)
        assert b"fine" in ask(connect())

        assert all(is_cut(client) for client in slow)
        for client in (working, newest):
            client.sendall(b"b")
            assert answer_to(client)


def test_where_all_are_in_requests_a_new_one_is_cut(serving):
    with serving(most=1) as connect:
        working = connect()
        begin_request(working)
        assert is_cut(connect())
        working.sendall(b"b")
        assert answer_to(working)


def test_requests_that_are_sent_ahead_are_answered(serving):
    with serving() as connect:
        client = connect()
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 5)
        answer = b""
        while answer.count(b"fine") < 5:
            piece = client.recv(65536)
            assert piece, "the connection ended"
            answer += piece
        time.sleep(0.5)
        assert ask(client)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secured(serving, pair):
    """As `serving`, with TLS; what connects does so without a handshake."""
    return partial(serving, tls=server_context(*pair))


@pytest.fixture
def trust(pair):
    return ssl.create_default_context(cafile=pair[0])


def test_requests_are_answered_over_tls(secured, trust):
    with secured(head_s=60) as connect:
        for _ in range(20):
            client = connect(trust)
            assert b"200 OK" in ask(client)
            assert b"200 OK" in ask(client)
        client.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert sum(map(len, iter(partial(client.recv, 65536), b""))) > BIG


def test_a_request_that_comes_with_the_end_of_the_handshake_is_answered(secured, trust):
    with secured(head_s=60) as connect:
        client, incoming, outgoing = connect(), ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = trust.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                client.sendall(outgoing.read())
                incoming.write(client.recv(65536))
        tls.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        client.sendall(outgoing.read())  # in one piece
        answer = b""
        while not answer.endswith(b"fine"):
            incoming.write(client.recv(65536))
            with suppress(ssl.SSLWantReadError):
                while True:
                    answer += tls.read()


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_a_handshake_that_does_not_come_to_its_end_is_cut(secured, trust, said):
    with secured() as connect:
        client = connect()
        client.sendall(said)
        assert is_cut(client)
        assert b"200 OK" in ask(connect(trust))


def test_handshakes_count_and_make_room_first(secured, trust):
    with secured(most=2, head_s=60) as connect:
        answered = connect(trust)
        ask(answered)
        idle = [connect() for _ in range(3)]
        newest = connect(trust)

        assert b"fine" in ask(newest)
        assert all(is_cut(client) for client in idle)
        assert b"fine" in ask(answered)


def test_of_a_handshake_whose_client_went_nothing_stays(secured, trust):
    with secured(most=2, head_s=60) as connect:
        working = connect(trust)
        begin_request(working)
        for _ in range(5):
            connect().close()
        assert b"fine" in ask(connect(trust))
        working.sendall(b"b")
        assert answer_to(working)
