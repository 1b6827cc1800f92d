# ruff: noqa: RUF001 - words of many scripts
r"""The one table of languages: how an answer is announced, chosen, doubted and denied in each.

Verifiers of the core and of plugins read these patterns and have no words of their own. Every repetition in them is bounded,
so that no input makes them slow.
"""

import re
from functools import cache
from typing import NamedTuple

__all__ = [
    "ANOTHER_CLAUSE",
    "CONDITION",
    "LANGUAGES",
    "MAX_PREDICATE_CHARS",
    "QUESTION",
    "REPLACEMENT",
    "RETRACTION",
    "Language",
    "answer_nouns",
    "choice_pattern",
    "contrast_pattern",
    "courtesy_pattern",
    "denial_pattern",
    "doubt_pattern",
    "ending_pattern",
    "may_announce",
    "may_doubt_or_deny",
    "phrase_pattern",
    "right_pattern",
    "wrong_pattern",
]


class Language(NamedTuple):
    """Words of one language, as parts of regular expressions.

    Attributes:
        code: ISO 639-1.
        answer: nouns that announce the answer: "answer" in "the answer is 4".
        result: nouns that announce it if no `answer` does: "result".
        copula: what stands between the noun and the value.
        choose: verbs before an option that is chosen.
        doubt: words that make a statement no answer.
        denial: words that deny the value after them.
        ending: verbs behind the value, in languages that end with them.
        right: what says of the option before it that it is the answer: "is correct".
        wrong: what says of the value before it that it is not the answer: "is wrong".
        courtesy: what begins a last sentence that says nothing of the answer: "hope this helps".
    """

    code: str
    answer: str
    result: str = ""
    copula: str = ""
    choose: str = ""
    doubt: str = ""
    denial: str = ""
    ending: str = ""
    right: str = ""
    wrong: str = ""
    courtesy: str = ""


