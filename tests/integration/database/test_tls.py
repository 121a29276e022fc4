"""The way to the database is encrypted, and its server proven, where an authority is named."""

import pytest
from sqlalchemy import text
from tests.support.certificates import self_signed
from tests.support.servers import MariaDb

from streetveil.database.engine import open_engine
from streetveil.database.unit_of_work import SqlDatabase
from streetveil.errors import DatabaseUnavailableError


class WithCertificate(MariaDb):
    """Takes no connection over TCP that is not encrypted, once its accounts are made to say so."""

    def command(self):
        certificate, key = self.folder / "certificate.pem", self.folder / "key.pem"
        return [*super().command(), f"--ssl-cert={certificate}", f"--ssl-key={key}"]


def test_a_server_that_is_proven_is_spoken_to_and_another_is_not(tmp_path):
    certificate, _ = self_signed(tmp_path / "mariadb")
    stranger, _ = self_signed(tmp_path / "stranger")
    with WithCertificate(tmp_path / "mariadb") as server:
        url = server.url("photos")

        engine = open_engine(f"{url}?ssl_ca={certificate}")
        with engine.connect() as connection:
            cipher = connection.execute(text("SHOW STATUS LIKE 'Ssl_cipher'")).one()[1]
        engine.dispose()

        # The certificate is for 127.0.0.1 alone.
        others = [f"{url}?ssl_ca={stranger}", f"{url}?ssl_ca={certificate}".replace("127.0.0.1", "localhost")]
        for refused in map(SqlDatabase, map(open_engine, others)):
            with pytest.raises(DatabaseUnavailableError, match="certificate"):
                refused.check()
            refused.close()
    assert cipher
