import socket
from pathlib import Path

import pytest
from tests.support.ports import free_port

GRPC = 10_000


def test_no_two_calls_are_told_the_same_port_nor_one_that_an_offset_reserves():
    ports = [free_port(offset=GRPC) for _ in range(300)]

    used = ports + [port + GRPC for port in ports]
    assert len(set(used)) == 600
    first_of_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert max(used) < first_of_outgoing


@pytest.mark.parametrize("offset", [0, GRPC])
def test_a_port_that_somebody_listens_on_is_passed_over(monkeypatch, offset):
    taken, free = free_port(offset=offset), free_port(offset=offset)
    monkeypatch.setattr("tests.support.ports._candidates", lambda: iter([taken, free]))

    with socket.create_server(("127.0.0.1", taken + offset)):
        assert free_port(offset=offset) == free