LANGUAGES = (
    Language("en", r"\banswers?", r"\bresult|\bsolution|\b(?:correct|right|best|final|my) (?:option|choice)|\bthe letter", r"is|are|equals|will be|would be|should be|must be",
             r"\b(?:choose|pick|select|go with|must be|so|hence|thus|therefore|it is|it['’]s|this is)\b", r"(?:might|may|could)(?: well)? be (?=[-+$\\(*\d])|maybe|perhaps|possibly|not sure|unsure|uncertain|unlikely|"
             r"(?:do not|don['’]t) know|not known|any(?:thing|where) (?:from|between)|(?:about|around|roughly) \d{1,20} (?:to|or) |no idea|"
             r"cannot (?:solve|say|tell|answer|determine|compute)|can['’]t (?:solve|say|tell|answer|determine|compute)|i (?:could not|couldn['’]t) (?:solve|find|answer|determine|compute)|"
             r"i (?:failed|was unable|was not able|am unable|am not able|ran out|give up|apologi[sz]e)|i['’]m (?:unable|not able|sorry)|i (?:cannot|can['’]t) (?:give|find|provide|finish|complete)|(?:do not|don['’]t) have (?:the|an|any) (?:answer|solution)|sorry,? (?:but )?i (?:can|could|do|am)|beyond my|"
             r"unable to (?:solve|answer|determine|compute)|cannot be (?:solved|answered|determined|computed)(?=[^.]{0,80}\d)|(?:insufficient|not enough) (?:information|data|details)(?=[^.]{0,80}\d)|please (?:provide|give|specify)",
             r"not|never|isn['’]t|aren['’]t|wasn['’]t|weren['’]t|didn['’]t|cannot be|can['’]t be|won['’]t(?: be)?|wouldn['’]t(?: be)?|hardly|(?:any|every)thing (?:but|except)|other than|ruled? out|"
             r"(?:at (?:least|most)|(?:less|more|fewer|greater|larger|smaller) than|up to|above|below)(?=\W{0,3}\d)",
             right=r"(?:is|are) (?:the )?(?:correct|right|true|best)(?: (?:answer|option|choice|one))?",
             wrong=r"(?:is|are) (?:wrong|incorrect|false|impossible|excluded|ruled out|not (?:right|correct|true|possible|the (?:\w{1,20} )?(?:answer|option|choice|one)))|is out", courtesy=r"(?:i )?(?:really |do )?hope (?:this|that|it) (?:helps|is (?:clear|helpful|useful)|clarif|makes sense|answers)|(?:please )?(?:let me know|feel free|don['’]t hesitate|do not hesitate)|if you(?:['’]d| would| have| need| want)(?: like)? (?:any |some |more |further |to )|(?:would you like|do you (?:want|need|have)) |(?:i['’]m |i am |i['’]d be )?(?:happy|glad) to help|good luck|you['’]re welcome|have a (?:great|nice|good) "),
    Language("de", r"\bantwort(?:en)?", r"\blösung|\blosung|\bergebnis", r"ist|sind|lautet|beträgt", r"\bwähle", r"vielleicht|könnte|möglicherweise|"
             r"weiß (?:es )?nicht|weiss (?:es )?nicht|nicht (?:lösen|beantworten|bestimmen|berechnen)", r"nicht|niemals|kein", right=r"ist (?:die )?(?:richtige?|korrekte?)(?: (?:antwort|option))?",
             wrong=r"ist (?:falsch|nicht (?:richtig|korrekt|die (?:\w{1,20} )?(?:antwort|lösung)))", courtesy=r"ich hoffe|lassen? (?:sie )?(?:es )?mich (?:gerne? )?wissen|(?:bei|wenn du|falls du|falls sie|wenn sie) (?:weiteren? |noch )*fragen|viel erfolg|gerne? geschehen"),
    Language("fr", r"\br[ée]ponses?", r"\br[ée]sultat|\bbonne option", r"est|sont|vaut", r"\bchoisis", r"peut-être|pourrait|ne sais pas|ne p(?:eux|ouvons) pas (?:résoudre|répondre|déterminer)", r"n['’]est pas|jamais|pas",
             right=r"est (?:la )?(?:bonne|correcte?|juste|vraie?)(?: r[ée]ponse)?", wrong=r"est (?:faux|fausse|incorrecte?)|n['’]est pas (?:correcte?|juste|la (?:\w{1,20} )?r[ée]ponse)", courtesy=r"j['’]espère|n['’]h[ée]site[zs]? pas|si (?:tu as|vous avez) (?:d['’]autres )?(?:des )?questions|bonne chance"),
    Language("es", r"\brespuestas?", r"\bresultado|\bsoluci[óo]n|\bopci[óo]n", r"es|son", r"\belijo|\bescojo", r"quizás?|tal vez|podría|no s[ée](?! )|no p(?:uedo|odemos) (?:resolver|responder|determinar)", r"no es|no son|nunca",
             right=r"es (?:la )?(?:respuesta |opción )?correct[ao]", wrong=r"es (?:incorrect[ao]|fals[ao])|no es (?:correct[ao]|la (?:\w{1,20} )?respuesta)", courtesy=r"espero que|(?:av[íi]same|h[áa]zmelo saber|no dudes en)|si (?:tienes|tiene) (?:m[áa]s |alguna )|[¡]?buena suerte"),
    Language("pt", r"\brespostas?", r"\bsolução|\bsolucao|\balternativa", r"é|são", r"\bescolho", r"talvez|poderia|não sei|não (?:posso|consigo) (?:resolver|responder|determinar)", r"não é|não são|nunca", right=r"(?:é|está) (?:a )?(?:resposta |opção )?corret[ao]", wrong=r"(?:é|está) (?:incorret[ao]|fals[ao]|errad[ao])", courtesy=r"espero (?:que|ter)|(?:me avise|fique à vontade)|se (?:tiver|você tiver) (?:mais |alguma )|boa sorte"),
    Language("it", r"\brispost[ae]", r"\brisultato|\bsoluzione", r"è|sono", r"\bscelgo", r"forse|potrebbe|non lo so|non (?:posso|riesco a) (?:risolvere|rispondere|determinare)", r"non è|non sono|mai", right=r"è (?:la )?(?:risposta )?(?:corrett[ao]|giust[ao])", wrong=r"è (?:sbagliat[ao]|errat[ao]|fals[ao])", courtesy=r"spero (?:che|di)|(?:fammi|fatemi) sapere|non esitare|se hai (?:altre )?domande|buona fortuna"),
    Language("nl", r"\bantwoord(?:en)?", r"\boplossing|\bresultaat", r"is|zijn|luidt", r"\bkies", r"misschien|weet (?:het )?niet", r"niet|nooit|geen", right=r"is (?:juist|correct|goed)", wrong=r"is (?:fout|onjuist|verkeerd)", courtesy=r"ik hoop|laat (?:het )?(?:me|mij) weten|als je (?:nog |meer )?vragen|succes"),
    Language("sv", r"\bsvaret|\bsvar", r"\bresultatet", r"är|blir|er", "", r"kanske|kanskje|måske|vet inte", r"inte|ikke|aldrig"),
    Language("fi", r"\bvastaus", r"\btulos", r"on", "", r"ehkä|en tiedä", r"ei ole"),
    Language("pl", r"\bodpowied(?:ź|z|zią|zi)", r"\bwynik|\brozwiązanie", r"jest|wynosi|to", r"\bwybieram", r"może|nie wiem", r"nie jest|nie"),
    Language("cs", r"\bodpověď|\bodpoved", r"\bvýsledek|\břešení", r"je|zní", r"\bvolím", r"možná|nevím", r"není"),
    Language("hu", r"\bválasz", r"\beredmény|\bmegoldás", r"", "", r"talán|nem tudom", r"nem"),
    Language("ro", r"\br[ăa]spunsul|\br[ăa]spuns", r"\brezultatul|\bsolu[țt]ia", r"este|e", r"\baleg", r"poate|nu știu", r"nu este|nu e"),
    Language("tr", r"\bcevap|\bcevabı|\byanıt|\byanıtı", r"\bsonuç", r"", r"\bseçiyorum", r"belki|bilmiyorum", r"değil", r"['’]?[dt][ıiuü]r", right=r"doğru(?:dur)?", wrong=r"değil(?:dir)?|yanlış(?:tır)?"),
    Language("id", r"\bjawaban(?:nya)?", r"\bhasil(?:nya)?", r"adalah|ialah", r"\bmemilih", r"mungkin|tidak tahu", r"bukan"),
    Language("vi", r"\bđáp án|\bcâu trả lời|\bđáp số", r"\bkết quả", r"là", r"\bchọn", r"có thể|có lẽ|không biết", r"không phải"),
    Language("ru", r"\bответ", r"\bрезультат|\bрешение|\bвариант", r"есть|это|равен|равна|равно", r"\bвыбираю", r"может быть|возможно|не знаю|не могу (?:решить|ответить|определить)", r"не", right=r"верно|правильный ответ", wrong=r"неверно|неправильно", courtesy=r"надеюсь|дайте знать|если (?:у вас|у тебя|возникнут|есть)|удачи"),
    Language("uk", r"\bвідповідь", r"\bрезультат", r"є|це", r"\bобираю", r"можливо|не знаю", r"не"),
    Language("el", r"\bαπάντηση", r"\bαποτέλεσμα", r"είναι", "", r"ίσως|δεν ξέρω", r"δεν είναι"),
    Language("zh", r"(?:正确|正確)?答案】?|答】?", r"结果|結果|解为|解為|(?:选项|選項)|(?:正确|正確)的", r"应该是|應該是|应为|應為|就是|等于|等於|是|为|為|选|選", r"(?<![不没沒别])(?:选择|選擇|选|選)(?:项|項)?(?=[\s:：(（]{0,3}[A-Za-z])",
             r"可能|也许|也許|或许|或許|大概|不确定|不確定|不知道|无法(?:解答|回答|求解|确定|確定|解决|解決)|無法(?:解答|回答|求解|确定|確定|解决|解決)|不能(?:解答|回答|求解|确定|確定|解决|解決)", r"(?:至少|至多|最多|最少|不到|少于|多于|超过|不足)(?:有|是)?(?=\W{0,3}\d)|不是|不为|不為|并非|並非|不等于|不等於",
             right=r"(?:选项|選項|项|項)?\s?(?:是|为|為)?(?:正确|正確|对|對)(?:的|答案|选项|選項)?", wrong=r"(?:是|为|為)?(?:错|錯)(?:误|誤)?的?|不(?:正确|正確|对|對|是答案)", courtesy=r"希望(?:这|這|对|對|以上|能|我的)|如果(?:你|您|还|還|有)|(?:请|請)(?:告诉我|告訴我|随时|隨時)|(?:祝你|祝您)"),
    Language("ja", r"答え|解答|正解|回答", r"結果", r"は", r"選択肢", r"たぶん|かもしれ|おそらく|わかりません|分かりません|解けません|答えられません|求められません", r"ではなく|ではありません|ではない",
             r"になります|となります|です|である|だ", right=r"が(?:正解|正しい)(?:です)?", wrong=r"では(?:ない|ありません)(?:です)?|は(?:誤り|間違い|不正解)(?:です)?", courtesy=r"お役に立|ご(?:質問|不明)|何か(?:ご|質問)|参考になれば|他に(?:ご)?質問"),
    Language("ko", r"정답|해답|답", r"결과", r"은|는|이", r"선택지", r"아마|모르겠|풀 수 없|답할 수 없", r"아닌|아니라", r"입니다|이에요|예요|이다", right=r"[이가] (?:정답|맞)\w{0,4}", wrong=r"[이가]? ?(?:아닙니다|아니다|아니에요|틀렸\w{0,3})", courtesy=r"도움이 되|(?:더 )?궁금한|질문이 있|추가 질문"),
    Language("hi", r"उत्तर|जवाब", r"परिणाम", r"", "", r"शायद|नहीं पता", r"नहीं", r"\s(?:है|हैं)"),
    Language("bn", r"উত্তর", r"ফলাফল", r"হল|হলো", "", r"হয়তো|জানি না", r"নয়"),
    Language("ar", r"(?:ال)?إجابة|(?:ال)?جواب", r"(?:ال)?نتيجة", r"هو|هي", r"أختار", r"ربما|لا أعرف", r"ليس|ليست"),
    Language("fa", r"پاسخ|جواب", r"نتیجه", r"", "", r"شاید|نمی‌دانم", r"نیست", r"\s(?:است)"),
    Language("he", r"ה?תשובה", r"ה?תוצאה", r"היא|הוא", r"בוחר", r"אולי|לא יודע", r"לא|אינ[וה]"),
    Language("th", r"คำตอบ", r"ผลลัพธ์", r"คือ|เป็น", r"เลือก", r"อาจ|ไม่แน่ใจ|ไม่รู้", r"ไม่ใช่"),
)  # fmt: skip
"""Twenty-eight languages; the parts of all are joined, because a text does not say which language it is in."""

