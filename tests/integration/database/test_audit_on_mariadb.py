"""The audit log on MariaDB."""

from tests.unit.database.test_audit import (
    sealed,
    test_an_event_is_rolled_back_with_what_it_tells_of,
    test_events_wait_until_they_are_sealed_and_come_back_as_they_were,
    test_of_two_sealers_one_leaves_it_to_the_other,
    test_records_can_be_neither_changed_nor_removed,
    test_the_log_goes_on_where_it_ended_though_all_of_it_was_pruned,
    test_what_is_too_old_is_pruned_and_the_rest_verifies_from_there,
    write,
)

__all__ = [
    "sealed",
    "test_an_event_is_rolled_back_with_what_it_tells_of",
    "test_events_wait_until_they_are_sealed_and_come_back_as_they_were",
    "test_of_two_sealers_one_leaves_it_to_the_other",
    "test_records_can_be_neither_changed_nor_removed",
    "test_the_log_goes_on_where_it_ended_though_all_of_it_was_pruned",
    "test_what_is_too_old_is_pruned_and_the_rest_verifies_from_there",
    "write",
]
