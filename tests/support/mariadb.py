"""A MariaDB database that tests use one after the other."""

from sqlalchemy import delete, text

from streetveil.database.engine import open_engine
from streetveil.database.tables import Base
from streetveil.database.unit_of_work import SqlDatabase


class MigratedMariaDb:
    """Has this version's tables; `emptied` takes what the test before left in them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = open_engine(url)
        SqlDatabase(self._engine).upgrade()

    def emptied(self) -> str:
        """The URL, now of a database without rows."""
        with self._engine.begin() as connection:
            connection.execute(text("TRUNCATE TABLE audit_log"))  # from which no row can be removed
            for table in reversed(Base.metadata.sorted_tables):
                if table.name != "audit_log":
                    connection.execute(delete(table))
        return self.url

    def close(self) -> None:
        self._engine.dispose()
