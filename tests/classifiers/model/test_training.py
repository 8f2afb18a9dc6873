"""From examples to a model."""

from __future__ import annotations

import random

import msgspec
import numpy as np
import pytest

from classifiers.model.features import features_of
from classifiers.model.groups import Groups
from classifiers.model.training import Example, Recipe, train
from classifiers.model.weights import Model, bends

NO_GROUPS = Groups({})
FILLER = ["council", "monday", "report", "city", "people", "new", "market", "river", "school", "year"]


def examples(count: int = 240, seed: int = 1, *, doubt: float = 0.0) -> list[Example]:
    """Return articles half of which are about ships, told by the word alone; terms know half of those."""
    rng = random.Random(seed)
    made = []
    for i in range(count):
        ships = i % 2 == 0
        words = [*rng.sample(FILLER, 5), *(["frigate"] if ships else ["garden"])]
        rng.shuffle(words)
        made.append(
            Example(
                id=f"a{i}",
                features=frozenset(features_of(words[:3], words[3:], NO_GROUPS)),
                terms={"ships": 1.2} if ships and i % 4 == 0 else {},
                themes=frozenset({"ships"} if ships else ()),
                unsure=frozenset({"ships"} if rng.random() < doubt else ()),
            )
        )
    return made


def probability(model: Model, words: list[str], terms: float = 0.0) -> float:
    number = {name: i for i, name in enumerate(model.vocabulary.names)}
    known = np.array([number[name] for name in features_of(words, [], NO_GROUPS) if name in number], np.intp)
    odds = model.stack[0, 0] + model.stack[0, 1] * model.words(known)[0] + model.stack[0, 2:] @ np.array(bends(terms))
    return float(1 / (1 + np.exp(-odds)))


@pytest.fixture(scope="module")
def model() -> Model:
    return train(examples(), ["ships"], NO_GROUPS)


def test_model_tells_what_terms_miss(model: Model) -> None:
    assert probability(model, ["frigate", "report", "monday"]) > 0.8
    assert probability(model, ["garden", "report", "monday"]) < 0.2


def test_terms_raise_the_probability(model: Model) -> None:
    assert probability(model, ["report"], 1.2) > probability(model, ["report"])


def test_same_examples_make_the_same_model(model: Model) -> None:
    assert train(examples(), ["ships"], NO_GROUPS).name == model.name
    assert train(examples(seed=2), ["ships"], NO_GROUPS).name != model.name


def test_what_contributions_add_up_to_is_z(model: Model) -> None:
    features = np.array([3, 5, 8])
    z = (model.words(features)[0] - model.bias[0]) * model.stack[0, 1]
    assert model.contributions(0, features).sum() == pytest.approx(z, abs=1e-5)


def test_unsure_articles_do_not_take_part() -> None:
    sure = examples()
    doubtful = [
        Example(id=f"x{i}", features=one.features, terms={}, themes=frozenset(), unsure=frozenset({"ships"}))
        for i, one in enumerate(sure)
    ]
    kept = train([*sure, *doubtful], ["ships"], NO_GROUPS)
    assert probability(kept, ["frigate", "report"]) > 0.8


def test_weighty_examples_win_over_light_ones() -> None:
    light = examples()
    heavy = [
        Example(id=f"h{i}", features=one.features, terms={}, themes=frozenset({"ships"} ^ one.themes), weight=50.0,
                stack_weight=50.0)
        for i, one in enumerate(light)
    ]  # fmt: skip
    assert probability(train([*light, *heavy], ["ships"], NO_GROUPS), ["garden"]) > 0.5


def test_model_knows_the_articles_it_has_seen(model: Model) -> None:
    assert model.has_seen("a0")
    assert model.has_seen("a239")
    assert not model.has_seen("b0")
    assert not model.has_seen("\ud800")


def test_theme_that_nobody_labelled_is_not_learnt() -> None:
    assert train(examples(), ["ships", "gardens"], NO_GROUPS).themes == ("ships",)
    with pytest.raises(ValueError, match="nothing to learn"):
        train(examples(), ["gardens"], NO_GROUPS)


def test_without_a_cut_the_threshold_is_where_f1_is_best_on_unseen_articles() -> None:
    cut = train(examples(), ["ships"], NO_GROUPS, Recipe(cut=None)).thresholds[0]
    assert -3 < cut < 3


def test_kind_of_feature_that_weighs_nothing_is_left_out() -> None:
    names = train(examples(), ["ships"], NO_GROUPS, Recipe(pairs=0.0, stems=0.0)).vocabulary.names
    assert "frigate" in names
    assert not {"friga…", "new market"} & set(names)
    assert not [name for name in names if not name.startswith("title: ") and (" " in name or name.endswith("…"))]


def test_how_often_a_word_occurs_is_learnt_only_if_the_recipe_says_so() -> None:
    often = [
        Example(id=f"o{i}", features=frozenset(features_of([], words * (i % 2 + 1), NO_GROUPS)), terms={},
                themes=frozenset({"ships"} if i % 2 else ()))
        for i, words in enumerate([["port", "."]] * 80)
    ]  # fmt: skip
    model = train(often, ["ships"], NO_GROUPS)
    assert probability(model, ["port", "port"]) > 0.8 > 0.2 > probability(model, ["port"])
    assert "port×2" not in train(often, ["ships"], NO_GROUPS, Recipe(often=0.0)).vocabulary.names


def test_relevance_keeps_words_that_tell_nothing_from_weighing() -> None:
    def share(relevance: float) -> float:
        model = train(examples(60), ["ships"], NO_GROUPS, Recipe(relevance=relevance))
        weight = dict(zip(model.vocabulary.names, np.abs(model.weights[:, 0]), strict=True))
        return float(weight["market"] / weight["frigate"])

    assert share(0.25) < share(0.0) / 2


@pytest.mark.parametrize("recipe", [Recipe(), Recipe(hinge=False, freedom=15.0, relevance=0.0)])
def test_every_kind_of_training_tells_what_terms_miss(recipe: Recipe) -> None:
    model = train(examples(), ["ships"], NO_GROUPS, recipe)
    assert probability(model, ["frigate", "report"]) > 0.8
    assert probability(model, ["garden", "report"]) < 0.2


def test_words_alone_give_a_probability() -> None:
    sure = examples(600)
    turned = {one.id for one in sure if int(one.id[1:]) % 10 == 0}  # one in ten has the other label
    noisy = [
        msgspec.structs.replace(one, themes=frozenset({"ships"} ^ one.themes)) if one.id in turned else one
        for one in sure
    ]
    model = train(noisy, ["ships"], NO_GROUPS)
    assert 0.8 < probability(model, ["frigate", "report"]) < 0.97