_SPACE = r"[^\S\n]{0,3}"
_MARKS = r"[*_]{0,2}"
_LATIN = re.compile(r"[a-zà-öø-ÿ]+")


CONDITION = re.compile(
    r"^(?:otherwise|else|alternatively)\b|^(?:if|is|are|suppose|assume|unless|whether|should)\b(?!.*[,;:])|\b(?:wrong|false|untrue|not true|doubt|deny|don['’]t (?:think|believe)|"
    r"do not (?:think|believe)|unlikely|whether)\b(?!.*(?:\b(?:but|so)\b|[,;:]))",
    re.IGNORECASE,
)
"""What stands before "the answer is 4" in a sentence that asks, assumes or denies it."""

ANOTHER_CLAUSE = re.compile(
    r"[,;:=，：]|\b(?:is|are|was|were|gives?|gets?|makes?|has|have|ist|sind|est|sont|es|son|è|sono|é|são)\b",
    re.IGNORECASE,
)
"""What stands between a denial and a value that it does not deny: "not red is 5"."""

RETRACTION = re.compile(
    r"\b(?:wait|just kidding|correction|scratch that|(?:that|this|it) is (?:wrong|incorrect)|(?:that|it)['’]s (?:wrong|incorrect)|"
    r"I was wrong|on second thought)\b",
    re.IGNORECASE,
)
"""What takes an answer back; a new one may follow."""

