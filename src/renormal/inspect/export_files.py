"""The files of `renormal-export`: a graph for onnxruntime or torch, and weights as safetensors."""

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from renormal.contracts import Images

EXTRA = "needs pip install 'renormal[export]'"
Run = Callable[[Images], list[Tensor]]
Writer = Callable[[Any, Images, dict[str, str], Sequence[str]], tuple[bytes, Run]]


def onnx_file(graph: Any, image: Images, facts: dict[str, str], names: Sequence[str]) -> tuple[bytes, Run]:
    """names: of the outputs. The content of the file, and what runs it in onnxruntime, on the CPU."""
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
    content = program.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return content, lambda given: [
        torch.from_numpy(np.asarray(one)) for one in session.run(None, {name: given.numpy()})
    ]


def torch_file(graph: Any, image: Images, facts: dict[str, str], _: Sequence[str]) -> tuple[bytes, Run]:
    """The program of torch.export as the content of a file, and what runs it. On a full disk torch would abort."""
    file = io.BytesIO()
    program = torch.export.export(graph, (image,))
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="No complete tensor found", category=UserWarning
        )  # of views of weights
        torch.export.save(program, file, extra_files={"renormal.json": json.dumps(facts, ensure_ascii=False)})
    file.seek(0)
    again: Any = torch.export.load(file).module()
    return file.getvalue(), lambda given: list(again(given))


WRITERS: dict[str, Writer] = {"onnx": onnx_file, "torch": torch_file}


def weights_file(weights: Mapping[str, Tensor], facts: dict[str, str]) -> bytes:
    """The content of a file with the weights alone, and the facts as metadata."""
    try:
        from safetensors.torch import save
    except ImportError as error:
        raise ValueError(f"--to safetensors {EXTRA}") from error
    return save({name: value.contiguous() for name, value in weights.items()}, facts)
