"""Messages that are opt-outs, may be, or are not; and how a message says how to opt out."""

# ruff: noqa: RUF001  letters of many languages look like those of another

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.consent.opt_out import Meaning, meaning_of, opt_out_line_of, with_leave_link, with_opt_out_line
from campaign.opt_out_words import ALONE, BEGINNINGS, DEFAULT, REFUSALS

WORDS = ["stop", "arrêt", "opt out", "unsubscribe", "unsubscribe me", "abonelikten çık", "停止"]
ALL = frozenset(word for words in DEFAULT.values() for word in words)
LINE = "Reply STOP to get no more messages."


@pytest.mark.parametrize(
    "text",
    [
        "stop",
        "STOP!",
        "stop.",
        " \n'Stop'\n",
        "🛑 STOP ❤️",
        "❤️stop",
        "**stop**",
        "__stop__",
        "« arrêt »",
        "Arret",
        normalize("NFD", "ARRÊT"),
        "ＳＴＯＰ",
        "𝐒𝐓𝐎𝐏",
        "st\u200bop",
        "please\u200bstop",
        "S.T.O.P.",
        "s t o p it please",
        "stoooop",
        "ST0P",
        "5top",
        "$TOP it",
        "STOPSTOP",
        "ѕtop",
        "ЅТОР",
        "ꜱᴛᴏᴘ",
        "🅂🅃🄾🄿",
        "🆂🆃🅾🅿",
        "🇸🇹🇴🇵",
        "🇸 🇹 🇴 🇵",
        "@STOP",
        "STOP2END",
        "stopplease",
        "opt out",
        "Opt-out, please",
        "OPTOUT",
        "opt\n\nout",
        "unsubscribe me",
        "un-subscribe",
        "Abonelikten ÇIK!",
        "停止。",
        "Stop by our shop",
        "stop/quit",
        "stop-it",
        "Stop\nwriting to me",
        "please stop",
        "Hello there. Could you stop?",
        "@acme STOP",
        "@acme_shop @other please, stop",
        "no, stop",
    ],
)
def test_a_listed_word_in_a_short_message_opts_out(text: str) -> None:
    assert meaning_of(text, WORDS) is Meaning.OPT_OUT


