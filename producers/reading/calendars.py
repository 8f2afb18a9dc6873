"""Months and weekdays in the languages of news, and the calendars that are not Gregorian."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import date
from typing import Final

import jdatetime

# Months 1 to 12; names as they stand in dates: nominative, genitive, abbreviations. Accents, case and the Arabic
# spellings of ya and kaf do not matter (see `fold`).
_MONTHS: Final = (
    # en fr de es it pt ca ro; nl sv no da fi et is hu; pl cs sk hr sl sr tr az lt lv el sq id ms sw
    "jan january janvier janv enero ene januar jänner gennaio gen janeiro gener ianuarie ian januari tammikuu"
    " tammikuuta tammi jaanuar janúar január styczeń stycznia sty leden ledna januára siječanj siječnja sij ocak oca"
    " yanvar sausio sausis janvāris ιανουάριος ιανουαρίου ιαν janar",
    "feb february février fevrier févr fév febrero februar feber febbraio fevereiro fev febrer februarie februari"
    " helmikuu helmikuuta helmi veebruar febrúar február luty lutego lut únor února februára veljača veljače velj şubat"
    " şub fevral vasario vasaris februāris φεβρουάριος φεβρουαρίου φεβ shkurt pebruari",
    "mar march mars marzo märz mrz mär março març martie maart mrt maaliskuu maaliskuuta maalis märts március"
    " márc marec"
    " marzec marca březen března bře ožujak ožujka ožu mart marts kovo kovas μάρτιος μαρτίου μαρ maret mac machi",
    "apr april avril avr abril abr aprile aprilie huhtikuu huhtikuuta huhti aprill apríl április ápr kwiecień kwietnia"
    " kwi duben dubna dub apríla travanj travnja tra nisan nis aprel balandžio balandis aprīlis απρίλιος απριλίου απρ"
    " prill aprili",
    "may mai mayo maggio mag maio maig mei maj toukokuu toukokuuta touko maí május máj maja květen května kvě mája"
    " svibanj svibnja svi mayıs gegužės gegužė maijs μάιος μαΐου μαϊ",
    "jun june juin junio juni giugno giu junho juny iunie iun kesäkuu kesäkuuta kesä juuni júní június jún czerwiec"
    " czerwca cze červen června čvn júna lipanj lipnja haziran haz iyun birželio birželis jūnijs ιούνιος ιουνίου ιουν"
    " qershor",
    "jul july juillet juil julio juli luglio lug julho juliol iulie iul heinäkuu heinäkuuta heinä juuli júlí július júl"
    " lipiec lipca červenec července čvc júla srpanj srpnja temmuz tem iyul liepos liepa jūlijs ιούλιος ιουλίου ιουλ"
    " korrik julai",
    "aug august août aout agosto ago agost augustus augusti elokuu elokuuta elo ágúst augusztus sierpień sierpnia sie"
    " srpen srpna augusta kolovoz kolovoza kol avgust avg ağustos ağu avqust rugpjūčio rugpjūtis augusts αύγουστος"
    " αυγούστου αυγ gusht agustus agu agt ags ogos agosti",
    "sep sept september septembre septiembre setiembre settembre set setembro setembre septembrie syyskuu"
    " syyskuuta syys"
    " szeptember szept wrzesień września wrz září zář septembra rujan rujna ruj eylül eyl sentyabr rugsėjo rugsėjis"
    " septembris σεπτέμβριος σεπτεμβρίου σεπ shtator septemba",
    "oct october octobre octubre okt oktober ottobre ott outubro out octombrie lokakuu lokakuuta loka oktoober október"
    " październik października paź říjen října říj októbra ekim eki oktyabr spalio spalis oktobris oktobar"
    " οκτώβριος οκτωβρίου οκτ tetor oktoba",
    "nov november novembre noviembre novembro noiembrie noi marraskuu marraskuuta marras nóvember novembra studeni"
    " studenoga studenog stu kasım kas noyabr lapkričio lapkritis novembris novembar νοέμβριος νοεμβρίου νοε nëntor"
    " nopember novemba",
    "dec december décembre decembre déc diciembre dic dez dezember dicembre dezembro desembre des decembrie joulukuu"
    " joulukuuta joulu detsember desember grudzień grudnia gru prosinec prosince decembra prosinac prosinca pro aralık"
    " ara dekabr gruodžio gruodis decembris decembar δεκέμβριος δεκεμβρίου δεκ dhjetor disember desemba",
)
_OTHER_SCRIPTS: Final = (
    # ru uk bg sr be mk; ar (Egypt, Levant in one word, Maghreb); fa, ur; he; hi; th
    "янв январь января січень січня січ януари яну јануар јан студзеня يناير جانفي ژانویه جنوری ינואר ינו जनवरी जन"
    " มกราคม ม.ค",
    "фев февр февраль февраля лютий лютого лют февруари фебруар феб лютага فبراير فيفري شباط فوریه فروری פברואר פבר"
    " फरवरी फ़रवरी फर กุมภาพันธ์ ก.พ",
    "мар март марта березень березня бер сакавіка مارس آذار مارچ מרץ मार्च มีนาคม มี.ค",
    "апр апрель апреля квітень квітня кві април красавіка أبريل أفريل ابريل آوریل نيسان اپریل אפריל אפר अप्रैल เมษายน"
    " เม.ย",
    "май мая травень травня тра мај маја траўня مايو ماي أيار مه می مئی מאי मई พฤษภาคม พ.ค",
    "июн июнь июня червень червня чер юни јун јуни чэрвеня يونيو يونيه جوان حزيران ژوئن جون יוני יונ जून มิถุนายน มิ.ย",
    "июл июль июля липень липня лип юли јул јули ліпеня يوليو يوليه يوليوز جويلية تموز ژوئیه جولای جولائی יולי יול"
    " जुलाई กรกฎาคม ก.ค",
    "авг август августа серпень серпня сер авг жніўня أغسطس غشت أوت آب اوت آگوست اگست אוגוסט אוג अगस्त สิงหาคม ส.ค",
    "сен сент сентябрь сентября вересень вересня вер септември септ септембар верасня سبتمبر شتنبر أيلول سپتامبر ستمبر"
    " ספטמבר ספט सितंबर सितम्बर กันยายน ก.ย",
    "окт октябрь октября жовтень жовтня жов октомври октобар кастрычніка أكتوبر اکتبر اکتوبر אוקטובר אוק अक्टूबर"
    " अक्तूबर ตุลาคม ต.ค",
    "ноя нояб ноябрь ноября листопад листопада лис ноември новембар лістапада نوفمبر نونبر نوامبر نومبر נובמבר נוב"
    " नवंबर नवम्बर พฤศจิกายน พ.ย",
    "дек декабрь декабря грудень грудня гру декември децембар снежня ديسمبر دجنبر دسامبر دسمبر דצמבר דצמ दिसंबर दिसम्बर"
    " ธันวาคม ธ.ค",
)
_PERSIAN: Final = (
    "فروردین حمل",
    "اردیبهشت ثور",
    "خرداد جوزا",
    "تیر سرطان",
    "مرداد امرداد اسد",
    "شهریور سنبله",
    "مهر میزان",
    "آبان عقرب",
    "آذر قوس",
    "دی جدی",
    "بهمن دلو",
    "اسفند حوت",
)
# Names of different months in different languages: July in Polish and June in Croatian, and so on.
_DISPUTED: Final = {
    "listopad": {"hr": 10, "bs": 10, "": 11},
    "listopada": {"hr": 10, "bs": 10, "": 11},
    "lis": {"hr": 10, "bs": 10, "": 11},
    "lip": {"hr": 6, "bs": 6, "": 7},
    "srp": {"hr": 7, "bs": 7, "": 8},
}
_WEEKDAYS: Final = (
    "mon monday lun lundi lunes lunedi lunedì montag mo maandag ma segunda seg poniedziałek pon pondělí pondeljak luni"
    " måndag mandag man pazartesi pzt понедельник пн понеділок понеделник senin δευτέρα δευ 月曜日 月 월 一"
    " 星期一 周一 週一 월요일",
    "tue tues tuesday mar mardi martes mardi martedi martedì dienstag di dinsdag terça ter wtorek wto úterý utorak"
    " marți tisdag tirsdag salı sal вторник вт вівторок selasa τρίτη τρι 火曜日 火 화 二 星期二 周二 週二 화요일",
    "wed wednesday mer mercredi miércoles mié mercoledi mercoledì mittwoch mi woensdag wo quarta qua środa śro středa"
    " srijeda miercuri onsdag çarşamba çar среда ср середа сряда rabu τετάρτη τετ 水曜日 水 수 三 星期三 周三"
    " 週三 수요일",
    "thu thur thurs thursday jeu jeudi jueves jue giovedi giovedì gio donnerstag do donderdag quinta qui czwartek czw"
    " čtvrtek četvrtak joi torsdag perşembe per четверг чт четвер четвъртък kamis πέμπτη πεμ 木曜日 木 목 四"
    " 星期四 周四 週四 목요일",
    "fri friday ven vendredi viernes vie venerdi venerdì freitag fr vrijdag vr sexta sex piątek pią pátek petak vineri"
    " fredag cuma cum пятница пт п'ятниця петък jumat παρασκευή παρ 金曜日 金 금 五 星期五 周五 週五 금요일",
    "sat saturday sam samedi sábado sáb sabato sab samstag sa zaterdag za sobota sob subota sâmbătă lördag lørdag"
    " cumartesi cmt суббота сб субота събота sabtu σάββατο σαβ 土曜日 土 토 六 星期六 周六 週六 토요일",
    "sun sunday dim dimanche domingo dom domenica sonntag so zondag zo niedziela nie neděle nedjelja duminică söndag"
    " søndag pazar paz воскресенье вс неділя неделя minggu κυριακή κυρ 日曜日 日 일 星期日 星期天 周日 週日 일요일",
)
_ERAS: Final = {"民國": 1911, "民国": 1911, "令和": 2018, "平成": 1988, "昭和": 1925}
_STRIPPED: Final = dict.fromkeys((*range(0x300, 0x370), *range(0x64B, 0x656), 0x670, 0x640, 0x200C, 0x200D))
_SAME: Final = str.maketrans({"ı": "i", "ي": "ی", "ى": "ی", "ك": "ک", "−": "-", "‐": "-", "‑": "-", "׳": "'", "’": "'"})


def fold(text: str) -> str:
    """Return the text as names are compared: lower-case, ASCII digits, no accents, no width, one kind of ya and kaf."""
    plain = unicodedata.normalize("NFKD", text.lower()).translate(_STRIPPED).translate(_SAME)
    if not plain.isascii():
        plain = "".join(str(unicodedata.digit(c)) if c.isdigit() and not c.isascii() else c for c in plain)
    return unicodedata.normalize("NFC", plain)


def is_thai(word: str) -> bool:
    """Return whether a word is in Thai script: years of two digits beside it may be Buddhist ones."""
    return any("\u0e00" <= c <= "\u0e7f" for c in word)


def _index(lists: Sequence[str], first: int) -> dict[str, int]:
    return {fold(name): number for number, names in enumerate(lists, start=first) for name in names.split()}


MONTHS: Final = {**_index(_OTHER_SCRIPTS, 1), **_index(_MONTHS, 1)}
WEEKDAYS: Final = _index(_WEEKDAYS, 0)
PERSIAN_MONTHS: Final = _index(_PERSIAN, 1)
ERA_NAMES: Final = tuple(_ERAS)


def find_months(word: str, language: str) -> tuple[int, ...]:
    """Return the months that a folded word can mean; several only if the language does not tell."""
    if word in _DISPUTED:
        meanings = _DISPUTED[word]
        primary = language.lower().partition("-")[0]
        if primary in ("", "und"):
            return tuple(sorted(set(meanings.values())))
        return (meanings.get(primary, meanings[""]),)
    month = MONTHS.get(word)
    if month is None and word.startswith("ב"):  # Hebrew "in"
        month = MONTHS.get(word[1:])
    return (month,) if month else ()


def make_date(year: int, month: int, day: int) -> date | None:
    """Return the Gregorian day; years 1300 to 1500 are Persian and 2500 to 2600 Buddhist. None if there is no such."""
    try:
        if 1300 <= year <= 1500:
            return _from_persian(year, month, day)
        return date(year - 543 if 2500 <= year <= 2600 else year, month, day)
    except ValueError:
        return None


def make_era_date(era: str, year: int, month: int, day: int) -> date | None:
    """Return the Gregorian day of a year counted in a Chinese or Japanese era."""
    try:
        return date(_ERAS[era] + year, month, day)
    except ValueError:
        return None


def _from_persian(year: int, month: int, day: int) -> date:
    found = jdatetime.date(year, month, day).togregorian()
    return date(found.year, found.month, found.day)
