"""What every pair of broker and database has to keep. One engine fixture, parametrised by pair."""

import pytest


@pytest.fixture
def incident(engine):
    return engine.create_incident("test", "TEST")


@pytest.fixture
def statuses(engine):
    """How the messages of an incident stand: (name, status), in the order of sending."""

    def look(incident_id):
        return [(step.name, step.status.value) for step in engine.steps(incident_id)]

    return look


@pytest.fixture
def run(engine):
    """Sends messages (queue, extra keys) of an incident, and works until nothing is owed."""

    def go(incident_id, *messages, **options):
        for queue, extra in messages:
            engine.send(queue, {"IncidentID": incident_id, **extra})
        engine.flush()
        engine.execute(until_idle=True, **options)

    return go


@pytest.fixture
def kept(engine):
    """A handler for queue ``keep`` that notes what it gets, in order."""
    received = []

    @engine.handler(queue="keep")
    def keep(message):
        received.append(message)

    return received