@pytest.mark.parametrize(
    "text",
    [
        "QUIT",
        "Cancel.",
        "end, thanks",
        "Don't message me again",
        "do not contact me",
        "Leave me alone!!",
        "not interested",
        "Hi, please unsubscribe me",
        "I unsubscribed already",
        "Bitte abmelden",
        "Bitte melden Sie mich ab",
        "Lasst mich in Ruhe",
        "Laissez-moi tranquille",
        "Merci de me désabonner",
        "No quiero recibir más",
        "Por favor, denme de baja",
        "Não quero receber",
        "non scrivetemi più",
        "Geen interesse",
        "nie chcę tego",
        "durdurun lütfen",
        "İPTAL",
        "Больше не пишите",
        "не пишіть мені",
        "δεν θέλω άλλα",
        "من فضلك التوقف",
        "أوقفوا الرسائل",
        "נא להסיר",
        "कृपया बंद करें",
        "jangan kirim lagi",
        "đừng nhắn nữa",
        "ยกเลิกครับ",
        "退订我",
        "请不要再发了",
        "我要退訂",
        "配信停止お願いします",
        "もう送らないでください",
        "수신거부합니다",
        "문자 수신 거부 부탁드려요",
        "그만 보내세요",
        "🛑",
        "⛔️⛔️",
        "🚫 ads",
        "🙅🏽‍♀️",
        "Take me off this thing",
        "no more",
        "enough already",
        "I don't want these",
        "please leave me out of this",
        "pls stahp",
        "st op",
        "STOP!!1",
        "how do I unsubscribe?",
        "how do i opt-out",
        "end this",
        "get lost",
        "don't send me anything",
        "do NOT DM me",
        "quit it",
        "I never signed up for this",
        "I'm done",
        "delete me",
        "no more ads",
        "cut it out",
        "knock it off",
        "shut up",
        "bugger off",
        "unsubscribed",
        "unsubscribing",
        "Opting out now",
        "please don't contact me ever again",
        "not interested thanks",
        "wtf stop",
        "stop, I mean it",
        "I said stop",
        "Please kindly refrain from messaging me",
        "cease",
        "withdraw my consent",
        "I withdraw",
        "revoke consent",
        "no consent",
        "I do not consent",
        "remove from list",
        "unfollow",
        "basta ya",
        "no más",
        "quítame de la lista",
        "no envíen más",
        "ya no quiero",
        "bórrenme",
        "cancelar",
        "BAJA",
        "no me molesten",
        "parem",
        "pare de mandar",
        "sair da lista",
        "me tira da lista",
        "Je ne veux plus recevoir",
        "retirez moi de votre liste",
        "désabonné",
        "foutez-moi la paix",
        "lâchez-moi",
        "ça suffit",
        "hört auf",
        "ich möchte keine Nachrichten mehr",
        "Bitte löschen Sie meine Daten",
        "nerv nicht",
        "kein Bock",
        "abgemeldet",
        "Austragen bitte",
        "lass das",
        "non voglio messaggi",
        "toglietemi",
        "rimuovimi",
        "basta messaggi",
        "stop ermee",
        "haal me van de lijst",
        "uitschrijven aub",
        "proszę przestać",
        "przestańcie",
        "wypisuję się",
        "отпишите меня",
        "уберите меня",
        "не надо",
        "удалите мой номер",
        "СТОП",
        "не пишите",
        "mesaj atmayın",
        "bırakın",
        "beni listeden çıkarın",
        "istemiyorum",
        "الغاء",
        "لا ترسلوا لي",
        "ايقاف",
        "وقف",
        "mat bhejo",
        "band karo",
        "jangan ganggu",
        "stop kirim pesan",
        "配信を止めてください",
        "結構です",
        "やめてください",
        "退会します",
        "解約",
        "取消",
        "别再发了",
        "滚",
        "수신 거부",
        "그만 좀",
        "보내지 마세요",
        "탈퇴",
        "Đừng gửi nữa",
        "huỷ",
        "หยุด",
        "ไม่ต้องส่งมา",
        "🚫",
        "📵",
        "🖕",
        "sluta",
        "avregistrera mig",
        "jag vill inte ha",
        "lad mig være",
        "afmeld mig",
        "ikke send mer",
        "lopettakaa",
        "älä lähetä",
        "přestaňte",
        "nezájem",
        "nechte mě být",
        "leiratkozás",
        "ne küldjenek",
        "elég",
        "nu mai trimiteți",
        "lăsați-mă",
        "не ме занимава",
        "спрете",
        "престаните",
        "prestani",
        "ne šalji",
        "pusti me",
        "להפסיק",
        "די",
        "نمیخوام",
        "বন্ধ করুন",
        "ayaw ko na",
        "tama na",
        "Palun ärge saatke rohkem",
        "Lūdzu, nerakstiet man",
        "Nustokite man rašyti",
        "prosim nehajte",
        "jekk jogħġbok ieqaf",
        "ekki senda mér meira",
    ],
)
def test_refusals_of_many_languages_opt_out(text: str) -> None:
    assert meaning_of(text, ALL) is Meaning.OPT_OUT


@pytest.mark.parametrize(
    "text",
    [
        "don't stop",
        "don’t stop",
        "no",
        "No thanks!",
        "nein danke",
        "Non merci",
        "нет",
        "いいえ",
        "👎",
        "❌",
        "this is spam",
        "ei kiitos",
        "không",
        "nee bedankt",
        "nein",
        "nej tack",
        "nie dziękuję",
        "no gracias",
        "no grazie",
        "non merci",
        "nope",
        "não",
        "spam!!",
        "👎🏽",
        "😡",
        "cancel culture is weird",
        "I will report you",
        "why have you stopped at my name",
        "Please do not ever put me on any sort of email thing or whatever it may be that you run over there",
        "வேண்டாம்",
        "დამანებეთ თავი",
        "გთხოვთ აღარ მომწეროთ",
        "Խնդրում եմ մի գրեք",
        "እባክዎ አይላኩልኝ",
        "નહીં જોઈએ",
        "ਮੈਨੂੰ ਨਹੀਂ ਚਾਹੀਦਾ",
        "ఆపండి",
        "කරුණාකර නවත්වන්න",
        "មិនចង់បានទេ",
        "မလိုချင်ပါ",
        "ບໍ່ຕ້ອງການ",
        "ok, ආයුබෝවන්",
        "The last bus will stop here, and from here it takes five minutes on foot to the shop, as far as I know",
    ],
)
def test_what_may_be_a_no_is_for_a_person_to_decide(text: str) -> None:
    assert meaning_of(text, ALL) is Meaning.UNCLEAR


