"""Which Redis can be used, and what is said of one that cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis
from redis.sentinel import SentinelConnectionPool
from tests.support.certificates import self_signed
from tests.support.ports import free_port
from tests.support.servers import Redis, program, wait_until

from streetveil.errors import ConfigurationError, QueueUnavailableError
from streetveil.queue.redis_client import connect

PATIENCE_S = 30


class RedisWith(Redis):
    """A Redis with further options."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder)
        self._options = options

    def command(self) -> list[str]:
        return [*super().command(), *self._options]


class Sentinel(Redis):
    """A sentinel that finds its master dead after half a second."""

    def __init__(self, folder: Path, master: Redis) -> None:
        super().__init__(folder)
        watch = f"sentinel monitor photos 127.0.0.1 {master.port} 1\n"
        soon = "sentinel down-after-milliseconds photos 500\nsentinel failover-timeout photos 2000\n"
        self.folder.joinpath("sentinel.conf").write_text(f"port {self.port}\nbind 127.0.0.1\n{watch}{soon}")

    def command(self) -> list[str]:
        return [program("redis-server"), str(self.folder / "sentinel.conf"), "--sentinel"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "begins with no scheme"),
        ("localhost:6379", "begins with no scheme"),
        ("https://:hunter2@redis", "begins with no scheme"),
        ("redis://", "no host"),
        ("redis://:hunter2@/0", "no host"),
        ("redis://:hunter2@host:port/0", "percent-encoded"),
        ("redis://:hunter2/3@host:6379/0", "percent-encoded"),
        ("redis://:hunter2@host:6379/photos", "number of a database"),
        ("redis://:hunter2@host?ssl_ca_certs=ca.pem", "only these may stand"),
        ("redis://:hunter2@host?decode_responses=1", "only these may stand"),
        ("redis://:hunter2@host?health_check_interval=often", "percent-encoded"),
        ("redis+cluster://:hunter2@host:6379", "Cluster is not supported"),
        ("redis+sentinel://:hunter2@host:26379", "which master"),
        ("redis+sentinel://:hunter2@host,/photos", "a sentinel has no host"),
        ("redis+sentinel://:hunter2@host:port/photos/0", "percent-encoded"),
        ("redis+sentinel://:hunter2@host/photos/first", "number of a database"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_being_repeated(url, why):
    with pytest.raises(ConfigurationError, match=why) as raised:
        connect(url, timeout_s=1)
    assert "REDIS_URL" in raised.value.detail
    assert "hunter2" not in raised.value.detail
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://host", {"host": "host", "db": 0}),
        ("redis://:p%40ss@host:7000/3", {"host": "host", "port": 7000, "db": 3, "password": "p@ss"}),
        ("rediss://user:word@host", {"host": "host", "username": "user", "password": "word"}),
        ("rediss://host?ssl_ca_certs=/ca.pem&ssl_check_hostname=false", {"ssl_ca_certs": "/ca.pem"}),
        ("unix:///run/redis.sock?db=2", {"path": "/run/redis.sock", "db": 2}),
        ("redis://host?client_name=veil", {"client_name": "veil"}),
        ("redis+sentinel://u:p@a:1,b/photos/4", {"username": "u", "password": "p", "db": 4}),
        ("rediss+sentinel://a/photos?ssl_ca_certs=/ca.pem", {"password": None, "ssl_ca_certs": "/ca.pem"}),
    ],
)
def test_what_a_url_says_is_done(url, expected):
    found = connect(url, timeout_s=2).connection_pool.connection_kwargs
    assert {name: found.get(name, 0) for name in expected} == expected
    assert found["socket_timeout"] == found["socket_connect_timeout"] == 2


def test_the_sentinels_of_a_url_have_their_own_password():
    client = connect("rediss+sentinel://:p@a:1,[::1]/photos?sentinel_password=s&ssl_ca_certs=/ca.pem", timeout_s=2)
    assert isinstance(client.connection_pool, SentinelConnectionPool)
    sentinels = [sentinel.connection_pool for sentinel in client.connection_pool.sentinel_manager.sentinels]
    found = [pool.connection_kwargs for pool in sentinels]
    assert [(one["host"], one["port"], one["password"]) for one in found] == [("a", 1, "s"), ("::1", 26379, "s")]
    assert all(pool.connection_class is redis.SSLConnection for pool in sentinels)
    assert all(one["ssl_ca_certs"] == "/ca.pem" and one["socket_timeout"] == 2 for one in found)


