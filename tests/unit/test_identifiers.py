import threading
import time
import uuid

import pytest

from workflow import UnknownIncident
from workflow.identifiers import canonical_uuid, uuid7


def test_ids_are_uuids_of_version_7_that_bear_the_time():
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(uuid7())
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before <= made.int >> 80 <= after


def test_ids_grow_as_text_in_one_thread():
    ids = [uuid7() for _ in range(10_000)]
    assert ids == sorted(ids)


def test_ids_of_many_threads_are_all_different():
    ids = []
    threads = [
        threading.Thread(target=lambda: ids.extend([uuid7() for _ in range(2000)]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 8000


def test_an_id_may_be_given_in_any_usual_form():
    made = uuid.uuid4()
    assert canonical_uuid(made) == canonical_uuid(str(made).upper()) == str(made)
    assert canonical_uuid(made.hex) == str(made)


@pytest.mark.parametrize("value", ["", "fire", None, 7, "01a1fc23"])
def test_what_is_no_uuid_is_an_unknown_incident(value):
    with pytest.raises(UnknownIncident):
        canonical_uuid(value)