MAY_BE_A_NO = """
don't ever stop|never stop|could you not|why are you messaging me|who gave you permission to write
I didn't ask for this|I object|forget me|f*** off|Please discontinue these messages|withdraw my permission
unsubscrib|I want out|naw|nty|dnt msg me|schickt mir nichts mehr|hiermit widerrufe ich meine Einwilligung
Kündigung|Abo beenden|es reicht|Ich will nix mehr von euch|je ne veux plus de vos messages|ne me contactez plus
résilier|supprimez mon numéro|j'en ai marre|enlevez-moi|dégagez|no pares|no me vuelvan a escribir
anular suscripción|eliminar|borren mi número|dejadme en paz|para de escribirme|non contattatemi più|disdire
lasciatemi stare|fermatevi|annullare|cancellare|me deixem em paz|exclua meu contato|excluir|stuur niets meer
laat mij met rust|annuleren|verwijder mijn gegevens|kap ermee|genoeg|ik trek mijn toestemming in|dajcie mi spokój
rezygnacja|proszę mnie wypisać|anuluj|brak zainteresowania|перестаньте|удалите|отказываюсь|отмена
оставьте меня в покое|надоели|відстаньте|скасувати|залиште мене|διαγράψτε με|ακύρωση|μην μου στέλνετε|αφήστε με
ilgilenmiyorum|durun|bana yazma|sil|beni silin|avanmäl mig|lägg av|skicka inget mer|det räcker|hold op|fjern mig
slet mig|slutt med dette|fjern meg|peru tilaus|jättäkää minut rauhaan|en ole kiinnostunut|zrušte odběr|neotravujte
vymažte ma|töröljenek|ne írjanak|hagyj békén|vreau să mă dezabonez|nu mai vreau|opriți|ștergeți-mă
nemojte mi slati|obrišite me|ne zanima me|одјава|немојте|премахнете ме|стига|توقفوا|احذفني|مش عايز|غير مهتم|اتركني
پیام ندهید|بس کنید|حذفم کنید|مت بھیجو|ہٹا دیں|תורידו אותי|עזבו אותי|ביטול|हटा दो|रद्द करें|nhi chahiye|থামুন|বাতিল
hapus saya|batalkan|tak minat|ngừng|bỏ đăng ký|ayoko na|alisin mo ako|หยุดเถอะ|รำคาญ|别给我发消息|拒绝|唔好再搵我
拒否|削除してください|お断りします|必要ありません|중단해주세요|거부합니다|구독취소|받고 싶지 않아요|귀찮아요
loobun|nutraukite|peidiwch|mjaft|sitaki|prou|deixeu-me en pau|🔇|🗑️|❎
please stop the messages I am getting from you|pls take me out of this list|leave us alone
enough with the messages|no further messages|not anymore|don't|hard pass|no más por favor|no sigan
stop s'il vous plaît|stop ça|cessez|ne plus contacter|lassen Sie es bleiben|keine Lust|bitte nicht
smetti di scrivermi|non mi scrivete|pare por favor|não perturbe|tira meu nome|geen reclame|stop z wiadomościami
dajcie spokój|перестаньте писать мне|больше не надо|отключить|досить писати|artık yazmayın|durdurun şunu
låt mig vara|stop med det|ikke send|älkää häiritkö|vypněte to|hagyjanak békén kérem|kérem ne írjanak
nu mă deranjați|ne treba mi|не ме безпокойте|μη με ενοχλείτε|רד ממני|לא צריך|لا احتاج|كافي|دست بردار|نیاز ندارم
ज़रूरत नहीं|nako|tidak perlu|sudah jangan|tak payah|thôi đủ rồi|ayaw|ไม่ต้องการแล้ว|เลิกยุ่ง|不必|够了|闭嘴|もう十分|結構
안해요|하지마|merci d'arrêter|no longer interested|ほっといて|di na kailangan|لازم ندارم|nu-mi trebuie
"""


