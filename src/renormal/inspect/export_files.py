"""The files of `renormal-export`: a graph for onnxruntime or torch, and weights as safetensors."""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from renormal.contracts import Images
from renormal.files import whole_file

EXTRA = "needs pip install 'renormal[export]'"
Run = Callable[[Images], list[Tensor]]
Writer = Callable[[Any, Images, Path, dict[str, str], Sequence[str]], Run]


def write_onnx(graph: Any, image: Images, out: Path, facts: dict[str, str], names: Sequence[str]) -> Run:
    """names: of the outputs. Write the file and return what runs it in onnxruntime, on the CPU."""
    try:
        import onnxruntime
        import onnxscript  # noqa: F401 torch.onnx needs it
    except ImportError as error:
        raise ValueError(f"--to onnx {EXTRA}") from error
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)  # torch's own call
            program = torch.onnx.export(
                graph, (image,), dynamo=True, verbose=False, input_names=["image"], output_names=list(names)
            )
    except torch.onnx.OnnxExporterError as error:
        lack = re.search(r"OpOverload\(op='([^']*)'", str(error))
        what = f"the operation {lack[1]}" if lack else "an operation of this job"
        raise ValueError(
            f"ONNX has no form of {what}, of the score or the projection: export with --to torch"
        ) from None
    if program is None:
        raise ValueError("torch.onnx.export returned no program")
    program.model.metadata_props.update(facts)
    program.save(str(out))
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda given: [torch.from_numpy(np.asarray(one)) for one in session.run(None, {name: given.numpy()})]


def write_torch(graph: Any, image: Images, out: Path, facts: dict[str, str], _: Sequence[str]) -> Run:
    """Write the program of torch.export and return what runs the file."""
    program = torch.export.export(graph, (image,))
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="No complete tensor found", category=UserWarning
        )  # of views of weights
        torch.export.save(program, str(out), extra_files={"renormal.json": json.dumps(facts, ensure_ascii=False)})
    again: Any = torch.export.load(str(out)).module()
    return lambda given: list(again(given))


WRITERS: dict[str, Writer] = {"onnx": write_onnx, "torch": write_torch}


def write_weights(weights: Mapping[str, Tensor], out: Path, facts: dict[str, str]) -> None:
    """The weights alone, with the facts as metadata."""
    try:
        from safetensors.torch import save
    except ImportError as error:
        raise ValueError(f"--to safetensors {EXTRA}") from error
    with whole_file(out) as file:
        file.write(save({name: value.contiguous() for name, value in weights.items()}, facts))
