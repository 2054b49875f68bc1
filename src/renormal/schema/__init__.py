"""The JSON files of a job and of a sweep, as schemas: record, state, plan, choice."""

from renormal.schema.jobs import Choice, Plan, Planned, State
from renormal.schema.kinds import Kind, checked
from renormal.schema.record import RecordFile

__all__ = ["Choice", "Kind", "Plan", "Planned", "RecordFile", "State", "checked"]