@pytest.mark.parametrize("text", [text for line in MAY_BE_A_NO.split("\n") for text in line.split("|") if text])
def test_what_may_be_a_no_is_never_a_consent(text: str) -> None:
    assert meaning_of(text, ALL) is not Meaning.OTHER


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_an_ending_word_opts_out_alone_and_is_unclear_among_others(beginning: str) -> None:
    assert meaning_of(f"Hello, {beginning}, please!", ["stop"]) is Meaning.OPT_OUT
    assert meaning_of(f"my order {beginning}", ["stop"]) is not Meaning.OTHER


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "🇳🇴 love from Norway",
        "$5 off?",
        "Where is the 7th branch?",
        "exclusive offers please",
        "Прекрасно!",
        "Відмінно!",
        "Bonjour, j'aimerais en savoir plus",
        "Quiero más información",
        "Jag vill veta mer",
        "Chtěl bych více informací",
        "Daha fazla bilgi alabilir miyim?",
        "!",
        "❤️",
        "stopwatch",
        "nonstop fun",
        "opt in",
        "Yes please, tell me more",
        "Do you have size 42 in stock?",
        "I have no idea what size to take, can you help me choose?",
        "Bonjour, avez-vous du stock ?",
        "Können Sie mir mehr Infos schicken?",
        "¿Tienen en color azul?",
        "когда доставка?",
        "请问有货吗",
        "いつ届きますか",
        "그만큼 좋아요",
        "no problem",
        "Pas de souci",
        "没问题",
        "نعم",
        "Hi!",
        "Hello, where is my order?",
        "Thanks so much",
        "yes",
        "ok",
        "sure, sounds great",
        "Can I book a table for two?",
        "Quanto custa?",
        "¿Cuándo llega?",
        "Danke, perfekt",
        "Wann habt ihr offen?",
        "C'est combien ?",
        "J'adore vos produits",
        "Ich liebe es",
        "très bien",
        "Grazie mille",
        "kiedy otwieracie",
        "когда откроетесь",
        "何時に開きますか",
        "可爱",
        "多少钱",
        "얼마예요",
        "ราคาเท่าไร",
        "bao nhiêu tiền",
        "berapa harganya",
        "ne kadar",
        "كم السعر",
        "कितने का है",
        "I love your newsletter",
        "What time do you close?",
        "size M please",
        "I forgot my password",
        "My number is 555 1234",
        "See you at the event",
        "congrats 🎉",
        "do you ship to Norway?",
        "Is this still available?",
        "I bought two",
        "where are you located",
        "great article, retweeting",
        "nice",
        "lol",
        "good night",
        "miten voin tilata",
        "tack så mycket",
        "mange tak",
        "dziękuję bardzo",
        "teşekkürler",
        "спасибо большое",
        "ありがとうございます",
        "谢谢",
        "감사합니다",
        "obrigado",
        "Merci",
        "Interested!",
        "I am interested",
        "tell me more",
        "sign me up",
        "start",
        "subscribe",
        "yes please",
        "I need a stopover in Paris next summer with my family, any recommendations for places to stay?",
    ],
)
def test_other_messages_are_neither(text: str) -> None:
    assert meaning_of(text, ALL) is Meaning.OTHER


SCRIPTS = st.sampled_from(["ა", "Ա", "அ", "ಕ", "ක", "က", "ቀ", "ᓀ"]).flatmap(
    lambda letter: st.text(st.sampled_from([chr(ord(letter) + step) for step in range(3)]), min_size=1, max_size=9)
)


@given(st.lists(SCRIPTS, min_size=1, max_size=12))
def test_a_short_message_in_a_script_without_a_list_is_no_consent(words: list[str]) -> None:
    assert meaning_of(" ".join(words), ALL) is not Meaning.OTHER


def test_a_script_with_a_list_of_its_own_is_read() -> None:
    assert meaning_of("როდის იხსნებით?", ALL) is Meaning.UNCLEAR
    assert meaning_of("როდის იხსნებით?", ALL | {"შეწყვიტეთ"}) is Meaning.OTHER
    assert meaning_of("გთხოვთ შეწყვიტეთ", ALL | {"შეწყვიტეთ"}) is Meaning.OPT_OUT


