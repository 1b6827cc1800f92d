# ruff: noqa: RUF001 - sentences in many scripts
"""The language detector, and the core's verifiers that use it."""

import pytest

from herokit.types import Sample
from herokit.verifiers import IFEval, Language
from herokit.verifiers.language import SCRIPT_LANGUAGES, get_detector
from herokit_language import detect

TEXTS = {
    "en": "The committee will meet again on Tuesday to discuss the results.",
    "de": "Der Ausschuss trifft sich am Dienstag wieder, um die Ergebnisse zu besprechen.",
    "fr": "Le comité se réunira de nouveau mardi pour discuter des résultats.",
    "es": "El comité se reunirá de nuevo el martes para discutir los resultados.",
    "pt": "O comitê se reunirá novamente na terça-feira para discutir os resultados.",
    "it": "Il comitato si riunirà di nuovo martedì per discutere i risultati.",
    "nl": "De commissie komt dinsdag weer bijeen om de resultaten te bespreken.",
    "pl": "Komisja spotka się ponownie we wtorek, aby omówić wyniki.",
    "sv": "Kommittén träffas igen på tisdag för att diskutera resultaten.",
    "tr": "Komite sonuçları görüşmek üzere salı günü yeniden toplanacak.",
    "vi": "Ủy ban sẽ họp lại vào thứ Ba để thảo luận về kết quả.",
    "fi": "Komitea kokoontuu uudelleen tiistaina keskustelemaan tuloksista.",
    "ru": "Комитет снова соберётся во вторник, чтобы обсудить результаты.",
    "uk": "Комітет знову збереться у вівторок, щоб обговорити результати.",
    "bg": "Комитетът ще се събере отново във вторник, за да обсъди резултатите.",
    "ar": "ستجتمع اللجنة مرة أخرى يوم الثلاثاء لمناقشة النتائج.",
    "fa": "کمیته روز سه‌شنبه دوباره برای بررسی نتایج تشکیل جلسه خواهد داد.",
    "ur": "کمیٹی نتائج پر بات کرنے کے لیے منگل کو دوبارہ ملاقات کرے گی۔",
    "hi": "समिति परिणामों पर चर्चा करने के लिए मंगलवार को फिर मिलेगी।",
    "ne": "समितिले नतिजाबारे छलफल गर्न मंगलबार फेरि बैठक गर्नेछ।",
}


@pytest.mark.parametrize("code", TEXTS)
def test_language_accepts_only_its_own_sentence(code):
    samples = [Sample("p", text, 0) for text in TEXTS.values()]
    values = [verdict.value for verdict in Language(code).verify(samples)]
    assert values == [float(other == code) for other in TEXTS]


def test_get_detector_finds_the_entry_point():
    assert get_detector() is detect


def test_detect_returns_one_of_the_given_languages():
    assert detect(TEXTS["de"], frozenset(("en", "nl"))) in ("en", "nl")
    with pytest.raises(ValueError, match="has none of the languages xx"):
        detect("text", frozenset(("xx",)))
    assert all(detect(TEXTS["en"], codes) in codes for codes in SCRIPT_LANGUAGES.values())


def test_ifeval_uses_the_detector():
    constraints = {"language:response_language": {"language": "fr"}, "change_case:english_lowercase": {}}
    verdicts = IFEval(constraints=constraints).verify([Sample("p", TEXTS[code], 0) for code in ("fr", "de")])
    assert [v.value for v in verdicts] == [0.5, 0.0]
    lowercase = IFEval(constraints={"change_case:english_lowercase": {}})
    assert lowercase.verify([Sample("p", TEXTS["en"].lower(), 0)])[0].value == 1.0
    assert lowercase.verify([Sample("p", TEXTS["de"].lower(), 0)])[0].value == 0.0
    capital = IFEval(constraints={"change_case:english_capital": {}})
    assert capital.verify([Sample("p", TEXTS["en"].upper(), 0)])[0].value == 1.0