REPLACEMENT = re.compile(
    r"\b(?:no|not|actually|rather|instead|wait|sorry|correction|so|hence|thus|therefore|which|then)\b", re.IGNORECASE
)
"""What stands between two announced answers of a sentence if the second one counts."""

QUESTION = re.compile(
    r"^(?:(?:is|are|can|could|does|do|was|might|may|should|what|which|how|who|when|where|why)\b.{0,200}\d.{0,200}\?$|"
    r"(?:please )?(?:(?:find|determine|prove|express|estimate|ignore|disregard)\b|(?:compute|calculate|evaluate|simplify|solve)\b(?!.*=))"
    r"(?!.*(?:[:;]|\b(?:is|are|was|were|get|gets|got|give|gives|obtain|yields?|equals?|leaves|have|has|so|then|thus|therefore|answer)\b)))",
    re.IGNORECASE,
)
"""A sentence that asks for a value, or sets a task and states none."""


def _join(field: str) -> str:
    return "|".join(part for language in LANGUAGES if (part := getattr(language, field)))


_PIECE = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|.", re.DOTALL)  # an escape, a set of characters, a character


def _alternatives(part: str) -> list[str]:
    """Split a part at the bars outside parentheses."""
    words, depth = [""], 0
    for piece in _PIECE.findall(part):
        depth += (piece == "(") - (piece == ")")
        if piece == "|" and depth == 0:
            words.append("")
        else:
            words[-1] += piece
    return words


