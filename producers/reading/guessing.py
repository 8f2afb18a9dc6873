"""The encoding of a text that names none, by how much each candidate makes it look like something people write.

charset-normalizer, measured on headlines in sixteen encodings, is right in 78 of 100 cases: it takes KOI8-U for Thai
and short Arabic for Japanese. A headline has too few letters for its statistics, but enough for lists of common ones.
"""

from __future__ import annotations

import codecs
import re
from typing import Final, NamedTuple

SAMPLE: Final = 1_500  # bytes beyond ASCII, with their neighbours
LEAST: Final = 4  # such bytes in a text of another script than Latin; one word of it has more
SURE: Final = 0.3  # the score below which a text is none of the candidates'


class _Script(NamedTuple):
    """What text in some encoding looks like: weights of letters, by how common they are, and what others count."""

    codec: str
    common: frozenset[str]
    usual: frozenset[str]
    alphabet: str  # a regular expression's character class
    wide: bool = False  # a character is two bytes, written without case
    latin: bool = False  # letters are few and stand among ASCII ones


_CYRILLIC: Final = ("оеаинтсрвлкмдпуОЕАИНТСРВЛКМДПУ", "ягызбчйхжшюцьієїґЯГЗБЧЙХЖШЮЦІЄЇ«»—№“”’„", "а-яА-ЯёЁіїєґІЇЄҐўЎ")
_ARABIC: Final = ("اليمنوترب", "عدسقفهحكجشةأصخىإء،؟", "\u0621-\u064a\u067e-\u06af")
_GREEK: Final = ("αοιετσνηυρπκλμςάίόέήύώ", "ωδγχθφβξζψΑΟΙΕΤΣΝΗΥΡΠΚΛΜΩΔΓΧΘΦΆΈΉΊΌΎΏ«»–’", "\u0386-\u03ce")
_HEBREW: Final = ("יולאהתרמבנש", "חדקעפצגסזטכםןץףך״׳–", "\u05d0-\u05ea")
_THAI: Final = ("านรอกเงมยลวดทสตะป่้ัิี", "บคหแจพชขใไ์ุูำโึืณถผศ็ธซภญ", "\u0e01-\u0e4e")
_WESTERN: Final = (
    "éèêàçùôîâëïüöäßñóíáúãåøæ",
    "ûõ’‘“”–—…«»€£©°·¿¡ºªÉÈÀÇÖÜÄÑÓÁÅØÆœ\xa0•™®",
    "éèêàçùôîâûëïüöäßñóíáúãõåøæœÉÈÀÇÖÜÄÑÓÁÅØÆ",
)
_CENTRAL: Final = (
    "áéíóúýąćęłńśźżčďěňřšťůžőűöüäăâîșțôľĺŕ",
    "ÁÉÍÓÚŁŚŻŹČŘŠŽÖÜŐ„”“’–—…«»\xa0",
    "áéíóúýąćęłńśźżčďěňřšťůžőűöüäăâîôľÁÉÍÓÚŁŚŻŹČŘŠŽ",
)
_TURKISH: Final = ("ıişğüöçİŞĞÜÖÇâ", "’“”–…\xa0", "ışğüöçİŞĞÜÖÇâîû")
_SIMPLIFIED: Final = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经"
    "十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平"
    "形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题"
    "京市党长总记统议访华美英法俄北东西南区省县警院银行价涨元亿万股网媒报今昨称央宣布降息批准算划请居耐等待币汇率"
)
_TRADITIONAL: Final = (
    "的一是在不了有和人這中大為上個國我以要他時來用們生到作地於出就分對成會可主發年動同工也能下過子說產種面而方後多定行學法所民得經"
    "十三之進著等部度家電力裡如水化高自二理起小物現實加量都兩體制機當使點從業本去把性好應開它合還因由其些然前外天政四日那社義事平"
    "形相全表間樣與關各重新線內數正心反你明看原又麼利比或但質氣第向道命此變條只沒結解問意建月公無系軍很情者最立代想已通並提直題"
    "台灣北市長黨總記統議訪華美英法俄東西南區縣警院銀價漲元億萬股網媒報今昨稱央宣布幣匯率預算案讀橋計畫請居候"
)
_JAPANESE: Final = (
    "のにはをたがでとしてれさいなもかるあらりこっうくそだけんまおどすせきやよちつみえめわほじずばべぶほへ"
    "ンスルトーリアイラクシレドテジフマロカタメコサグプキオバニチムナダュョッャィエケセソツヘミヤヨビブボポパモワ、。「」・"
    "日本人大年会国中政府市長者東京都円銀上予算決定相場発表前新県学生時事明説"
)
_KOREAN: Final = (
    "이다의는에을가하고한로지사기인를도은자대시정서부들해리스있수일아라전과원주보장제어그나국만경상으여선공관조회동구성민오안신위"
    "비치연미우유무방세계화소적였했됐것며면등당중개발업모내외통말까거될러실차마재추울환율승변질답물론년월각령북남미군검찰법총"
)

