"""How models are labelled in tables and figures, and in which order they stand."""

from __future__ import annotations

from collections.abc import Iterable

from renormal.report.former_names import LABELS
from renormal.report.paper import paper_models
from renormal.report.record import Record


def label(record: Record) -> str:
    """`model.label` of the record's own config; the model's name where the config has none."""
    return str(record.config.get("model", {}).get("label") or LABELS.get(record.model, record.model))


def in_paper(record: Record) -> str:
    """The model of the paper's tables that a record is compared with: `model.paper`, else the model's own name."""
    return str(record.config.get("model", {}).get("paper") or record.model)


def paper_names(records: Iterable[Record]) -> dict[str, str]:
    """Our model → the one of the paper that it is compared with."""
    return {record.model: in_paper(record) for record in records}


def model_order(model: str) -> tuple[int, str]:
    """Sort key of a model's name: the models of the paper in its order, then the others by name."""
    paper = paper_models()
    return (paper.index(model) if model in paper else len(paper)), model
