"""Every exception that this package raises on purpose.

    WorkflowError
    ├── ConfigurationError          a setting, URL or command line that cannot work
    ├── RegistrationError           a handler registered in a way that cannot work
    ├── InvalidMessage (ValueError) a message that cannot be sent
    ├── InvalidData (ValueError)    metadata, parameters or persisted data that JSON cannot hold
    ├── UnknownIncident (ValueError) no incident has this id
    ├── NotInHandler (RuntimeError) a call that only a running handler can make
    ├── HandlerTimeout (TimeoutError) a handler ran longer than its ``timeout``
    ├── WorkerLost                  a message took its worker process down, again and again
    └── StoreUnavailable            the database cannot be reached or written at the moment

A driver's own exceptions become one of these where the driver is called, with the original as
their cause.
"""


class WorkflowError(Exception):
    """The root: catching it catches whatever this package raises on purpose."""


class ConfigurationError(WorkflowError):
    pass


class RegistrationError(WorkflowError):
    pass


class InvalidMessage(WorkflowError, ValueError):
    pass


class InvalidData(WorkflowError, ValueError):
    pass


class UnknownIncident(WorkflowError, ValueError):
    def __init__(self, incident_id: object) -> None:
        super().__init__(
            f"there is no incident {incident_id!r} in this database: check the id, and that this "
            f"runs in the same folder, or with the same WORKFLOW_DATABASE_URL, as the process that "
            f"made it with CreateIncident()"
        )


class NotInHandler(WorkflowError, RuntimeError):
    pass


class HandlerTimeout(WorkflowError, TimeoutError):
    pass


class WorkerLost(WorkflowError):
    pass


class StoreUnavailable(WorkflowError):
    pass
