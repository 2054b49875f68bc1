"""Nodes of a stored config that would run code, and the trace that each would leave."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from torch import nn

GETTER = "hydra.utils.get_method"
MODULE = "evil_of_a_stranger"  # a module in the working directory, on the path of Python


class Touch:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


def write_evil(folder: Path) -> tuple[Path, Path]:
    """A module whose import leaves a trace, and a pickle that does. Returns the trace and the pickle."""
    trace, file = folder / "trace", folder / "evil.pt"
    body = f"from pathlib import Path\nPath({str(trace)!r}).touch()\ndef run(*_, **__): Path({str(trace)!r}).touch()\n"
    (folder / f"{MODULE}.py").write_text(body, encoding="utf-8")
    file.write_bytes(pickle.dumps(Touch(trace)))
    return trace, file


def calls(trace: Path, file: Path) -> dict[str, Any]:
    """Name → node. Each node would leave the trace if it were instantiated as Hydra does, or be a step to it."""
    touch, where = f"touch {trace}", str(trace)
    load = {"f": str(file), "weights_only": False}
    shell = {"_target_": "os.system", "_args_": [touch]}
    direct = {
        "os.system": {"command": touch},
        "posix.system": {"command": touch},
        "subprocess.run": {"args": ["touch", where]},
        "subprocess.getoutput": {"cmd": touch},
        "builtins.exec": {"_args_": [f"open({where!r}, 'w')"]},
        "builtins.eval": {"_args_": [f"open({where!r}, 'w')"]},
        "builtins.open": {"file": where, "mode": "w"},
        "builtins.__import__": {"name": MODULE},
        "importlib.import_module": {"name": MODULE},
        "runpy.run_module": {"mod_name": MODULE},
        "pathlib.Path.touch": {"self": where},
        "shutil.copy": {"src": str(file), "dst": where},
        "pickle.load": {"file": {"_target_": "builtins.open", "file": str(file), "mode": "rb"}},
        "torch.load": load,
        "torch.hub.load": {"repo_or_dir": str(file.parent), "model": "run", "source": "local"},
        "torch.save": {"obj": 1, "f": where},
        "functools.partial": {"_args_": [shell]},
        "operator.methodcaller": {"name": "system"},
        "hydra.utils.call": {"config": shell},
        "hydra.utils.instantiate": {"config": shell},
        "hydra.utils.get_object": {"path": f"{MODULE}.run"},
        "hydra.utils.get_static_method": {"path": f"{MODULE}.run"},
        "hydra._internal.utils._locate": {"path": f"{MODULE}.run"},
        "omegaconf.OmegaConf.save": {"config": {"a": 1}, "f": where},
        f"{MODULE}.run": {},
        MODULE: {},
        "renormal.models.vae.torch.load": load,
        "renormal.models.vae.torch.hub.load": {"repo_or_dir": str(file.parent), "model": "run", "source": "local"},
        "renormal.models.vae.torch.save": {"obj": 1, "f": where},
        "renormal.projection.project.torch.load": load,
        "renormal.files.os.system": {"command": touch},
        "renormal.files.write_whole": {"path": where, "text": "x"},
        "renormal.report.record.write_whole": {"path": where, "text": "x"},
        "renormal.data.stand_in": {"root": where},
        "renormal.data.folder": {"root": where},
        "renormal.data.download.urlopen": {"url": f"file://{file}"},
        "renormal.inspect.load.load": {"folder": str(file.parent)},
        "renormal.import_module": {"name": MODULE},
        "renormal.models.VAE.__init__.__globals__": {},
        "renormal.models.VAE.load_state_dict": {},
        "renormal.models.VAE.__class__": {},
        "renormal.models.VAE ": {},
        "renormal.models.VAE\u200b": {},
        "renormal.models.": {},
        "renormal.models": {},
        ".renormal.models.VAE": {},
        "renormal.modelsVAE": {},
        "renormal.projection.project": {"model": 1, "x0": 1},  # a function is handed over, not called
    }
    nodes = {name: {"_target_": name, **arguments} for name, arguments in direct.items()}
    getters = [*direct, "renormal.models.vae.torch.load", f"{MODULE}.run"]
    nodes |= {f"get {name}": {"_target_": GETTER, "path": name} for name in getters if "projection.project" not in name}
    nodes |= {f"partial {name}": {**nodes[name], "_partial_": True} for name in ("os.system", f"{MODULE}.run")}
    return nodes | {
        "class by a getter": {"_target_": "hydra.utils.get_class", "path": f"{MODULE}.run"},
        "a getter with more": {"_target_": GETTER, "path": "renormal.projection.dssim", "_partial_": True},
        "a getter of a getter": {"_target_": GETTER, "path": {"_target_": GETTER, "path": "os.system"}},
        "a getter's argument": {"_target_": GETTER, "_args_": ["os.system"]},
        "a getter without path": {"_target_": GETTER},
        "a target that is a node": {"_target_": {"_target_": GETTER, "path": "os.system"}, "command": touch},
        "a target that is a list": {"_target_": ["os.system"], "command": touch},
        "a target of nothing": {"_target_": None},
        "a target of a number": {"_target_": 3},
        "an empty target": {"_target_": ""},
        "a whole config": {"_target_": "${evil}"},
        "a neighbour": {"_target_": "${.other}", "other": "os.system", "command": touch},
        "a parent": {"inner": {"_target_": "${..other}", "_args_": [touch]}, "other": "os.system"},
        "the environment": {"_target_": "${oc.env:EVIL}"},
        "decoded": {"_target_": '${oc.decode:"os.system"}'},
        "created": "${oc.create:{_target_: os.system}}",
        "escaped": {"_target_": "\\${oc.env:EVIL}"},
        "in a list": [{"inner": [shell]}],
        "in an argument": {"_target_": "renormal.projection.Energy", "loss": shell},
        "in a positional argument": {"_target_": "renormal.projection.Energy", "_args_": [shell]},
        "positional arguments of text": {"_target_": "renormal.projection.Energy", "_args_": "${evil}"},
        "an argument by name": {"_target_": "renormal.projection.Energy", "loss": {"_target_": GETTER, "path": MODULE}},
        "kept as it is": {"_target_": "renormal.projection.Energy", "_recursive_": False, "loss": shell},
        "converted": {"_target_": "renormal.projection.Energy", "_convert_": "object", "loss": shell},
        "partial of text": {"_target_": "renormal.projection.Energy", "_partial_": "yes"},
        "deep": nested(shell, 20),
        "deeper": nested(shell, 500),
        "an interpolated key": {"_target_": "renormal.projection.Energy", "${evil}": 1, "weight": "${evil}"},
    }


def nested(node: Any, depth: int) -> Any:
    for _ in range(depth):
        node = {"_target_": "renormal.projection.Energy", "loss": node}
    return node


OWN = {  # a package of the user
    "__init__.py": "import os\nimport torch\n",
    "net.py": """
        import os
        import torch
        from os import system
        from torch import nn

        class Grey(nn.Module):
            def __init__(self, channels, size, level=None):
                super().__init__()
                self.level = nn.Parameter(torch.zeros(1))
        made = Grey(1, 1)
        number = 3

        def make(channels, size):
            return Grey(channels, size)
        """,
}


def write_own(folder: Path) -> None:
    for name, text in OWN.items():
        path = folder / "own_package" / name
        path.parent.mkdir(exist_ok=True)
        lines = text.strip("\n").splitlines()
        path.write_text("\n".join(line.removeprefix(" " * 8) for line in lines) + "\n", encoding="utf-8")


def is_network(value: Any) -> bool:
    return isinstance(value, nn.Module)
