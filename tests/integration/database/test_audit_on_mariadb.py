"""The audit log on MariaDB."""

import structlog
from tests.unit.database.test_audit import (
    sealed,
    test_an_event_is_rolled_back_with_what_it_tells_of,
    test_an_event_is_sealed_once_though_another_sealed_it_between_two_looks,
    test_events_wait_until_they_are_sealed_and_come_back_as_they_were,
    test_of_two_sealers_one_leaves_it_to_the_other,
    test_records_can_be_neither_changed_nor_removed,
    test_the_log_goes_on_where_it_ended_though_all_of_it_was_pruned,
    test_what_is_not_sealed_is_counted_with_the_time_of_its_first,
    test_what_is_too_old_is_pruned_and_the_rest_verifies_from_there,
    write,
)

from streetveil.database.engine import open_engine
from streetveil.database.unit_of_work import SqlDatabase
from streetveil.domain.job import new_id

__all__ = [
    "sealed",
    "test_an_event_is_rolled_back_with_what_it_tells_of",
    "test_an_event_is_sealed_once_though_another_sealed_it_between_two_looks",
    "test_events_wait_until_they_are_sealed_and_come_back_as_they_were",
    "test_of_two_sealers_one_leaves_it_to_the_other",
    "test_records_can_be_neither_changed_nor_removed",
    "test_the_log_goes_on_where_it_ended_though_all_of_it_was_pruned",
    "test_what_is_not_sealed_is_counted_with_the_time_of_its_first",
    "test_what_is_too_old_is_pruned_and_the_rest_verifies_from_there",
    "write",
]


def test_an_account_that_may_make_no_triggers_upgrades_and_is_told(mariadb):
    name = f"t{new_id()[-12:]}"
    url = mariadb.url(name)
    rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES"
    mariadb.execute(f"CREATE USER '{name}'@'127.0.0.1'; GRANT {rights} ON {name}.* TO '{name}'@'127.0.0.1'")
    database = SqlDatabase(open_engine(url.replace("root@", f"{name}@")))
    with structlog.testing.capture_logs() as logged:
        database.upgrade()
    assert [line["trigger"] for line in logged if line["event"] == "audit_trigger_refused"] == [
        "audit_log_no_update",
        "audit_log_no_delete",
    ]
    database.check()
    database.close()
