"""The model on disk."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from classifiers.model.file import ModelFileError, load_model, parse_model, save_model
from classifiers.model.groups import Groups
from classifiers.model.weights import BENDS, Model, fingerprint


def small(names: tuple[str, ...] = ("tariff", "trade war", "title: {US}")) -> Model:
    rng = np.random.default_rng(1)
    return Model(
        themes=("tariffs", "taiwan"),
        names=names,
        groups=Groups({"US": ["washington", "white house"]}),
        units=np.array([1.5, 0.7, 2.0], np.float32),
        weights=rng.normal(size=(3, 2)).astype(np.float32),
        bias=np.array([-2, -3], np.float32),
        stack=rng.normal(size=(2, 2 + BENDS)).astype(np.float32),
        thresholds=np.array([-0.4, 0.1], np.float32),
        seen=np.sort(np.array([fingerprint("a"), fingerprint("b")])),
        card={"trained": '"2026-11-25"'},
    )


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "model" / "themes.safetensors"
    save_model(small(), path)
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    return path.read_bytes()


def test_model_comes_back_as_it_was(stored: bytes) -> None:
    model = parse_model(stored)
    assert model.name == small().name
    assert model.card == small().card
    assert model.vocabulary.names == small().vocabulary.names
    assert model.has_seen("b")
    assert not model.has_seen("c")
    assert model.words([0, 2]).tolist() == small().words([0, 2]).tolist()


@given(st.data())
def test_any_cut_file_is_refused(stored: bytes, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, len(stored) - 1))
    with pytest.raises(ModelFileError):
        parse_model(stored[:length])


@given(st.data())
def test_any_changed_byte_of_the_numbers_is_noticed(stored: bytes, data: st.DataObject) -> None:
    start = 8 + int.from_bytes(stored[:8], "little")
    at = data.draw(st.integers(start, len(stored) - 1))
    changed = bytearray(stored)
    changed[at] ^= data.draw(st.integers(1, 255))
    try:
        model = parse_model(bytes(changed))
    except ModelFileError:
        return
    assert model.name == small().name  # the fingerprints of the training articles are no part of the judgement


@given(st.binary(max_size=400))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ModelFileError):
        parse_model(data)


def test_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    flag = tmp_path / "ran"

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (flag,))

    path = tmp_path / "themes.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ModelFileError):
        load_model(path)
    assert not flag.exists()


@pytest.mark.parametrize(
    ("tensors", "metadata", "message"),
    [
        ({}, {}, "no Deskwatch model"),
        ({}, {"format": "deskwatch-model", "version": "99"}, "version 99"),
        ({"names": np.zeros(3, np.uint8)}, {"format": "deskwatch-model", "version": "1"}, "holds no themes"),
    ],
)
def test_other_safetensors_files_are_refused_with_the_reason(
    tensors: dict[str, np.ndarray], metadata: dict[str, str], message: str
) -> None:
    with pytest.raises(ModelFileError, match=message):
        parse_model(save({"other": np.zeros(1, np.float32), **tensors}, metadata))


def test_missing_file_is_told_from_a_bad_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none")
    with pytest.raises(ModelFileError):
        load_model(tmp_path)
