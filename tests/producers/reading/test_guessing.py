from __future__ import annotations

import pytest

from producers.reading.guessing import guess_encoding

NEWS = {
    "windows-1251": [
        "Шторм в порту",
        "Министр обороны прибыл с визитом в столицу",
        "Жители двух районов остались без света: ремонтные бригады работают всю ночь, сообщил губернатор области.",
    ],
    "koi8-u": [
        "Шторм у порту",
        "Міністр оборони прибув з візитом до столиці",
        "Мешканці двох районів залишилися без світла: ремонтні бригади працюють усю ніч, повідомив голова області.",
    ],
    "gb18030": [
        "港口发生火灾",
        "国防部长抵达首都进行访问",
        "省长表示，两个地区的居民停电，维修人员整夜工作，预计明天上午恢复供电。",
    ],
    "big5": [
        "港口發生火災",
        "國防部長抵達首都進行訪問",
        "縣長表示，兩個地區的居民停電，維修人員整夜工作，預計明天上午恢復供電。",
    ],
    "shift_jis": [
        "港で火災が発生",
        "国防相が首都を訪問した",
        "知事によると、二つの地区で停電が続いており、作業員が夜を徹して復旧に当たっている。",
    ],
    "euc-kr": [
        "항구에서 화재 발생",
        "국방부 장관이 수도를 방문했다",
        "도지사는 두 지역의 주민들이 정전을 겪고 있으며 복구 작업이 밤새 계속되고 있다고 밝혔다.",
    ],
    "windows-1256": [
        "حريق في الميناء",
        "وصل وزير الدفاع إلى العاصمة في زيارة رسمية",
        "قال المحافظ إن سكان منطقتين بقوا بلا كهرباء وإن فرق الإصلاح تعمل طوال الليل.",
    ],
    "iso-8859-6": [
        "حريق في الميناء",
        "وصل وزير الدفاع إلى العاصمة في زيارة رسمية",
        "قال المحافظ إن سكان منطقتين بقوا بلا كهرباء وإن فرق الإصلاح تعمل طوال الليل.",
    ],
    "windows-1252": [
        "Incendie au port: deux blessés",
        "El ministro llegó a la capital en visita oficial",
        "Die Bewohner zweier Bezirke blieben ohne Strom, erklärte der Gouverneur am Abend – „die ganze Nacht“.",
    ],
}


@pytest.mark.parametrize(("encoding", "text"), [(name, text) for name, texts in NEWS.items() for text in texts])
def test_news_is_read_in_the_encoding_that_it_was_written_in(encoding: str, text: str) -> None:
    for document in (text, f"<item><title>{text}</title><link>https://post.example/1</link></item>\n" * 30):
        body = document.encode(encoding)
        assert body.decode(guess_encoding(body)) == document


@pytest.mark.parametrize("body", [b"", b"ascii", bytes(range(0x80, 0x100)) * 3])
def test_what_nobody_would_write_has_no_encoding(body: bytes) -> None:
    assert guess_encoding(body) == ""
