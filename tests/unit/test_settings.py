import pytest

from workflow import ConfigurationError, Settings


def test_defaults_need_nothing():
    settings = Settings.from_environment({})
    assert settings.database_url == "sqlite:///workflow.db"
    assert settings.broker_url == ""


def test_the_environment_overrides():
    settings = Settings.from_environment(
        {"WORKFLOW_LEASE_SECONDS": "7.5", "WORKFLOW_MAX_DELIVERIES": "3"}
    )
    assert (settings.lease_seconds, settings.max_deliveries) == (7.5, 3)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WORKFLOW_LEASE_SECONDS", "soon"),
        ("WORKFLOW_LEASE_SECONDS", "0"),
        ("WORKFLOW_GRACE_SECONDS", "inf"),
        ("WORKFLOW_MAX_DELIVERIES", "2.5"),
        ("WORKFLOW_MAX_DELIVERIES", "-1"),
        ("WORKFLOW_BROKER_URL", "amqp://localhost"),
    ],
)
def test_a_value_that_cannot_work_is_named(variable, value):
    with pytest.raises(ConfigurationError, match=variable):
        Settings.from_environment({variable: value})


def test_urls_which_may_hold_passwords_are_not_in_the_repr():
    assert "secret" not in repr(Settings(database_url="postgresql://me:secret@host/db"))