_CHARACTERS = re.compile(r"\[([\w'`’]+)\]")  # a set without ranges


def _literal_starts(word: str) -> tuple[set[str], bool]:
    r"""Return texts, with one of which every match of an alternative begins, and whether they are all of it.

    Example:
        >>> sorted(_literal_starts(r"\b(?:do not|don['`]t) know")[0])
        ['do not know', "don't know", 'don`t know']
    """
    starts, at = {""}, 2 * word.startswith("\\b")
    while at < len(word):
        end, is_whole = at + 1, True
        inside = {word[at]}
        if word.startswith("(?:", at):
            end = next(k for k in range(at, len(word)) if word.count("(", at, k + 1) == word.count(")", at, k + 1)) + 1
            parts = [_literal_starts(part) for part in _alternatives(word[at + 3 : end - 1])]
            inside, is_whole = {start for some, _ in parts for start in some}, all(whole for _, whole in parts)
        elif characters := _CHARACTERS.match(word, at):
            inside, end = set(characters[1]), characters.end()
        elif not (word[at].isalnum() or word[at] in " -'’"):
            return starts, False
        if word[end : end + 1] in tuple("*+{"):
            return starts, False
        if word[end : end + 1] == "?":
            inside, end = inside | {""}, end + 1
        starts, at = {start + more for start in starts for more in inside}, end
        if not is_whole:
            return starts, False
    return starts, True


_FIRST_LETTER = re.compile(r"(\\b)?(?:\(\?:|\[)*(\w)")


def _any_of(part: str) -> str:
    r"""Return the same alternatives, those of one first letter together and those of other scripts behind one comparison.

    A pattern then tries a few letters at each place of a text instead of a hundred words.

    Example:
        >>> _any_of(r"\bone|\bother|two|答案")
        '\\b(?:o(?:ne|ther))|t(?:wo)|(?=[^\\x00-\\x7f])(?:答案)'
    """
    letters: dict[tuple[str, str], list[str]] = {}
    others: list[str] = []
    foreign: list[str] = []
    for word in _alternatives(part):
        match = _FIRST_LETTER.match(word)
        boundary, letter = (match[1] or "", match[2]) if match else ("", "")
        rest = word[len(boundary) + 1 :]
        if letter and not letter.isascii():
            foreign.append(word)
        elif word.startswith(boundary + letter) and letter and rest[:1] not in tuple("?*+{"):
            letters.setdefault((boundary, letter), []).append(rest)
        else:
            others.append(word)
    groups = []
    for boundary in dict.fromkeys(boundary for boundary, _ in letters):
        inside = "|".join(f"{letter}(?:{'|'.join(rest)})" for (b, letter), rest in letters.items() if b == boundary)
        groups.append(f"{boundary}(?:{inside})" if boundary else inside)
    if foreign:
        others.append(rf"(?=[^\x00-\x7f])(?:{'|'.join(foreign)})")
    return "|".join(groups + others)


