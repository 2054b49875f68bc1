"""The JSON files of a job and of a sweep, as schemas: record, state, plan, choice, and a line of predictions."""

from renormal.schema.jobs import Choice, ChoiceBegun, Plan, Planned, Prediction, State
from renormal.schema.kinds import Kind, checked
from renormal.schema.record import RecordFile

__all__ = ["Choice", "ChoiceBegun", "Kind", "Plan", "Planned", "Prediction", "RecordFile", "State", "checked"]
