"""One S3 server for the folder, and a store that each test finds empty."""

import pytest
from tests.support.fault_proxy import FaultProxy
from tests.support.servers import SeaweedS3

from streetveil.storage.s3 import S3ObjectStore
from streetveil.storage.s3_options import S3Options


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with SeaweedS3(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def open_store(server):
    """Opens a store in the server's bucket; what any of them stored is removed in the end."""

    def opened(**values):
        given = {
            "bucket": server.BUCKET,
            "endpoint_url": server.endpoint,
            "access_key_id": server.ACCESS_KEY,
            "secret_access_key": server.SECRET_KEY,
        }
        return S3ObjectStore.open(S3Options(**(given | values)))

    yield opened
    cleaner = opened()
    for folder in ("original", "processed", "metadata", "crops", "check"):
        cleaner.delete([item.key for item in cleaner.list(folder)])


@pytest.fixture
def store(open_store):
    return open_store()


@pytest.fixture
def proxy(server):
    with FaultProxy(server.port) as running:
        yield running


@pytest.fixture
def shaky(open_store, proxy):
    """The same store through the proxy, with little patience."""
    return open_store(endpoint_url=proxy.endpoint, request_timeout_s=1, retries=2)
