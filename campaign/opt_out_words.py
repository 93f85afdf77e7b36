"""The words by which people say that they want no more messages, by language."""

# ruff: noqa: RUF001  letters of many languages look like those of another

from collections.abc import Mapping, Sequence

ALWAYS = "stop"
"""Understood everywhere: no setting takes it away."""
HOME = "en"
"""The language that is always there, be it with that word only."""

# Spaces and hyphens inside a word, accents and capitals make no difference, see campaign.consent.opt_out. All lists
# hold for all people, and a word anywhere in a short message is enough: words that stand in ordinary messages of this
# or another of the languages are left out ("end", "cancel", Spanish "alto", Finnish "seis", Turkish "ret", Danish
# "stands", Vietnamese "dừng", which is "đúng" without its accents).
DEFAULT: dict[str, tuple[str, ...]] = {
    "en": ("stop", "stopall", "unsubscribe", "unsubscribe me", "opt out", "optout", "opt me out", "remove me"),
    "fr": ("stop", "arrêt", "arrêter", "arrêtez", "désabonner", "désinscrire", "désinscription", "me désabonner"),
    "de": ("stop", "stopp", "abmelden", "abbestellen", "austragen", "aufhören", "aufhoeren", "abmeldung"),
    "nl": ("stop", "stoppen", "afmelden", "uitschrijven", "opzeggen"),
    "es": ("stop", "baja", "darme de baja", "cancelar suscripción", "no más mensajes", "desuscribir"),
    "ca": ("stop", "baixa", "donar-me de baixa", "no més missatges"),
    "it": ("stop", "basta", "disiscrivimi", "cancellami", "annulla iscrizione"),
    "pt": ("stop", "parar", "pare", "sair", "descadastrar", "cancelar inscrição", "cancelar subscrição"),
    "ro": ("stop", "dezabonare", "dezabonează-mă", "opriți mesajele"),
    "pl": ("stop", "wypisz", "wypisz mnie", "rezygnuję", "zrezygnuj"),
    "hu": ("stop", "leiratkozás", "leiratkozom", "iratkozzon le"),
    "sv": ("stop", "stopp", "stoppa", "avsluta", "avregistrera", "avprenumerera"),
    "da": ("stop", "afmeld", "frameld"),
    "nb": ("stop", "stopp", "meld meg av", "avmeld", "avslutt"),
    "fi": ("stop", "lopeta", "lopettakaa", "peruuta", "poista minut"),
    "cs": ("stop", "odhlásit", "odhlaste", "odhlaste mě", "zrušit odběr"),
    "sk": ("stop", "odhlásiť", "odhláste ma", "zrušiť odber"),
    "hr": ("stop", "odjava", "odjavi me", "odjavite me"),
    "tr": ("stop", "durdur", "iptal", "aboneliği iptal et", "abonelikten çık"),
    "el": ("stop", "στοπ", "διαγραφή", "απεγγραφή"),
    "bg": ("stop", "стоп", "отпишете ме", "отпиши ме"),
    "uk": ("stop", "стоп", "відписатися", "відписати", "відпишіть"),
    "ru": ("stop", "стоп", "отписаться", "отписка", "отпишите", "отпиши"),
    "he": ("stop", "הסר", "הסירו אותי", "להסיר", "תפסיקו"),
    "ar": ("stop", "توقف", "قف", "إلغاء الاشتراك", "أوقفوا"),
    "fa": ("stop", "لغو", "لغو اشتراک", "توقف"),
    "hi": ("stop", "रोकें", "बंद करो", "बंद करें", "सदस्यता समाप्त"),
    "bn": ("stop", "বন্ধ করুন", "বন্ধ করো"),
    "id": ("stop", "berhenti", "hentikan", "berhenti berlangganan"),
    "vi": ("stop", "hủy đăng ký", "ngừng gửi", "dừng gửi"),
    "tl": ("stop", "itigil", "tigilan"),
    "th": ("stop", "หยุดส่ง", "ยกเลิก", "เลิกรับ"),
    "ja": ("stop", "ストップ", "停止", "配信停止", "解除", "退会", "停止してください", "配信停止してください"),
    "ko": ("stop", "수신거부", "그만", "중지", "해지"),
    "zh": ("stop", "退订", "退訂", "取消订阅", "取消訂閱", "停止"),
}
# fmt: off
#: Refusals in other words: like the words above, in a short message anywhere; no setting takes them away.
REFUSALS = (
    "don't message", "do not message", "don't text", "do not text", "don't write", "do not write", "don't dm",
    "do not dm", "don't contact", "do not contact", "don't send", "do not send", "don't spam", "no more messages",
    "no more dms", "no more texts", "no more spam", "leave me alone", "take me off", "off your list",
    "off this list", "remove my", "delete my number", "not interested", "want to unsubscribe", "unsub", "unsuscribe",
    "unsubcribe", "unsubscibe", "unscribe", "stpo", "sotp", "opting out", "opted out", "cease and desist",
    "go away",
    "fuck off", "piss off", "lose my number", "quit messaging", "quit sending", "quit texting", "quit writing",
    "keine nachrichten mehr", "keine weiteren nachrichten", "keine werbung", "nicht mehr schreiben",
    "nicht mehr anschreiben",
    "schreib mir nicht", "schreibt mir nicht", "schreiben sie mir nicht", "lass mich in ruhe", "lasst mich in ruhe",
    "lassen sie mich in ruhe", "kein interesse", "nicht interessiert", "meld mich ab", "melde mich ab",
    "melden sie mich ab", "meldet mich ab", "trag mich aus", "tragt mich aus", "tragen sie mich aus", "hör auf",
    "hört auf", "hören sie auf", "aus dem verteiler",
    "plus de messages", "plus de message", "ne m'écrivez plus", "ne m'écris plus", "n'écrivez plus", "ne plus recevoir",
    "plus recevoir", "laissez-moi tranquille", "laisse-moi tranquille", "pas intéressé", "pas intéressée",
    "désabonnez-moi", "désabonne-moi", "désabonnement", "désinscrivez-moi", "retirez-moi", "arrête", "arrêtez",
    "no me escriban", "no me escribas", "no me escriba", "no me envíen", "no me manden", "no me contacten",
    "no quiero más", "no quiero recibir", "no deseo recibir", "no me interesa", "no estoy interesado",
    "no estoy interesada", "déjenme en paz", "déjame en paz", "dame de baja", "denme de baja", "deme de baja",
    "darse de baja", "dejen de", "deja de", "deje de",
    "não quero receber", "não quero mais", "não me envie", "não me envia", "não me mande", "não me escreva",
    "não envie mais", "não tenho interesse", "me deixe em paz", "me remova", "me remove", "me tire",
    "non scrivermi", "non scrivetemi", "non mi scrivere", "non contattatemi", "niente messaggi", "non voglio più",
    "non voglio ricevere", "non mi interessa", "non sono interessato", "non sono interessata", "lasciatemi in pace",
    "lasciami in pace", "smettetela", "smettila", "disiscrivetemi", "cancellatemi",
    "geen berichten", "niet meer schrijven", "schrijf me niet", "laat me met rust", "geen interesse",
    "niet geïnteresseerd", "meld me af", "schrijf me uit", "hou op",
    "nie pisz", "nie piszcie", "nie chcę", "nie jestem zainteresowany", "nie jestem zainteresowana", "proszę nie pisać",
    "skriv inte", "inga fler meddelanden", "inte intresserad", "sluta skriva", "sluta skicka",
    "ikke skriv", "skriv ikke", "ingen flere beskeder", "ingen flere meldinger", "ikke interesseret",
    "ikke interessert", "slutt å", "älä kirjoita", "älkää", "en halua", "ei kiinnosta", "nepište", "nepiš", "nechci",
    "nemám zájem", "neposílejte", "mesaj atma", "mesaj atmayın", "mesaj göndermeyin", "mesaj istemiyorum",
    "istemiyorum", "yazmayın", "rahatsız etmeyin", "nu-mi mai scrieți", "nu vreau", "ne írj", "ne írjon", "nem kérek",
    "не пишите", "не пиши", "больше не", "не хочу", "не присылайте", "не отправляйте", "отстаньте", "отстань",
    "не интересно", "не интересует", "хватит", "прекратите", "не пишіть", "більше не", "не надсилайте", "припиніть",
    "μην στέλνετε", "μη μου στέλνετε", "δεν θέλω", "σταματήστε", "μην μου γράφετε",
    "لا ترسل", "لا ترسلوا", "لا تراسلوني", "لا أريد", "لا اريد", "كفى", "اتركوني", "نمی‌خواهم", "ارسال نکنید",
    "לא לשלוח", "אל תשלחו", "אל תכתבו", "לא מעוניין", "לא מעוניינת", "די להודעות",
    "मत भेजो", "मत भेजें", "नहीं चाहिए", "संदेश न भेजें", "পাঠাবেন না", "jangan kirim", "jangan hubungi",
    "tidak tertarik", "tidak mau", "đừng nhắn", "đừng gửi", "không quan tâm", "huwag na",
    "ไม่ต้องส่ง", "อย่าส่ง", "เลิกส่ง", "ไม่สนใจ",
    "やめて", "止めて", "送らないで", "連絡しないで", "興味ありません", "興味がありません", "不要です",
    "いりません",
    "要りません", "送信しないで", "もう結構", "迷惑",
    "보내지 마", "보내지마", "연락하지 마", "연락하지마", "관심 없", "관심없",
    "필요 없", "필요없", "싫어요", "싫습니다",
    "别发", "别再",
    "不要再", "不要发", "不要發", "別發", "別再", "勿扰", "勿擾", "不感兴趣", "不感興趣", "没兴趣",
    "沒興趣", "不需要", "不想收到", "拒收", "拉黑", "屏蔽", "取消关注",
    "leave me out", "stahp", "get lost", "never signed up", "didn't sign up", "did not sign up", "delete me",
    "no more ads", "cut it out", "knock it off", "shut up", "bugger off", "unsubscribing", "refrain from",
    "withdraw my consent", "i withdraw", "revoke consent", "revoke my consent", "no consent", "do not consent",
    "don't consent", "remove from", "unfollow", "quit it", "enough already", "don't want this", "don't want these",
    "don't want any", "don't want your", "do not want this", "do not want these", "do not want any",
    "do not want your", "leave me be", "off the list", "never again", "back off", "go to hell",
    "löschen sie meine", "löscht meine", "lösche meine", "löscht mich", "lösch mich", "löschen sie mich",
    "nerv nicht", "nervt nicht", "kein bock", "abgemeldet", "lass das", "lasst das", "lassen sie das",
    "hör damit auf", "hört damit auf", "streicht mich", "streich mich",
    "désabonne", "désabonné", "désinscris", "foutez-moi la paix", "fous-moi la paix", "fichez-moi la paix",
    "lâchez-moi", "lâche-moi", "ça suffit", "supprimez-moi", "ne m'envoyez plus", "n'envoyez plus",
    "quítame", "quítenme", "quíteme", "no envíen", "no envíe", "no me molesten", "no me molestes", "no me moleste",
    "ya no quiero", "bórrenme", "bórrame", "bórreme", "elimínenme", "elimíname", "sáquenme", "sácame",
    "no me mandes", "no me escribas más",
    "parem", "me tira", "me tirem", "tire-me", "remova-me", "retire-me", "descadastre", "descadastrem",
    "não me mandem", "não mande mais",
    "toglietemi", "toglimi", "rimuovimi", "rimuovetemi", "non voglio messaggi", "eliminatemi", "eliminami",
    "non mandatemi", "non mandarmi",
    "haal me", "haal mij", "verwijder me", "verwijder mij", "hou ermee op", "geen berichten meer",
    "przestań", "przestańcie", "przestać", "wypisuję się", "wypiszcie", "usuńcie mnie", "usuń mnie",
    "proszę przestać", "nie wysyłajcie",
    "vill inte ha", "lämna mig ifred", "ta bort mig", "lad mig være", "ikke send", "la meg være",
    "la meg være i fred", "slett meg", "älä lähetä", "jättäkää rauhaan", "jätä rauhaan", "poistakaa",
    "přestaňte", "přestaň", "nezájem", "nechte mě", "smažte mě", "prestaňte", "nemám záujem", "nechcem",
    "neposielajte", "ne küldjenek", "ne küldj", "ne küldjön", "hagyjanak békén", "hagyj békén", "nem érdekel",
    "nem kérem",
    "nu mai trimiteți", "nu mai trimite", "nu-mi mai trimiteți", "lăsați-mă", "lasă-mă", "nu mă interesează",
    "ștergeți-mă",
    "prestani", "prestanite", "ne šalji", "ne šaljite", "pusti me", "pustite me", "ne želim", "престани",
    "престаните", "не шаљите", "спрете", "спри", "не ме занимава", "не желая", "не искам",
    "уберите меня", "убери меня", "удалите мой", "удалите меня", "не надо", "не беспокойте", "не присылай",
    "отвалите", "исключите меня", "видаліть мене", "не треба", "не турбуйте", "αφήστε με ήσυχο", "αφήστε με ήσυχη",
    "bırakın", "bırak", "listeden çıkarın", "listeden çıkar", "beni çıkarın", "beni çıkar", "çıkmak istiyorum",
    "rahatsız etme",
    "إيقاف", "ايقاف", "أوقف", "لا ترسلي", "مزعج", "نمیخوام", "نمی‌خوام", "نمیخواهم", "مزاحم نشوید", "بند کرو",
    "بند کریں", "نہیں چاہیے", "להפסיק", "תפסיק", "אל תשלח", "תמחקו אותי",
    "mat bhejo", "band karo", "nahi chahiye", "mat karo", "jangan ganggu", "tidak usah", "gak mau", "ga mau",
    "nggak mau", "tak nak", "jangan hantar", "ayaw ko na", "tama na", "huwag nyo", "không nhận", "đừng làm phiền",
    "hủy nhận", "ไม่เอา", "ไม่รับ", "พอแล้ว",
    "lõpetage", "ärge kirjutage", "ära kirjuta", "ärge saatke", "ära saada", "eemaldage mind", "ei soovi enam",
    "pārtrauciet", "beidziet", "nerakstiet", "nesūtiet", "nevēlos", "atrakstīties",
    "nustokite", "nerašykite", "neberašykite", "nesiųskite", "nebesiųskite", "atsisakau", "nenoriu",
    "prenehajte", "nehajte", "ne pišite", "ne pošiljajte", "odjavite", "ieqaf", "ieqfu",
    "hættið", "hættu að", "ekki senda", "ndaloni", "mos dërgoni", "mos më shkruani", "ez idatzi", "ez bidali",
    "dayandırın", "göndərməyin", "yazmayın",
    "解約", "受け取りたくない", "配信不要", "もういい", "取消推送", "删除我", "刪除我", "退定", "탈퇴", "그만해",
    "보내지 말", "하지 마세요",
)
#: Beginnings of words that end something or push away: alone an opt-out, in a short message a doubt.
BEGINNINGS = (
    "cancel", "unsub", "discontinu", "desist", "withdraw", "revok", "uninterest", "unsolicit", "beend", "kündig",
    "gekündig", "widerruf", "widerrief", "widersprech", "widerspruch", "verpiss", "verschwind", "unterlass",
    "stopp", "aufhör", "abbestell", "abmeld", "austrag", "ausgetrag", "résili", "annul", "supprim", "enlev",
    "dégag", "désabonn", "désinscri", "desuscri", "borrar", "borren", "bórrame", "elimin", "detene", "deténg",
    "anular", "anulati", "anulez", "anuluj", "anulow", "disiscri", "disdir", "disdic", "disdett", "smett",
    "descadastr", "exclua", "excluir", "verwijder", "ophoud", "opzeg", "afmeld", "uitschrij", "intrek", "wypis",
    "rezygn", "zrezygn", "usuń", "usuw", "odczep", "odwal", "spadaj", "przesta", "отпис", "отпиш", "удали", "удаля",
    "прекрат", "прекращ", "перестан", "отстан", "отвал", "отвяж", "отказ", "откаж", "отмена", "отмену", "отмени",
    "отменя", "надоел", "відпис", "відпиш", "видали", "видаля", "припин", "відстаньт", "відмов", "відмініт",
    "відмінит", "скасу", "σταματ", "διαγρα", "διέγρα", "απεγγραφ", "ακυρω", "durdur", "ilgilenmi", "istemi",
    "silin", "avanmäl", "avregistr", "avprenum", "avslut", "avbryt", "frameld", "opsig", "afbestil", "slett",
    "poista", "poistu", "lopet", "peruut", "kiinnostunu", "zruš", "odhla", "vymaž", "smaž", "neotrav", "neobtěž",
    "obtěž", "odmít", "leiratkoz", "iratkoz", "töröl", "törlés", "hagyj", "abbahagy", "dezabon", "opriți",
    "oprește", "opresc", "înceta", "șterge", "odjav", "obriš", "izbriš", "prekin", "prestan", "nemoj", "одјав",
    "обриш", "избриш", "прекин", "престан", "немој", "премахн", "изтри", "отписв", "توقف", "اوقف", "الغاء", "الغي",
    "الغو", "احذف", "ازعاج", "اترك", "سيبون", "תסיר", "הסיר", "תוריד", "הפסיק", "תפסיק", "תעזב", "תמחק", "תבטל",
    "berhenti", "henti", "hapus", "nyahlanggan", "tigil", "itigil", "tühista", "loobu", "atsisak", "nutrauk",
    "nustok", "atrakst", "pārtrauc", "preneha", "peidiw", "dayandır", "cesse", "toglie", "zaprzesta", "отключ",
    "выпиш", "göndermey", "uğraşma", "vypně", "neruš", "neposíl", "zaklass", "vypíš", "odepiš",
)
#: Opt-outs if the whole message, apart from courtesies, says no more than this; elsewhere a doubt.
ALONE = (
    "end", "cancel", "quit", "revoke", "remove", "delete", "enough", "exit", "leave", "off", "arret", "fin", "fini",
    "annuler", "ende", "schluss", "raus", "löschen", "weg", "einde", "alto", "cancelar", "salir", "para", "paren",
    "annulla", "esci", "chega", "koniec", "slut", "sluta", "slutt", "seis", "konec", "dost", "dosť", "kraj", "ret",
    "çık", "dur", "yeter", "τέλος", "конец", "кінець", "досить", "довольно", "край", "סוף", "די", "كفاية", "إلغاء",
    "بس", "বন্ধ", "batal", "dừng", "hủy", "tigil", "หยุด", "พอ", "td", "t", "退", "停", "不要", "終了", "やめ",
    "いらない", "結構です", "取消", "滚", "滾", "거절", "취소", "no more", "end this", "i'm done", "cease",
    "no más", "assez", "elég", "φτάνει", "αρκετά", "halt", "mute", "genug", "reicht", "es reicht", "genoeg",
    "kappen", "basta", "suficiente", "fuera", "fermati", "fermatevi", "dość", "dosyć", "nok", "räcker", "riittää",
    "állj", "destul", "gata", "dosta", "доста", "стига", "prou", "mjaft", "durun", "yeter artık", "خلاص", "بسه",
    "מספיק", "ביטול", "לבטל", "הפסק", "मत", "बंद", "बन्द", "बस", "बस करो", "roko", "cukup", "sudah cukup", "keluar",
    "ngừng", "ngưng", "thôi", "thôi đi", "ayoko", "ayoko na", "เลิก", "พอเถอะ", "ลบ", "滚开", "滾開", "回复t",
    "回复td", "注销", "註銷", "削除", "拒否", "중단", "거부", "삭제", "스톱", "khalas", "stad", "kifaya", "udah",
    "padam", "acha", "acheni", "hapana", "moenie", "utzi", "geldi", "ndal", "pass", "hard pass", "كافي", "烦", "煩",
    "結構",
)
#: With these in a short message it may be an opt-out.
DOUBTS = (
    "spam", "scam", "harass", "harassment", "harassing", "annoying", "block", "blocked", "blocking", "report",
    "reported", "reporting", "stops", "stopped", "stopping", "cease", "quit", "cancel", "revoke", "remove",
    "delete", "enough", "gdpr", "rgpd", "dsgvo", "illegal", "lawyer", "belästigung", "blockiere", "blockieren",
    "harcèlement", "signaler", "bloquer", "acoso", "molestar", "molesten", "bloquear", "denunciar", "segnalare",
    "bloccare", "спам", "заблокирую", "жалоба", "スパム", "ブロック", "通報", "스팸", "차단", "신고", "骚扰",
    "騷擾", "举报", "檢舉", "halt", "mute", "object", "forget me", "be forgotten", "erase", "want out",
    "let me out", "lose this", "had enough", "fed up", "f off", "ck off", "sod off", "bog off",
    "gave you permission", "gave you my", "get my contact", "got my contact", "get my number", "messaging me",
    "texting me", "contacting me", "writing me", "writing to me", "dming me", "ask for this", "asked for this",
    "msg me", "dnt", "naw", "nuh", "in peace", "in ruhe", "lass mich", "lasst mich", "hau ab", "haut ab", "genug",
    "reicht", "reichts", "en paix", "oubliez-moi", "oublie-moi", "marre", "foutez le camp", "casse-toi",
    "cassez-vous", "me retirer", "stopper", "stoppez", "en paz", "em paz", "deixem-me", "me deixem", "me deixa",
    "tranquilo", "tranquila", "para de", "para ya", "parad", "dejad de", "quiten mi", "quita mi", "suficiente",
    "sem interesse", "me exclui", "in pace", "lasciatemi", "lasciami", "vattene", "andatevene", "recedo", "recesso",
    "remova meu", "váyanse", "váyase", "mijn toestemming", "met rust", "schrijf mij", "meld mij", "houd op",
    "hou hiermee op", "kap ermee", "kappen", "rot op", "donder op", "flikker op", "genoeg", "ik zeg op", "spokój",
    "spokoju", "zostaw mnie", "zostawcie mnie", "brak zainteresowania", "dość", "dosyć", "в покое", "оставь меня",
    "оставьте меня", "из рассылки", "достали", "нахуй", "нафиг", "отвянь", "закончите", "prekid", "terminați",
    "toxtat", "istəmirəm", "çıkar", "xoá", "залиште мене", "в спокої", "αφήστε με", "άσε με", "παρατήστε",
    "bana yazma", "mesaj gönderme", "listeden", "yeter", "kesin artık", "sluta", "inga fler", "inget mer",
    "ta bort", "ej intresserad", "inget intresse", "lämna mig", "i fred", "lägg av", "säg upp", "säga upp",
    "det räcker", "helvete", "hold op", "fjern mig", "slet mig", "slet mine", "nok nu", "er nok", "slutt",
    "fjern meg", "rauhaan", "riittää", "peru tilaus", "pokoj", "na pokoji", "dost", "békén", "elég", "ne írj",
    "ne írjanak", "ne írjatok", "ne keressenek", "ne keress", "nu doresc", "nu mai", "nu sunt interesat",
    "scoateți-mă", "destul", "ne zanima", "nisam zainteresiran", "nisam zainteresirana", "na miru", "ostavi me",
    "ostavite me", "dosta", "на мира", "на миру", "оставете ме", "стига", "доста", "en pau", "deixa de", "deixeu",
    "déixame", "nuk dua", "sitaki", "usiniandikie", "los my", "ما ابي", "ما ابغى", "ما بدي", "مش عايز", "مش عاوز",
    "بطل", "بطلوا", "لست مهتم", "غير مهتم", "مش مهتم", "شيلوني", "سيبني", "خلاص", "ندهید", "ندید", "نده", "نکنید",
    "نکن", "نفرست", "نفرستید", "مزاحم", "بسه", "بس کنید", "بس کن", "قطع کن", "قطع کنید", "حذف", "حذفم",
    "علاقه ندارم", "مت", "نہ کریں", "ہٹا", "تنگ", "מספיק", "עזבו", "עזוב", "ביטול", "לבטל", "בטלו", "בטל", "מחקו",
    "מחק", "नहीं चाहिये", "हटाओ", "हटा दो", "हटाइए", "रद्द", "बन्द करो", "बस करो", "roko", "bandh karo", "mat bhejna",
    "nhi chahiye", "nahin chahiye", "hata do", "ruk jao", "থামুন", "থামো", "বাতিল", "bondho", "ga minat",
    "gak minat", "nggak minat", "tak minat", "tak berminat", "tak mahu", "cukup", "batalkan", "ngừng", "ngưng",
    "xóa tôi", "bỏ đăng ký", "ayoko", "ayaw ko", "wag na", "wag mo", "wag kayo", "hindi interesado",
    "hindi ako interesado", "alisin mo", "tanggalin", "หยุด", "รำคาญ", "เลิก", "ลบฉัน", "พอได้แล้ว", "别联系", "別聯絡",
    "别给我", "別給我", "别烦", "別煩", "烦死", "煩死", "拒绝", "拒絕", "唔好", "唔要", "滚", "やめろ",
    "必要ありません", "うざい", "しつこい", "消えろ", "削除", "断り", "断る", "拒否", "중단", "거부", "삭제",
    "취소", "구독취소", "구독해지", "받고 싶지", "됐어요", "됐습니다", "귀찮", "꺼져", "안받을", "받기 싫",
    "말아주세요", "hætta", "hafa samband", "stopiwch", "rhoi'r gorau", "take my name", "out of this", "out of your",
    "leave us", "no longer", "déjenme", "déjeme", "dejadme", "paren", "fin des", "lass es", "lassen sie es",
    "para com", "sem mais", "laat maar", "досить", "låt mig", "lad være", "hold kjæft", "nu-mi", "nu mă",
    "ne treba", "φτάνει", "די כבר", "רד ממני", "مو محتاج", "فكونا", "دست بردار", "rehne do", "chhodo", "tak perlu",
    "tak payah", "đủ rồi", "làm phiền", "di na", "di ko", "算了", "不必", "不想", "够了", "夠了", "闭嘴", "閉嘴",
    "唔使", "もう十分", "ほっといて", "うるさい", "하지마", "시끄러",
)
#: Words for no: a message of a few words with one may be an opt-out, a longer one with one of `MESSAGES` too.
NO = (
    "no", "nope", "nah", "naw", "not", "nichts", "nix", "niets", "niks", "rien", "nada", "μη", "μην", "δε", "dont",
    "never", "non", "pas", "jamais", "nein", "nicht", "kein", "keine", "keinen", "nie", "niemals", "nee", "niet",
    "geen", "nunca", "jamás", "niente", "não", "nem", "nej", "nei", "inte", "ikke", "ei", "älä", "nechci", "hayır",
    "yok", "değil", "όχι", "δεν", "нет", "не", "ні", "никогда", "לא", "אל", "لا", "ليس", "نه", "नहीं", "मत", "না",
    "tidak", "jangan", "không", "đừng", "huwag", "ไม่", "อย่า", "いいえ", "いや", "ない", "아니", "안", "마세요",
    "不要", "不用", "不行", "勿", "ندارم", "نمیخوام", "নেই", "nggak", "gak", "enggak", "ndak", "hindi", "ayaw",
    "wag", "nako",
)
#: With a word for no, and no doubt.
NOT_NO = (
    "no problem", "no worries", "no idea", "no rush", "why not", "not yet", "not sure", "not bad", "kein problem",
    "keine ahnung", "keine sorge", "noch nicht", "pas de problème", "pas de souci", "pas mal", "sin problema",
    "no hay problema", "por qué no", "sem problema", "nessun problema", "non vedo l'ora", "geen probleem",
    "nie ma problemu", "inga problem", "ingen problem", "intet problem", "ei haittaa", "není problém", "sorun değil",
    "нет проблем", "не за что", "ще не", "لا مشكلة", "אין בעיה", "tidak apa", "không sao", "ไม่เป็นไร",
    "問題ない", "没问题", "沒問題", "不错", "不錯", "괜찮",
)
#: Words for no in some languages that are ordinary ones in others: a doubt if the message says no more.
NO_ALONE = ("ne", "en", "nu", "na", "n", "nty", "red", "sil", "kes", "la2", "ty no")
MESSAGES = (
    "message", "messages", "messaging", "msg", "msgs", "text", "texts", "texting", "write", "writing", "contact",
    "contacting", "contacted", "dm", "dms", "email", "emails", "mail", "sms", "ads", "promo",
    "promotions", "newsletter",
    "nachricht", "nachrichten", "schreib", "schreiben", "schreibt", "kontakt", "kontaktieren", "werbung", "anschreiben",
    "écrire", "écrivez", "contacter", "contactez", "publicité", "pub", "mensaje", "mensajes", "escribir", "escriban",
    "contactar", "publicidad", "messaggio", "messaggi", "scrivere", "scrivete", "pubblicità", "mensagem", "mensagens",
    "escrever", "propaganda", "bericht", "berichten", "schrijven", "reclame", "wiadomości", "pisać", "meddelande",
    "meddelanden", "skriv", "besked", "beskeder", "melding", "meldinger", "viesti", "viestejä", "zprávy", "psát",
    "mesaj", "mesajlar", "yazma", "yazmayın", "μήνυμα", "μηνύματα", "сообщения", "сообщение", "писать", "пишите",
    "рассылка", "рассылку", "повідомлення", "הודעות", "رسائل", "رسالة", "پیام", "संदेश", "pesan", "tin nhắn", "ข้อความ",
    "メッセージ", "送信", "送ら", "連絡", "配信",
    "메시지", "문자", "연락", "보내", "消息", "信息", "短信", "私信", "联系", "聯繫",
)
#: In a short message with a word for no: not again, no more.
AGAIN = (
    "again", "anymore", "any more", "any longer", "mehr", "plus", "jamais", "más", "nunca", "più", "mais", "meer",
    "mer", "fler", "mere", "flere", "więcej", "znowu", "už", "viac", "többet", "többé", "mai", "više", "enää",
    "больше", "більше", "повече", "више", "πια", "άλλο", "artık", "daha", "עוד", "יותר", "بعد", "تاني", "دیگه",
    "दोबारा", "फिर", "lagi", "nữa", "ulit", "อีก", "もう", "再", "더", "다시",
)
#: Skipped before the first word that counts.
COURTESIES = (
    "hi", "hello", "hey", "dear", "please", "pls", "plz", "kindly", "sorry", "thanks", "thank", "you", "thx", "ok",
    "okay", "good", "morning", "day", "evening", "sir", "madam", "team", "just", "and", "now", "can", "could",
    "would", "i", "want", "to", "wish", "id", "like", "hallo", "guten", "tag", "bitte", "danke", "liebe", "lieber",
    "moin", "ich", "möchte", "will", "mich", "bonjour", "salut", "bonsoir", "svp", "stp", "merci", "je", "veux",
    "voudrais", "hola", "buenos", "días", "buenas", "por", "favor", "gracias", "quiero", "ciao", "buongiorno",
    "salve", "per", "favore", "grazie", "voglio", "vorrei", "olá", "oi", "bom", "dia", "obrigado", "obrigada",
    "quero", "goedendag", "alstublieft", "aub", "graag", "bedankt", "dzień", "dobry", "proszę", "cześć", "hej",
    "tack", "snälla", "tak", "venligst", "takk", "hei", "kiitos", "prosím", "ahoj", "díky", "merhaba", "lütfen",
    "teşekkürler", "γεια", "παρακαλώ", "здравствуйте", "привет", "пожалуйста", "прошу", "спасибо", "привіт", "будь",
    "ласка", "שלום", "בבקשה", "مرحبا", "السلام", "عليكم", "من", "فضلك", "رجاء", "नमस्ते", "कृपया", "halo", "tolong",
    "mohon", "xin", "chào", "vui", "lòng", "สวัสดี", "กรุณา", "你好", "您好", "请", "請", "こんにちは", "すみません",
    "안녕하세요", "제발", "děkuji", "ďakujem", "köszönöm", "köszi", "mulțumesc", "hvala", "хвала", "благодаря",
    "ευχαριστώ", "дякую", "شكرا", "مرسی", "תודה", "धन्यवाद", "terima", "kasih", "salamat", "cảm", "ơn",
)
# fmt: on


def completed(named: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The default lists, each language that is named replaced by its own; an empty list takes the language away.

    What is left of a list begins with "stop", and the list of English is always there.
    """
    lists = {**DEFAULT, **{_plain(language): words for language, words in named.items()}}
    kept = {language: [word for word in map(_plain, words) if word] for language, words in lists.items()}
    return {
        language: list(dict.fromkeys([ALWAYS, *words])) for language, words in kept.items() if words or language == HOME
    }


def _plain(word: str) -> str:
    return word.strip().casefold()