@cache
def phrase_pattern(*, weak: bool = False) -> re.Pattern[str]:
    """Return the pattern that ends where an announced answer begins; its group ``noun`` is the word that announces.

    Args:
        weak: match "result" and the like instead of "answer".

    Example:
        >>> match = phrase_pattern().search("So the answer is: 42.")
        >>> match["noun"], match.end()
        ('answer', 18)
    """
    nouns = _any_of(_join("result" if weak else "answer"))
    english = "answer", "answers", "result", "solution", "option", "choice", "letter"
    no_english = "".join(rf"(?<!{noun}\s)" for noun in english)  # "the answer to question 5", "the answer on page 5"
    copulas = sorted(
        {word for language in LANGUAGES for word in language.copula.split("|") if word}, key=len, reverse=True
    )
    latin = [f"{no_english}{word}" if word in {"to", "on"} else word for word in copulas if _LATIN.match(word)]
    others = [word for word in copulas if not _LATIN.match(word)]
    middle = rf"(?:(?:to|of|for) (?:the|this|your|that) \w{{1,20}}(?: \w{{1,20}})?{_SPACE})?"
    adverb = rf"(?:(?:therefore|thus|then|also|exactly|simply|for sure|hence|clearly|indeed|daher|donc){_SPACE})?"
    adjective = (
        rf"(?:{_SPACE}(?:finale?|correct[ae]|corretta|giusta|esatta|correta|exact[ae]|definitiva|définitive|richtig|juste|corecte?|yang (?:benar|tepat)|đúng|chính xác)\b"
        rf"|{_SPACE}(?:الصحيحة|النهائية|הנכונה|הסופית|صحیح|نهایی|ที่ถูกต้อง))?"
    )
    verb = rf"(?:(?:{'|'.join(latin)})(?![^\W\d_])|{'|'.join(others)}|[=:：＝]|[–—-](?=\s))"
    return re.compile(
        rf"(?P<noun>{nouns}){adjective}{_MARKS}{_SPACE}{middle}{_MARKS}{_SPACE}{verb}{_MARKS}{_SPACE}{adverb}[:：]?{_SPACE}"
        rf"|(?P<bare>{_any_of(_bare_nouns(weak=weak))}){adjective}{_MARKS}{_SPACE}(?=[-+]?[\d$\\(A-Z*])",
        re.IGNORECASE,
    )


def _bare_nouns(*, weak: bool) -> str:
    """Return the nouns after which a value may follow without a copula, as in Chinese, Hindi and Turkish."""
    names = ("result",) if weak else ("answer",)
    languages = [x for x in LANGUAGES if x.code in {"zh", "hi", "fa", "tr", "hu"}]
    return "|".join(getattr(language, name) for language in languages for name in names)


@cache
def choice_pattern() -> re.Pattern[str]:
    """Return the pattern of a verb that chooses an option; what is chosen follows it.

    Example:
        >>> choice_pattern().search("我選擇 B").end()
        4
    """
    return re.compile(rf"(?:{_any_of(_join('choose'))}){_MARKS}{_SPACE}(?:option|choice)?[:：]?{_SPACE}", re.IGNORECASE)


@cache
def doubt_pattern() -> re.Pattern[str]:
    """Return the pattern of words that make a statement no answer: "perhaps", "I do not know".

    Example:
        >>> bool(doubt_pattern().search("It might be 12.")), bool(doubt_pattern().search("It is 12."))
        (True, False)
    """
    return _words("doubt")


@cache
def contrast_pattern() -> re.Pattern[str]:
    """Return the pattern of a denied option and the word that puts another one in its place: "not A but".

    Example:
        >>> contrast_pattern().search("It is not A but B.").end()
        16
    """
    words = "but(?: rather)?|sondern|sino|mais(?: (?:la|bien))?|mas|ma|maar|utan|ale|а|而是|而為|而为"
    return re.compile(
        rf"(?:{denial_pattern().pattern}){_SPACE}(?:(?:option|choice|the|la|die){_SPACE})?\(?(?-i:[A-Z])\)?{_SPACE}[,，、]?{_SPACE}(?:{words}){_SPACE}",
        re.IGNORECASE,
    )


@cache
def denial_pattern() -> re.Pattern[str]:
    """Return the pattern of words that deny the value after them: "not 5".

    Example:
        >>> bool(denial_pattern().match("not 5")), bool(denial_pattern().match("nothing"))
        (True, False)
    """
    return _words("denial")