@pytest.mark.parametrize(
    "text", ["Great ಠ‿ಠ thanks", "時々", "人々へ", "Ωmega 3?", "ﬁne, µm?", "１２３", "Γεια σας", "ツ nice"]
)
def test_a_sign_of_another_script_leaves_an_ordinary_message_one(text: str) -> None:
    assert meaning_of(text, ALL) is Meaning.OTHER


@pytest.mark.parametrize("word", sorted(ALL))
def test_every_word_that_is_set_is_understood(word: str) -> None:
    assert meaning_of(f"“{word.upper()}”!", [word]) is Meaning.OPT_OUT
    assert meaning_of(f"{word}, thanks", [word]) is Meaning.OPT_OUT
    assert meaning_of(f"I ask you: {word}", [word]) is Meaning.OPT_OUT


@pytest.mark.parametrize("words", sorted({*REFUSALS, *ALONE}))
def test_every_refusal_is_understood_alone(words: str) -> None:
    assert meaning_of(f"{words.capitalize()}.", ["stop"]) is Meaning.OPT_OUT


LISTED = st.sampled_from(sorted({*ALL, *REFUSALS}))
SPACES = st.sampled_from([" ", "\n", "  ", "\u3000", ", ", "! "])


@given(st.text(), SPACES, LISTED, SPACES, st.text(), st.sampled_from([str, str.upper, str.title]))
def test_no_text_with_a_listed_word_as_a_word_is_a_consent(
    before: str, space: str, word: str, other_space: str, after: str, written: type[str]
) -> None:
    assert meaning_of(f"{before}{space}{written(word)}{other_space}{after}", ALL) is not Meaning.OTHER


@given(st.text(), st.lists(st.text(max_size=9), max_size=4))
def test_each_text_has_a_meaning(text: str, words: list[str]) -> None:
    assert meaning_of(text, words) in Meaning
    assert meaning_of(f"stop {text}", [*words, "Stop"]) is Meaning.OPT_OUT


def test_a_leave_link_takes_its_place_in_the_line() -> None:
    line = "Reply STOP or open {{leave_link}} to leave."
    assert (
        with_leave_link(line, r"https://a.example/leave?p=\1")
        == r"Reply STOP or open https://a.example/leave?p=\1 to leave."
    )


def test_a_remark_in_the_line_never_goes_out() -> None:
    assert opt_out_line_of("Reply STOP{# agreed with legal #}", with_link=False) == "Reply STOP"


def test_the_line_goes_below_the_text_with_a_blank_line_between() -> None:
    assert with_opt_out_line("Hello\n", f" {LINE}\n", WORDS) == f"Hello\n\n{LINE}"


@pytest.mark.parametrize(
    "text",
    [
        f"Hello. {LINE}",
        "Hello\nReply STOP to opt out",
        "Text “stop” to leave",
        "Répondez par le mot « arrêt » pour ne plus rien recevoir",
        "Antworte mit STOP.",
        "Send OPT OUT",
        "Just reply: **STOP**",
    ],
)
def test_a_text_that_says_how_to_opt_out_stays_as_it_is(text: str) -> None:
    assert with_opt_out_line(text, LINE, WORDS) == text


@pytest.mark.parametrize(
    "text",
    [
        "STOP! Half price today",
        "Reply to this message and we stop by",
        "We never stop. Send us a picture",
        "Reply\nSTOP",
        "Reply when you have a minute, or STOP",
        "Reply STOPWATCH to win one",
        "STOP ends this",
    ],
)
def test_a_text_that_may_mean_something_else_gets_the_line(text: str) -> None:
    assert with_opt_out_line(text, LINE, WORDS) == f"{text}\n\n{LINE}"


@pytest.mark.parametrize(("text", "line"), [("Hello ", ""), ("Hello", " \n"), ("", LINE), (" \n", LINE)])
def test_without_a_line_or_a_text_nothing_is_added(text: str, line: str) -> None:
    assert with_opt_out_line(text, line, WORDS) == text


@given(st.text(), st.text())
def test_the_text_stays_and_the_line_is_added_once(text: str, line: str) -> None:
    once = with_opt_out_line(text, line, WORDS)
    assert once.startswith(text.rstrip())
    assert with_opt_out_line(once, line, WORDS) == once
