from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.reading.languages import detect

HEADLINES = {
    "en": "Minister visits the harbour of Rotterdam after the strike",
    "fr": "Le ministre se rend au port après la grève des dockers",
    "de": "Minister besucht nach dem Streik den Hafen der Stadt",
    "es": "El ministro visita el puerto tras la huelga de estibadores",
    "it": "Il ministro visita il porto dopo lo sciopero dei portuali",
    "pt": "Ministro visita o porto depois da greve dos estivadores",
    "nl": "Minister bezoekt de haven na de staking van de dokwerkers",
    "pl": "Minister odwiedził port po strajku dokerów",
    "cs": "Centrální banka ponechala úrokové sazby beze změny",
    "ro": "Ministrul a vizitat portul după greva docherilor",
    "hu": "A miniszter a sztrájk után meglátogatta a kikötőt",
    "sv": "Ministern besöker hamnen efter strejken bland hamnarbetarna",
    "no": "Statsråden besøkte havnen etter streiken blant havnearbeiderne",
    "da": "Ministeren besøgte havnen efter strejken blandt havnearbejderne",
    "fi": "Ministeri vieraili satamassa lakon jälkeen",
    "tr": "Bakan grevden sonra limanı ziyaret etti",
    "id": "Menteri mengunjungi pelabuhan setelah pemogokan buruh",
    "vi": "Bộ trưởng thăm cảng sau cuộc đình công của công nhân",
    "ru": "Центробанк сохранил ключевую ставку без изменений",
    "uk": "Міністр відвідав порт після страйку докерів",
    "bg": "Министърът посети пристанището след стачката",
    "sr": "Министар посетио луку после штрајка лучких радника",
    "be": "Міністр наведаў порт пасля забастоўкі докераў",
    "el": "Ο υπουργός επισκέφθηκε το λιμάνι μετά την απεργία",
    "ar": "الوزير يزور الميناء بعد إضراب العمال",
    "fa": "وزیر پس از اعتصاب کارگران از بندر بازدید کرد",
    "ur": "وزیر نے ہڑتال کے بعد بندرگاہ کا دورہ کیا",
    "he": "השר ביקר בנמל לאחר שביתת העובדים",
    "hi": "मंत्री ने हड़ताल के बाद बंदरगाह का दौरा किया",
    "zh": "罢工结束后部长视察港口",
    "ja": "ストライキ後に大臣が港を視察した",
    "ko": "장관이 파업 이후 항구를 방문했다",
    "th": "รัฐมนตรีเยือนท่าเรือหลังการนัดหยุดงาน",
    "ka": "მინისტრი გაფიცვის შემდეგ პორტს ეწვია",
}


@pytest.mark.parametrize("language", HEADLINES)
def test_a_headline_tells_its_language_whatever_the_template_declares(language: str) -> None:
    headline = HEADLINES[language]
    assert detect(headline, "") == (language, "detected")
    expected = ("en-us", "feed") if language == "en" else (language, "detected")
    assert detect(headline, "", declared="en-us") == expected
    assert detect(headline, "", prior=language, declared="en-us") == (language, "config")


def test_of_several_declarations_the_first_that_can_be_true_holds() -> None:
    assert detect(HEADLINES["uk"], "", prior="en", entry="uk-UA", declared="ru") == ("uk-UA", "entry")
    assert detect(HEADLINES["zh"], "", prior="en", declared="zh_Hant") == ("zh-Hant", "feed")
    assert detect("Министры посетили порты, забастовка объявлена", "", prior="uk", declared="ru") == ("ru", "feed")
    assert detect(HEADLINES["sr"], "", declared="sr-Cyrl") == ("sr-Cyrl", "feed")
    assert detect(HEADLINES["no"], "", declared="nb") == ("nb", "feed")


def test_a_short_text_is_what_it_is_declared_to_be() -> None:
    assert detect("Trump in Berlin", "", prior="de") == ("de", "config")
    assert detect("Порт", "", declared="bg") == ("bg", "feed")
    assert detect("Ok", "") == ("und", "")
    assert detect("港口", "", declared="en") == ("zh", "detected")


def test_names_do_not_change_the_language_of_a_feed() -> None:
    assert detect("Deutsche Bank names Christian Müller chief executive: Spiegel", "", declared="en") == ("en", "feed")


def test_a_language_that_the_classifier_does_not_know_is_believed() -> None:
    assert detect("Aotearoa te reo nga korero o te wa", "", declared="mi") == ("mi", "feed")


@pytest.mark.parametrize("tag", ["", "english", "x", "und", "../en", "e n"])
def test_what_is_no_language_tag_declares_nothing(tag: str) -> None:
    assert detect(HEADLINES["fr"], "", prior=tag) == ("fr", "detected")


@given(st.text(), st.text(max_size=20), st.text(max_size=12))
def test_any_text_has_a_tag(title: str, summary: str, declared: str) -> None:
    tag, source = detect(title, summary, declared=declared)
    assert tag
    assert (tag == "und") is (source == "")


def test_articles_of_known_language_are_recognised() -> None:
    folder = Path(os.environ.get("DESKWATCH_DATA", "../shared/data")) / "replay"
    for name, language in (("zaobao-zh-2023-24", "zh"), ("reuters-guardian-cnbc-2018-20", "en")):
        path = folder / f"{name}.jsonl.gz"
        if not path.exists():
            pytest.skip("the recorded articles are not here; point DESKWATCH_DATA at them")
        with gzip.open(path) as file:
            titles = [json.loads(line)["title"] for _, line in zip(range(2_000), file, strict=False)]
        found = Counter(detect(title, "")[0] for title in titles)
        assert found[language] >= 0.98 * len(titles)
        believed = Counter(detect(title, "", declared=language)[0] for title in titles)
        assert believed[language] >= 0.999 * len(titles)
