"""A model on disk: safetensors, a format of bare numbers behind a JSON header. Loading it runs nothing.

What is read is checked against what a model must be before anything uses it, so a truncated, foreign or tampered file
is refused with a reason and not with a wrong verdict.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypedDict

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from classifiers.model.groups import Groups
from classifiers.model.weights import BENDS, VERSION, Floats, Model

MAX_BYTES: Final = 64 * 1024 * 1024
FORMAT: Final = "deskwatch-model"

_TENSORS: Final = ("names", "themes", "groups", "units", "weights", "bias", "stack", "thresholds", "seen")
_STORED: Final[dict[str, Any]] = {"F16": np.float16, "F32": np.float32}


class _Tensor(TypedDict):
    dtype: str
    shape: list[int]
    data: bytearray


class ModelFileError(Exception):
    """A file that is no model of ours; the message says why."""


def save_model(model: Model, path: Path) -> None:
    """Write a model in one move: readers see the old file or the new one."""
    tensors: dict[str, np.ndarray[Any, Any]] = {
        "names": _packed(model.vocabulary.names),
        "themes": _packed(model.themes),
        "groups": _packed([f"{name}\t" + "\t".join(words) for name, words in model.vocabulary.groups.members.items()]),
        "units": model.units,
        "weights": model.weights.astype(np.float16),
        "bias": model.bias,
        "stack": model.stack,
        "thresholds": model.thresholds,
        "seen": model.seen,
    }
    metadata: dict[str, str] = {**model.card, "format": FORMAT, "version": str(VERSION), "name": model.name}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(save(tensors, metadata))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def load_model(path: Path) -> Model:
    """Return the model in a file.

    Raises:
        ModelFileError: it is none, is damaged, or is of another version.
        FileNotFoundError: there is none.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ModelFileError(f"larger than {MAX_BYTES:,} bytes")
        data = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ModelFileError(error.strerror or str(error)) from error
    return parse_model(data)


def parse_model(data: bytes) -> Model:
    """Return the model in the bytes of a file.

    Raises:
        ModelFileError: as `load_model`.
    """
    try:
        tensors: dict[str, _Tensor] = dict(deserialize(data))  # type: ignore[no-untyped-call]
        card = _metadata(data)
    except (SafetensorError, ValueError) as error:
        raise ModelFileError(f"no model file, or cut short ({error})") from error
    if card.pop("format", None) != FORMAT:
        raise ModelFileError("a safetensors file, but no Deskwatch model")
    version = card.pop("version", "")
    if version != str(VERSION):
        raise ModelFileError(f"a model of version {version[:20] or '?'}; this program reads version {VERSION}")
    if missing := [name for name in _TENSORS if name not in tensors]:
        raise ModelFileError(f"holds no {', '.join(missing)}")
    names, themes = _unpacked(tensors["names"], "names"), _unpacked(tensors["themes"], "themes")
    lines = _unpacked(tensors["groups"], "groups")
    try:
        groups = Groups({line.split("\t")[0]: line.split("\t")[1:] for line in lines})
    except ValueError as error:
        raise ModelFileError(f"'groups': {error}") from error
    shapes = {
        "units": (len(names),),
        "weights": (len(names), len(themes)),
        "bias": (len(themes),),
        "stack": (len(themes), 2 + BENDS),
        "thresholds": (len(themes),),
    }
    numbers = {name: _numbers(tensors[name], name, shape) for name, shape in shapes.items()}
    if not (numbers["units"] > 0).all():
        raise ModelFileError("'units' holds a number that is not above 0")
    if tensors["seen"]["dtype"] != "U64":
        raise ModelFileError("'seen' holds no fingerprints")
    seen = np.sort(np.frombuffer(bytes(tensors["seen"]["data"]), np.uint64))
    name = card.pop("name", "")
    model = Model(names=names, themes=themes, groups=groups, seen=seen, card=card, **numbers)
    if model.name != name:
        raise ModelFileError(f"its numbers are not those it was saved with: they make {model.name}, not {name[:40]}")
    return model


def _metadata(data: bytes) -> dict[str, str]:
    size = int.from_bytes(data[:8], "little")  # `deserialize` has checked header and bounds already
    return {str(key): str(value) for key, value in json.loads(data[8 : 8 + size]).get("__metadata__", {}).items()}


def _packed(texts: Sequence[str]) -> np.ndarray[Any, Any]:
    return np.frombuffer("\n".join(texts).encode(), np.uint8)


def _unpacked(tensor: _Tensor, name: str) -> tuple[str, ...]:
    data = bytes(tensor["data"])
    if tensor["dtype"] != "U8":
        raise ModelFileError(f"'{name}' is no text")
    if not data:
        return ()
    try:
        texts = tuple(data.decode().split("\n"))
    except UnicodeDecodeError as error:
        raise ModelFileError(f"'{name}' is no text") from error
    if not all(texts) or len(set(texts)) != len(texts):
        raise ModelFileError(f"'{name}' holds an empty or a repeated entry")
    return texts


def _numbers(tensor: _Tensor, name: str, shape: tuple[int, ...]) -> Floats:
    stored, found = _STORED.get(tensor["dtype"]), tuple(tensor["shape"])
    if stored is None or found != shape:
        raise ModelFileError(f"'{name}' is {tensor['dtype']} of shape {found}, not numbers of shape {shape}")
    values = np.frombuffer(bytes(tensor["data"]), stored).reshape(shape).astype(np.float32)
    if not np.isfinite(values).all():
        raise ModelFileError(f"'{name}' holds something that is no number")
    return values