def _words(field: str) -> re.Pattern[str]:
    """Return the pattern of the words of a field, whole words in scripts that separate them."""
    words = _alternatives(_join(field))
    separated = [word for word in words if re.match(r"[a-zà-öø-ÿα-ωа-яіїєё(]", word)]
    others = [word for word in words if word not in separated]
    apart = rf"\b(?:{_any_of('|'.join(separated))})(?![^\W\d_])"
    return re.compile(rf"{apart}|{_any_of('|'.join(others))}", re.IGNORECASE)


@cache
def ending_pattern() -> re.Pattern[str]:
    """Return the pattern of a verb at the end of a sentence that announces an answer.

    Example:
        >>> ending_pattern().sub("", "12です")
        '12'
    """
    return re.compile(rf"(?:{_join('ending')})[.。\u0964]?$")


@cache
def courtesy_pattern() -> re.Pattern[str]:
    """Return the pattern of the beginning of a last sentence that says nothing of the answer: "Hope this helps!".

    Example:
        >>> bool(courtesy_pattern().match("Hope this helps!")), bool(courtesy_pattern().match("I hope so."))
        (True, False)
    """
    return re.compile(rf"[*_\s]{{0,4}}(?:{_any_of(_join('courtesy'))})", re.IGNORECASE)


@cache
def right_pattern() -> re.Pattern[str]:
    """Return the pattern of what says, at the end of a sentence, that the option before it is the answer.

    Example:
        >>> right_pattern().sub("", "Option B is correct.")
        'Option B'
    """
    return _predicate("right")


MAX_PREDICATE_CHARS = 100
"""Characters at the end of a sentence in which `wrong_pattern` matches, if it matches at all."""


@cache
def wrong_pattern() -> re.Pattern[str]:
    """Return the pattern of what says, at the end of a sentence, that the value before it is not the answer.

    Example:
        >>> bool(wrong_pattern().search("42 is wrong.")), bool(wrong_pattern().search("41 is wrong, it is 42."))
        (True, False)
    """
    return _predicate("wrong")


def _predicate(field: str) -> re.Pattern[str]:
    """Return the pattern of the words of a field at the end of a sentence."""
    separated = "|".join(getattr(x, field) for x in LANGUAGES if x.code not in {"zh", "ja", "ko"} and getattr(x, field))
    joined = "|".join(getattr(x, field) for x in LANGUAGES if x.code in {"zh", "ja", "ko"})
    return re.compile(
        rf"{_MARKS}[\s,]{{0,3}}(?:\b(?:{_any_of(separated)})|{_any_of(joined)})[\s.!*。]{{0,3}}$", re.IGNORECASE
    )


def may_doubt_or_deny(text: str) -> bool:
    """Return False only if no word of doubt or denial, and nothing that says "is wrong", is in a text; much faster.

    Example:
        >>> may_doubt_or_deny("It is 42."), may_doubt_or_deny("It is not 42.")
        (False, True)
    """
    return not text.isascii() or _doubt_hints().search(text.lower()) is not None


@cache
def _doubt_hints() -> re.Pattern[str]:
    """Return the pattern of the ASCII texts with which doubts and denials begin; case does not count."""
    words = [word for field in ("doubt", "denial", "wrong") for word in _alternatives(_join(field))]
    starts = {start.replace("ı", "i") for word in words for start in _literal_starts(word)[0]}  # equal without case
    return re.compile(_any_of("|".join(re.escape(start) for start in sorted(starts) if start.isascii())))


def answer_nouns() -> str:
    """Return the nouns that announce an answer, as alternatives of a regular expression."""
    return _join("answer")


def may_announce(text: str) -> bool:
    """Return False only if no language announces an answer in a text; much faster than the patterns.

    Example:
        >>> may_announce("2 + 2 = 4"), may_announce("The answer is 4.")
        (False, True)
    """
    if not text.isascii():
        return True
    return _announcement_hints().search(text.lower()) is not None


@cache
def _announcement_hints() -> re.Pattern[str]:
    return re.compile(_any_of("|".join(_ASCII_HINTS)))


_ASCII_HINTS = ("answer", "result", "solution", "option", "choice", "letter", "opcion", "alternativa", "antwo", "repons", "respuesta", "respost", "rispost", "soluzione",
                "losung", "ergebnis", "oplossing", "svar", "vastaus", "odpov", "odpowied", "jawaban", "hasil", "cevap", "wynik",
                "tulos", "raspuns", "rezultat", "solucion", "solucao")  # fmt: skip