@pytest.mark.parametrize(
    ("options", "url", "why"),
    [
        (["--requirepass", "right"], "redis://{where}", "asks for a password"),
        (["--requirepass", "right"], "redis://:wrong@{where}", "refuses the user or password"),
        (
            ["--user", "guest", "on", ">pass", "+ping", "+@connection"],
            "redis://guest:pass@{where}",
            "does not let this user",
        ),
        (["--maxmemory", "100kb", "--maxmemory-policy", "noeviction"], "redis://{where}", "is full"),
        (["--replicaof", "127.0.0.1", "1", "--replica-serve-stale-data", "yes"], "redis://{where}", "names a replica"),
        ([], "redis://{where}/99", "no database of the number"),
        ([], "rediss://{where}", "Redis"),
    ],
)
def test_a_redis_that_refuses_is_told_apart(tmp_path, new_queue, options, url, why):
    with RedisWith(tmp_path / "redis", *options) as server:
        queue = new_queue(url.format(where=f"127.0.0.1:{server.port}"), timeout_s=0.5)
        for call in (queue.check, lambda: queue.put("a-job"), lambda: queue.consume(print, threads=1)):
            with pytest.raises(QueueUnavailableError, match=why) as raised:
                call()
            assert str(server.port) not in raised.value.detail


def test_a_cluster_is_refused(tmp_path, new_queue):
    cluster = RedisWith(tmp_path / "redis", "--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    with cluster, redis.Redis(port=cluster.port) as client:
        with pytest.raises(QueueUnavailableError, match="Redis Cluster, which is not supported"):
            new_queue(cluster.url).check()
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_until(lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"), PATIENCE_S)
        with pytest.raises(QueueUnavailableError, match="Redis Cluster, which is not supported"):
            new_queue(cluster.url).check()


def test_what_is_no_redis_is_told(tmp_path, new_queue):
    with pytest.raises(QueueUnavailableError, match="cannot be reached"):
        new_queue(f"redis://127.0.0.1:{free_port()}").check()


def test_a_user_and_password_with_special_characters(tmp_path, new_queue, consume, delivered):
    rights = ["on", ">p@ss/w:rd%", "~dramatiq", "~dramatiq:*", "+@all", "-@dangerous", "+keys"]
    with RedisWith(tmp_path / "redis", "--user", "veil", *rights) as server:
        queue = new_queue(f"redis://veil:p%40ss%2Fw%3Ard%25@127.0.0.1:{server.port}", maintenance_chance=1_000_000)
        consume(queue, delivered.put)
        queue.put("a-job")
        assert delivered.get(timeout=PATIENCE_S) == "a-job"


def test_tls_with_an_authority_of_ones_own(tmp_path, new_queue, consume, delivered):
    certificate, key = self_signed(tmp_path)
    port = free_port()
    tls = ["--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
    with RedisWith(tmp_path / "redis", *tls, "--tls-auth-clients", "no"):
        with pytest.raises(QueueUnavailableError, match="certificate is not trusted"):
            new_queue(f"rediss://127.0.0.1:{port}").check()
        with pytest.raises(QueueUnavailableError, match="certificate is not trusted"):  # it is for 127.0.0.1 alone
            new_queue(f"rediss://localhost:{port}/0?ssl_ca_certs={certificate}").check()
        queue = new_queue(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}")
        consume(queue, delivered.put)
        queue.put("a-job", delay_s=0.05)
        assert delivered.get(timeout=PATIENCE_S) == "a-job"


def test_a_master_that_died_is_replaced_by_its_replica(tmp_path, new_queue, consume):
    delivered: list[str] = []
    with (
        RedisWith(tmp_path / "master", "--repl-diskless-sync-delay", "0") as master,
        RedisWith(tmp_path / "replica", "--replicaof", "127.0.0.1", str(master.port)) as replica,
        Sentinel(tmp_path / "sentinel", master) as sentinel,
    ):
        queue = new_queue(f"redis+sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/photos/0", timeout_s=1)
        consume(queue, delivered.append)
        queue.put("before")
        wait_until(lambda: delivered == ["before"], PATIENCE_S)
        with redis.Redis(port=sentinel.port) as asked, redis.Redis(port=replica.port) as spare:
            wait_until(lambda: len(asked.sentinel_slaves("photos")) == 1, PATIENCE_S)
            wait_until(lambda: spare.info("replication")["master_link_status"] == "up", PATIENCE_S)
            queue.put("kept", delay_s=3)
            wait_until(lambda: spare.hlen("dramatiq:image_processing_queue.DQ.msgs") == 1, PATIENCE_S)
        master.kill()
        wait_until(lambda: is_put(queue, "after"), PATIENCE_S)
        wait_until(lambda: {"kept", "after"} <= set(delivered), PATIENCE_S)


def is_put(queue, job_id) -> bool:
    try:
        queue.put(job_id)
    except QueueUnavailableError:
        return False
    return True
