import pytest

from workflow.model import TRANSITIONS, IncidentStatus, sources_of

ENDED = {IncidentStatus.COMPLETE, IncidentStatus.CANCELLED, IncidentStatus.ERROR}


def test_every_status_has_its_row_in_the_table():
    assert set(TRANSITIONS) == set(IncidentStatus)


def test_a_complete_incident_stays_complete():
    assert not TRANSITIONS[IncidentStatus.COMPLETE]


@pytest.mark.parametrize("status", sorted(ENDED))
def test_an_ended_incident_does_not_end_again(status):
    assert not TRANSITIONS[status] & ENDED


def test_active_comes_from_pending_or_by_a_resume():
    assert set(sources_of(IncidentStatus.ACTIVE)) == {
        IncidentStatus.PENDING,
        IncidentStatus.ERROR,
        IncidentStatus.CANCELLED,
    }
