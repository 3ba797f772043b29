import threading

import pytest

from workflow import InvalidData, NotInHandler, UnknownIncident


def test_a_handler_gets_what_it_has_put_in_order(engine, incident, run):
    got = []

    @engine.handler(queue="q")
    def handler(message):
        engine.put(incident, {"n": message["n"]})
        got.append([each["n"] for each in engine.get(incident)])

    run(incident, *(("q", {"n": n}) for n in range(4)))
    assert got == [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3]]


def test_one_worker_with_one_thread_counts_right_without_atomic(engine, run):
    """What returned before in the same worker is seen, as if each were committed by itself."""
    incidents = [engine.create_incident(str(n), "TEST") for n in range(3)]

    @engine.handler(queue="q")
    def count(message):
        incident = message["IncidentID"]
        so_far = engine.get(incident)
        engine.put(incident, {"n": so_far[-1]["n"] + 1 if so_far else 1})

    for _ in range(100):
        for incident in incidents:
            engine.send("q", {"IncidentID": incident})
    run(incidents[0])
    for incident in incidents:
        assert [each["n"] for each in engine.get(incident, handler="count")] == [*range(1, 101)]


def test_it_is_scoped_by_handler_and_incident(engine, incident, run):
    other = engine.create_incident("other", "TEST")
    got = {}

    def helper(message):
        engine.put(message["IncidentID"], {"by": message["name"]})
        got[message["name"]] = engine.get(message["IncidentID"])

    for name in ("one", "two"):
        engine.handler(queue=name, name=name)(lambda message: helper(message))
    engine.send("one", {"IncidentID": other, "name": "elsewhere"})
    run(incident, ("one", {"name": "one"}), ("two", {"name": "two"}))
    assert got == {
        "one": [{"by": "one"}], "two": [{"by": "two"}], "elsewhere": [{"by": "elsewhere"}],
    }  # fmt: skip


def test_what_is_put_is_a_snapshot(engine, incident, run):
    @engine.handler(queue="q")
    def handler(message):
        data = {"list": [1]}
        engine.put(incident, data)
        data["list"].append(2)
        engine.get(incident)[0]["list"].append(3)

    run(incident, ("q", {}))
    assert engine.get(incident, handler="handler") == [{"list": [1]}]


def test_outside_a_handler_it_has_to_be_said_whose(engine, incident):
    with pytest.raises(NotInHandler, match="handler="):
        engine.put(incident, {})
    with pytest.raises(NotInHandler, match="handler="):
        engine.get(incident)
    engine.put(incident, {"a": 1}, handler="h")
    assert engine.get(incident, handler="h") == [{"a": 1}]


def test_a_thread_of_ones_own_is_outside_the_handler(engine, incident, run):
    caught = []

    @engine.handler(queue="q")
    def handler(message):
        def work():
            try:
                engine.get(incident)
            except NotInHandler as error:
                caught.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    run(incident, ("q", {}))
    assert len(caught) == 1


def test_what_json_cannot_hold_is_an_error_at_the_call(engine, incident):
    with pytest.raises(InvalidData, match=r"the data to persist\['a'\]: set"):
        engine.put(incident, {"a": {1}}, handler="h")
    with pytest.raises(InvalidData, match="has to be a dict"):
        engine.put(incident, [1], handler="h")
    with pytest.raises(UnknownIncident):
        engine.put("00000000-0000-7000-8000-000000000000", {}, handler="h")


def test_it_goes_with_the_end_of_the_incident(engine, run):
    for end in ("complete", "cancel"):
        incident = engine.create_incident(end, "TEST")
        engine.put(incident, {"a": 1}, handler="h")
        getattr(engine, end)(incident)
        engine.flush()
        assert engine.get(incident, handler="h") == []