_SCRIPTS: Final = (
    _Script("cp1252", frozenset(_WESTERN[0]), frozenset(_WESTERN[1]), _WESTERN[2], latin=True),
    _Script("cp1250", frozenset(_CENTRAL[0]), frozenset(_CENTRAL[1]), _CENTRAL[2], latin=True),
    _Script("iso8859_2", frozenset(_CENTRAL[0]), frozenset(_CENTRAL[1]), _CENTRAL[2], latin=True),
    _Script("cp1254", frozenset(_TURKISH[0]), frozenset(_TURKISH[1]), _TURKISH[2], latin=True),
    _Script("cp1251", frozenset(_CYRILLIC[0]), frozenset(_CYRILLIC[1]), _CYRILLIC[2]),
    _Script("koi8_u", frozenset(_CYRILLIC[0]), frozenset(_CYRILLIC[1]), _CYRILLIC[2]),
    _Script("iso8859_5", frozenset(_CYRILLIC[0]), frozenset(_CYRILLIC[1]), _CYRILLIC[2]),
    _Script("cp866", frozenset(_CYRILLIC[0]), frozenset(_CYRILLIC[1]), _CYRILLIC[2]),
    _Script("cp1256", frozenset(_ARABIC[0]), frozenset(_ARABIC[1]), _ARABIC[2]),
    _Script("iso8859_6", frozenset(_ARABIC[0]), frozenset(_ARABIC[1]), _ARABIC[2]),
    _Script("cp1253", frozenset(_GREEK[0]), frozenset(_GREEK[1]), _GREEK[2]),
    _Script("cp1255", frozenset(_HEBREW[0]), frozenset(_HEBREW[1]), _HEBREW[2]),
    _Script("cp874", frozenset(_THAI[0]), frozenset(_THAI[1]), _THAI[2]),
    _Script("gb18030", frozenset(_SIMPLIFIED), frozenset("，。、：“”《》（）？！"), "\u4e00-\u9fff", wide=True),
    _Script("cp950", frozenset(_TRADITIONAL), frozenset("，。、：「」《》（）？！"), "\u4e00-\u9fff", wide=True),
    _Script("cp932", frozenset(_JAPANESE), frozenset(), "\u3041-\u30ff\u4e00-\u9fff", wide=True),
    _Script("euc_jp", frozenset(_JAPANESE), frozenset(), "\u3041-\u30ff\u4e00-\u9fff", wide=True),
    _Script("cp949", frozenset(_KOREAN), frozenset("“”‘’·…"), "\uac00-\ud7a3", wide=True),
)

_MARKUP: Final = re.compile(rb"<[^<>]*+>|&[#\w]{1,10};")
_RUN: Final = re.compile(rb"[^\s]*[\x80-\xff][^\s]*")
_CASE: Final = re.compile(r"[а-яёіїєґα-ω][А-ЯЁІЇЄҐΑ-Ω]")
_MIXED: Final = re.compile(r"[A-Za-z][^\x00-\u024f\u2000-\u2fff]|[^\x00-\u024f\u2000-\u2fff][A-Za-z]")
_BARE: Final = re.compile(r"(?<![A-Za-z])[^\W\d_A-Za-z](?![A-Za-z])")
_NASAL: Final = re.compile(r"[ãõ][eo]")  # Portuguese; else õ would pass for the Hungarian ő
_POLISH: Final = re.compile(r"[ąęłńśźż]")
_CZECH: Final = re.compile(r"[čďěňřšťůž]")
_THAI_ORDER: Final = re.compile(
    r"(?<![\u0e01-\u0e4e])[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]|[\u0e40-\u0e44](?![\u0e01-\u0e2e])"
)


def guess_encoding(body: bytes) -> str:
    """Return the most plausible codec for the bytes; "" if none makes a text of them that anybody would write."""
    sample = _take(body)
    size = sum(byte >= 0x80 for byte in sample)
    if not size:
        return ""
    scripts = [script for script in _SCRIPTS if script.latin or size >= LEAST]
    scores = [(_score(sample, script) / size, script.codec) for script in scripts]
    best, codec = max(scores, key=lambda score: score[0])  # the first one if several are as good
    return codec if best >= SURE else ""


def _take(body: bytes) -> bytes:
    """Return words that are not ASCII, without markup, up to the sample's size."""
    words, size = [], 0
    for word in _RUN.finditer(_MARKUP.sub(b" ", body[: 50 * SAMPLE])):
        words.append(word[0][:SAMPLE])
        size += len(words[-1])
        if size >= SAMPLE:
            break
    return b" ".join(words)


def _score(sample: bytes, script: _Script) -> float:
    """Return how plausible the sample is in one encoding, at most about one for each byte beyond ASCII."""
    try:
        # not the end: a character may be cut there
        text = codecs.getincrementaldecoder(script.codec)().decode(sample, final=False)
    except UnicodeDecodeError:
        return -float(len(sample))
    known = re.compile(f"[{script.alphabet}]")
    size = 2 if script.wide else 1
    score = 0.0
    for char in text:
        if char.isascii():
            continue
        if char in script.common:
            score += size
        elif char in script.usual:
            score += 0.8 * size
        elif known.match(char):
            score += 0.3 * size
        else:
            score -= size
    if script.latin:
        score += len(_NASAL.findall(text)) - 2 * min(len(_POLISH.findall(text)), len(_CZECH.findall(text)))
        return score - 1.5 * len(_BARE.findall(text))
    score -= 2 * len(_CASE.findall(text)) + len(_MIXED.findall(text)) * (not script.wide)
    return score - 2 * len(_THAI_ORDER.findall(text))
