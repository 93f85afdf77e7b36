"""The words by which people say that they want no more messages, by language."""

from collections.abc import Mapping, Sequence

ALWAYS = "stop"
"""Understood everywhere: no setting takes it away."""
HOME = "en"
"""The language that is always there, be it with that word only."""

# Spaces and hyphens inside a word, accents and capitals make no difference, see campaign.consent.opt_out. All lists
# hold for everybody, and a message that begins with a word is enough: words that begin ordinary messages in this or
# another of the languages are left out ("end", "cancel", Spanish "alto", Finnish "seis", Turkish "ret",
# Danish "stands").
DEFAULT: dict[str, tuple[str, ...]] = {
    "en": ("stop", "stopall", "unsubscribe", "unsubscribe me", "opt out", "optout", "remove me"),
    "fr": ("stop", "arrêt", "arrêter", "arrêtez", "désabonner", "désinscrire", "désinscription", "me désabonner"),
    "de": ("stop", "stopp", "abmelden", "abbestellen", "austragen", "aufhören", "aufhoeren"),
    "nl": ("stop", "stoppen", "afmelden", "uitschrijven", "opzeggen"),
    "es": ("stop", "baja", "darme de baja", "cancelar suscripción", "no más mensajes"),
    "it": ("stop", "basta", "disiscrivimi", "cancellami", "annulla iscrizione"),
    "pt": ("stop", "parar", "pare", "sair", "descadastrar", "cancelar inscrição", "cancelar subscrição"),
    "pl": ("stop", "wypisz", "wypisz mnie", "rezygnuję", "zrezygnuj"),
    "sv": ("stop", "stopp", "stoppa", "avsluta", "avregistrera", "avprenumerera"),
    "da": ("stop", "afmeld", "frameld"),
    "nb": ("stop", "stopp", "meld meg av", "avmeld", "avslutt"),
    "fi": ("stop", "lopeta", "peruuta", "poista minut"),
    "cs": ("stop", "odhlásit", "odhlaste", "odhlaste mě", "zrušit odběr"),
    "tr": ("stop", "durdur", "iptal", "aboneliği iptal et"),
    "el": ("stop", "στοπ", "διαγραφή", "απεγγραφή"),
    "uk": ("stop", "стоп", "відписатися", "відписати", "відпишіть"),
    "ru": ("stop", "стоп", "отписаться", "отписка", "отпишите"),
    "ja": ("stop", "ストップ", "停止", "配信停止", "解除", "退会", "停止してください", "配信停止してください"),
    "ko": ("stop", "수신거부", "그만", "중지", "해지"),
    "zh": ("stop", "退订", "退訂", "取消订阅", "取消訂閱", "停止"),
    "ar": ("stop", "توقف", "قف", "إلغاء الاشتراك"),
}


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
