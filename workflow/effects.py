"""What a handler (or a script, until it flushes) has asked for and what is not yet recorded.

Owns the collecting only. Nothing here has happened: the store writes all of it in one transaction
with the fact that the handler's message was handled, or none of it.
"""

from dataclasses import dataclass, field

from workflow.model import Ending, Incident, Message, PersistedItem


@dataclass(slots=True)
class Effects:
    created: list[Incident] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    persisted: list[PersistedItem] = field(default_factory=list)
    ended: list[Ending] = field(default_factory=list)
    # Whether writing it has been tried before, and may have happened.
    tried: bool = False

    def __bool__(self) -> bool:
        return bool(self.created or self.sent or self.persisted or self.ended)
