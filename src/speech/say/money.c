/* money.c -- the class "money": an amount with a currency's sign or code before or behind it, with
 * its small coin, its magnitude ("$3.5 million", "$1.2M") and what it is paid for ("$5/month"). */
#include "speech/say/say_in.h"

typedef struct money_names {
    const char *one, *many, *cent, *cents; /* NULL: it has no small coin */
    ft_form form;                          /* in Spanish */
} money_names;

typedef struct currency {
    const char *sign; /* before or behind the amount */
    const char *code; /* "USD" */
    money_names names[FT_TONGUES];
} currency;

#define HE  FT_FORM_MASCULINE
#define SHE FT_FORM_FEMININE

/* Longer signs first. */
static const currency currencies[] = {
    { "US$",
      NULL,
      { { "u s dollar", "u s dollars", "cent", "cents", HE },
        { "dólar estadounidense", "dólares estadounidenses", "centavo", "centavos", HE } } },
    { "CA$",
      "CAD",
      { { "canadian dollar", "canadian dollars", "cent", "cents", HE },
        { "dólar canadiense", "dólares canadienses", "centavo", "centavos", HE } } },
    { "C$",
      NULL,
      { { "canadian dollar", "canadian dollars", "cent", "cents", HE },
        { "dólar canadiense", "dólares canadienses", "centavo", "centavos", HE } } },
    { "AU$",
      "AUD",
      { { "australian dollar", "australian dollars", "cent", "cents", HE },
        { "dólar australiano", "dólares australianos", "centavo", "centavos", HE } } },
    { "A$",
      NULL,
      { { "australian dollar", "australian dollars", "cent", "cents", HE },
        { "dólar australiano", "dólares australianos", "centavo", "centavos", HE } } },
    { "NZ$",
      "NZD",
      { { "new zealand dollar", "new zealand dollars", "cent", "cents", HE },
        { "dólar neozelandés", "dólares neozelandeses", "centavo", "centavos", HE } } },
    { "HK$",
      "HKD",
      { { "hong kong dollar", "hong kong dollars", "cent", "cents", HE },
        { "dólar de hong kong", "dólares de hong kong", "centavo", "centavos", HE } } },
    { "S$",
      "SGD",
      { { "singapore dollar", "singapore dollars", "cent", "cents", HE },
        { "dólar de singapur", "dólares de singapur", "centavo", "centavos", HE } } },
    { "MX$",
      "MXN",
      { { "mexican peso", "mexican pesos", "centavo", "centavos", HE },
        { "peso mexicano", "pesos mexicanos", "centavo", "centavos", HE } } },
    { "MN$",
      "M.N",
      { { "mexican peso", "mexican pesos", "centavo", "centavos", HE },
        { "peso", "pesos", "centavo", "centavos", HE } } },
    { "RD$",
      "DOP",
      { { "dominican peso", "dominican pesos", "centavo", "centavos", HE },
        { "peso dominicano", "pesos dominicanos", "centavo", "centavos", HE } } },
    { "COL$",
      "COP",
      { { "colombian peso", "colombian pesos", "centavo", "centavos", HE },
        { "peso colombiano", "pesos colombianos", "centavo", "centavos", HE } } },
    { "AR$",
      "ARS",
      { { "argentine peso", "argentine pesos", "centavo", "centavos", HE },
        { "peso argentino", "pesos argentinos", "centavo", "centavos", HE } } },
    { "CLP$",
      "CLP",
      { { "chilean peso", "chilean pesos", "centavo", "centavos", HE },
        { "peso chileno", "pesos chilenos", "centavo", "centavos", HE } } },
    { "S/",
      "PEN",
      { { "sol", "soles", "centimo", "centimos", HE },
        { "sol", "soles", "céntimo", "céntimos", HE } } },
    { "R$",
      "BRL",
      { { "brazilian real", "brazilian reais", "centavo", "centavos", HE },
        { "real brasileño", "reales brasileños", "centavo", "centavos", HE } } },
    { "$",
      "USD",
      { { "dollar", "dollars", "cent", "cents", HE },
        { "dólar", "dólares", "centavo", "centavos", HE } } },
    { "€",
      "EUR",
      { { "euro", "euros", "cent", "cents", HE },
        { "euro", "euros", "céntimo", "céntimos", HE } } },
    { "£",
      "GBP",
      { { "pound", "pounds", "penny", "pence", HE },
        { "libra", "libras", "penique", "peniques", SHE } } },
    { "¥", "JPY", { { "yen", "yen", NULL, NULL, HE }, { "yen", "yenes", NULL, NULL, HE } } },
    { "₹",
      "INR",
      { { "rupee", "rupees", "paisa", "paise", HE },
        { "rupia", "rupias", "paisa", "paisas", SHE } } },
    { "₩", "KRW", { { "won", "won", NULL, NULL, HE }, { "won", "wones", NULL, NULL, HE } } },
    { "₽",
      "RUB",
      { { "ruble", "rubles", "kopeck", "kopecks", HE },
        { "rublo", "rublos", "kopek", "kopeks", HE } } },
    { "₿",
      "BTC",
      { { "bitcoin", "bitcoin", NULL, NULL, HE }, { "bitcoin", "bitcoins", NULL, NULL, HE } } },
    { "CHF",
      "CHF",
      { { "swiss franc", "swiss francs", "centime", "centimes", HE },
        { "franco suizo", "francos suizos", "céntimo", "céntimos", HE } } },
    { "CN¥", "CNY", { { "yuan", "yuan", NULL, NULL, HE }, { "yuan", "yuanes", NULL, NULL, HE } } },
    { "¢",
      NULL,
      { { "cent", "cents", NULL, NULL, HE }, { "centavo", "centavos", NULL, NULL, HE } } },
};
#define CURRENCIES (sizeof currencies / sizeof *currencies)

typedef struct amount {
    const currency *currency;
    ft_figure figure;
    char sign;             /* '-' before the currency's sign */
    const char *magnitude; /* "million", said before the currency */
    ft_str written_magnitude;
    bool adjective; /* "a $5 bill" */
    ft_str tail;    /* "a-year" of "$1 million-a-year", "plus" */
} amount;

/* ---- reading */

static const currency *by_sign(ft_str text, size_t *len) {
    const currency *best = NULL;
    *len = 0;
    for (size_t i = 0; i < CURRENCIES; i++) {
        if (text.len == 0 || text.at[0] != currencies[i].sign[0]) continue;
        ft_str sign = ft_str_of(currencies[i].sign);
        if (sign.len > *len && ft_str_starts(text, sign)) {
            best = &currencies[i];
            *len = sign.len;
        }
    }
    return best;
}

static const currency *by_code(ft_str text) {
    for (size_t i = 0; i < CURRENCIES; i++)
        if (currencies[i].code && ft_str_is(text, currencies[i].code)) return &currencies[i];
    return NULL;
}

typedef struct suffix_row {
    const char *suffix;
    const char *name[FT_TONGUES];
} suffix_row;

static const suffix_row suffixes[] = {
    { "K", { "thousand", "mil" } },          { "k", { "thousand", "mil" } },
    { "M", { "million", "millones" } },      { "m", { "million", "millones" } },
    { "mm", { "million", "millones" } },     { "MM", { "million", "millones" } },
    { "mn", { "million", "millones" } },     { "mln", { "million", "millones" } },
    { "B", { "billion", "mil millones" } },  { "b", { "billion", "mil millones" } },
    { "bn", { "billion", "mil millones" } }, { "bln", { "billion", "mil millones" } },
    { "T", { "trillion", "billones" } },     { "tn", { "trillion", "billones" } },
};

static const char *suffix_name(const ft_saying *s, ft_str text) {
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (ft_str_is(text, suffixes[i].suffix)) return suffixes[i].name[s->language->tongue];
    return NULL;
}

/* "million-a-year": what stands before "-a-…", "-an-…", "-per-…" and "-plus". */
static ft_str without_tail(ft_str text, ft_str *tail) {
    static const char *const tails[] = { "-a-", "-an-", "-per-", "-plus", NULL };
    *tail = (ft_str){ 0 };
    for (size_t i = 1; i < text.len; i++) {
        size_t len = text.at[i] == '-' ? ft_head_of(ft_str_from(text, i), tails) : 0;
        if (!len ||
            (len == 5 && i + len != text.len && text.at[i + 1] == 'p' && text.at[i + 2] == 'l'))
            continue;
        *tail = ft_str_from(text, i + 1);
        return ft_str_slice(text, 0, i);
    }
    return text;
}

/* Does a noun stand behind that the amount is said of? */
static bool is_of_noun(const ft_saying *s, int ahead) {
    ft_str next = ft_text_at(s, ahead);
    return ft_joined(s, ahead - 1) && next.len > 1 && ft_is_letter(next.at[0]) &&
           !ft_is_function_word(s, next);
}

/* What stands behind the figure in the same token: a sign, a code, a magnitude. */
static bool read_ending(const ft_saying *s, amount *a, ft_str rest) {
    if (rest.len == 0) return true;
    size_t len;
    if (rest.at[0] == '-' && ft_is_magnitude(s, ft_str_from(rest, 1))) { /* $20-million */
        a->written_magnitude = ft_str_from(rest, 1);
        a->adjective = is_of_noun(s, 1); /* "$4.5-million for it" */
        return true;
    }
    if (!a->currency) {
        const char *none = NULL;
        a->currency = by_sign(rest, &len);
        if (a->currency) return len == rest.len;
        a->currency = by_code(rest);
        return a->currency != NULL || none;
    }
    a->magnitude = suffix_name(s, rest);
    return a->magnitude != NULL;
}

static bool read_amount(const ft_saying *s, amount *a, ft_str text) {
    size_t len;
    *a = (amount){ 0 };
    if (text.len && (text.at[0] == '-' || text.at[0] == '+' || ft_str_starts(text, FT_STR("−")))) {
        size_t sign = ft_str_starts(text, FT_STR("−")) ? strlen("−") : 1;
        if (by_sign(ft_str_from(text, sign), &len)) {
            a->sign = text.at[0] == '+' ? '+' : '-';
            text = ft_str_from(text, sign);
        }
    }
    a->currency = by_sign(text, &len);
    text = ft_str_from(text, len);
    if (a->currency && text.len == 0) return false; /* "$" alone */
    if (a->currency && text.len > 2 && text.at[0] == '(' && text.at[text.len - 1] == ')') {
        a->sign = '-'; /* $(0.23): a loss */
        text = ft_str_slice(text, 1, text.len - 2);
    }
    if (a->currency) text = without_tail(text, &a->tail);
    if (!ft_figure_read(&a->figure, text, s->language)) return false;
    return read_ending(s, a, ft_str_from(text, a->figure.len));
}

/* The words behind: a magnitude, a currency's code or sign. Tokens more are counted in `taken`. */
static bool read_words(ft_saying *s, amount *a) {
    size_t len;
    int at = 0;
    if (a->currency && !a->magnitude && !a->written_magnitude.len && ft_joined(s, 0)) {
        ft_str tail = { 0 }, word = without_tail(ft_text_at(s, 1), &tail);
        const char *name = word.len > 1 ? suffix_name(s, word) : NULL;
        size_t dash = ft_str_find(word, '-'); /* $2 billion-worth */
        if (!tail.len && dash + 1 < word.len && ft_is_lower(word.at[dash + 1]) &&
            ft_is_magnitude(s, ft_str_slice(word, 0, dash))) {
            tail = ft_str_from(word, dash + 1);
            word = ft_str_slice(word, 0, dash);
        }
        if (tail.len && !name && ft_is_magnitude(s, word)) a->tail = tail;
        if (name)
            a->magnitude = name;
        else if (ft_is_magnitude(s, word))
            a->written_magnitude = word;
        if (name || a->written_magnitude.len) at = 1;
    }
    bool plain_sign = a->currency && strcmp(a->currency->sign, "$") == 0;
    if ((!a->currency || plain_sign) && ft_joined(s, at)) {
        ft_str word = ft_text_at(s, at + 1);
        const currency *behind = by_code(word);
        if (!behind && !a->currency) {
            behind = by_sign(word, &len);
            if (behind && len != word.len) behind = NULL;
        }
        if (behind) {
            a->currency = behind;
            at++;
        }
    }
    s->taken = (size_t)at + 1;
    return a->currency != NULL;
}

/* ---- saying */

static bool is_zero(ft_str digits) {
    for (size_t i = 0; i < digits.len; i++)
        if (digits.at[i] != '0') return false;
    return true;
}

static void say_coins(ft_saying *s, const money_names *names, ft_str two) {
    bool one = ft_str_is(two, "01");
    while (two.len > 1 && two.at[0] == '0') two = ft_str_from(two, 1);
    s->language->cardinal(s, two, FT_FORM_MASCULINE);
    ft_say(s, one ? names->cent : names->cents);
}

/* "$3.50": whole and small coins. */
static void say_coined(ft_saying *s, const amount *a, const money_names *names) {
    const ft_figure *f = &a->figure;
    bool coins = !is_zero(f->fraction), whole = !is_zero(f->digits) || !coins;
    if (whole) {
        s->language->cardinal(s, f->digits, names->form);
        ft_say(s, ft_str_is(f->digits, "1") ? names->one : names->many);
    }
    if (whole && coins) ft_say(s, ft_is_english(s) ? "and" : "con");
    if (coins) say_coins(s, names, f->fraction);
}

/* "un millón de dólares": round millions take "de". */
static bool takes_de(const ft_saying *s, const amount *a) {
    if (ft_is_english(s)) return false;
    if (a->magnitude) return strcmp(a->magnitude, "mil") != 0;
    if (a->written_magnitude.len) return !ft_str_is(a->written_magnitude, "mil");
    const ft_figure *f = &a->figure;
    return f->fraction.len == 0 && f->digits.len > 6 &&
           is_zero(ft_str_from(f->digits, f->digits.len - 6));
}

/* "$5 million dollars", "$100 pesos": the text names the currency itself. */
static bool is_named_behind(const ft_saying *s) {
    static const char *const names[] = { "dollars", "dollar", "euros", "pounds", "dólares",
                                         "dólar",   "pesos",  "peso",  "euros",  "libras",
                                         "mdd",     "mdp",    "mmdd",  NULL };
    ft_str next = ft_text_at(s, (int)s->taken);
    if (ft_str_is(next, "de")) next = ft_text_at(s, (int)s->taken + 1);
    return ft_word_in(next, names) && ft_joined(s, (int)s->taken - 1);
}

static void say_plain_amount(ft_saying *s, const amount *a, const money_names *names) {
    const ft_figure *f = &a->figure;
    bool large = a->magnitude || a->written_magnitude.len;
    bool one = ft_figure_is_one(f) && !large;
    ft_say_figure(s, f, large ? FT_FORM_MASCULINE : names->form);
    if (a->magnitude) {
        bool spanish_one = !ft_is_english(s) && ft_figure_is_one(f);
        ft_say(s, spanish_one && strcmp(a->magnitude, "millones") == 0 ? "millón" : a->magnitude);
    } else if (a->written_magnitude.len) {
        const char *name = suffix_name(s, a->written_magnitude);
        name ? ft_say(s, name) : ft_say_part(s, a->written_magnitude);
    }
    if (is_named_behind(s)) return;
    if (takes_de(s, a)) ft_say(s, "de");
    ft_say(s, one || a->adjective ? names->one : names->many);
}

static void say_tail(ft_saying *s, ft_str tail) {
    while (tail.at && tail.len) ft_say_part(s, ft_str_cut(&tail, '-'));
}

/* "a $5 bill" is a five dollar bill. */
static bool is_adjective(const ft_saying *s) {
    static const char *const articles[] = { "a", "an", "another", "each", "every", "one", NULL };
    static const char *const definite[] = { "the", "this",  "that", "its", "his",
                                            "her", "their", "our",  NULL };
    static const char *const verbs[] = { "spent", "lost",  "paid", "won", "made",
                                         "taken", "given", "went", NULL };
    ft_str next = ft_text_at(s, (int)s->taken), before = ft_text_at(s, -1);
    bool article = ft_word_in(before, (const char *const[]){ "a", "an", "another", NULL }) ||
                   ft_str_ends(before, FT_STR("'s")) || ft_str_ends(before, FT_STR("’s"));
    if (ft_is_english(s) && article && is_of_noun(s, (int)s->taken)) return true;
    bool noun = !ft_str_ends(next, FT_STR("ed")) && !ft_word_in(next, verbs);
    return ft_is_english(s) &&
           (ft_word_in(before, articles) || (noun && ft_word_in(before, definite))) &&
           ft_joined(s, (int)s->taken - 1) && next.len > 1 && ft_is_lower(next.at[0]) &&
           !ft_is_function_word(s, next);
}

static void say_amount(ft_saying *s, const amount *a) {
    const money_names *names = &a->currency->names[s->language->tongue];
    bool coined = a->figure.fraction.len == 2 && names->cent && !a->magnitude &&
                  !a->written_magnitude.len && a->figure.digits.len <= FT_FIGURE_DIGITS_MAX;
    if (a->sign == '+') ft_say(s, ft_is_english(s) ? "plus" : "más");
    if (a->sign == '-' || (coined && a->figure.sign == '-'))
        ft_say(s, ft_is_english(s) ? "minus" : "menos");
    coined ? say_coined(s, a, names) : say_plain_amount(s, a, names);
    say_tail(s, a->tail);
}

/* "$5/month", "$3.50/lb": the part behind the slash. */
static bool say_rate(ft_saying *s, ft_str text) {
    size_t slash = ft_str_find(text, '/');
    amount a;
    ft_str per = ft_str_from(text, slash + 1);
    if (slash == text.len || !ft_all_letters(per)) return false;
    if (!read_amount(s, &a, ft_str_slice(text, 0, slash)) || !a.currency) return false;
    say_amount(s, &a);
    if (ft_is_english(s) && ft_str_ieq(per, FT_STR("ea"))) {
        ft_say(s, "each");
        return true;
    }
    ft_say(s, ft_is_english(s) ? "per" : "por");
    ft_unit_find(per) ? (void)ft_say_measure(s, per) : ft_say_part(s, per);
    return true;
}

/* "$5-$10", "$5–10", "$1.2–1.5M" */
static bool say_span(ft_saying *s, ft_str text) {
    static const char *const dashes[] = { "-", "–", NULL };
    amount a, b;
    for (size_t i = 1; i < text.len; i++) {
        size_t len = ft_head_of(ft_str_from(text, i), dashes);
        if (!len) continue;
        if (!read_amount(s, &a, ft_str_slice(text, 0, i))) return false;
        if (!read_amount(s, &b, ft_str_from(text, i + len)) || b.figure.sign) return false;
        if (!a.currency && !b.currency) return false;
        if (!b.currency) b.currency = a.currency;
        read_words(s, &b);
        if (a.currency && !(b.magnitude || b.written_magnitude.len))
            say_amount(s, &a);
        else
            ft_say_figure(s, &a.figure, FT_FORM_MASCULINE);
        ft_say(s, ft_is_english(s) ? "to" : "a");
        say_amount(s, &b);
        return true;
    }
    return false;
}

#define MONEY_BYTES_MAX 64 /* longer tokens are no amount */

static bool say_money(ft_saying *s) {
    ft_str text = s->tokens[s->at].text;
    amount a;
    size_t len;
    if (text.len > MONEY_BYTES_MAX) return false;
    const currency *code = by_code(text);
    if (!code && (code = by_sign(text, &len)) && len != text.len) code = NULL;
    bool any = code != NULL;
    for (size_t i = 0; i < text.len && !any; i++)
        any = ft_is_digit(text.at[i]) || text.at[i] == '$' || (unsigned char)text.at[i] >= 0x80;
    if (!any) return false;
    if (code && ft_joined(s, 0) &&
        ft_figure_is(&a.figure, ft_text_at(s, 1), s->language)) { /* USD 5 */
        a = (amount){ .currency = code };
        if (!ft_figure_is(&a.figure, ft_text_at(s, 1), s->language)) return false;
        say_amount(s, &a);
        s->taken = 2;
        return true;
    }
    if (text.len && read_amount(s, &a, text)) {
        if (!read_words(s, &a)) return false;
        bool headline = s->at == 0 && a.magnitude && ft_begins_upper(ft_text_at(s, 1)) &&
                        is_of_noun(s, 1) && is_of_noun(s, 2) && ft_is_english(s);
        a.adjective |= is_adjective(s) || headline;
        if (a.tail.len) a.adjective |= is_of_noun(s, (int)s->taken);
        say_amount(s, &a);
        return true;
    }
    bool plus = text.len > 1 && text.at[text.len - 1] == '+';
    if (plus && read_amount(s, &a, ft_str_slice(text, 0, text.len - 1)) && a.currency) { /* $35+ */
        say_amount(s, &a);
        ft_say(s, ft_is_english(s) ? "plus" : "o más");
        s->taken = 1;
        return true;
    }
    ft_buf_reset(&s->words);
    s->taken = 1;
    bool signed_ = by_sign(text, &len) || memchr(text.at, '$', text.len) ||
                   memmem(text.at, text.len, "€", 3) || memchr(text.at, 0xc2, text.len); /* ¢ £ ¥ */
    return signed_ && (say_rate(s, text) || say_span(s, text));
}

const ft_word_class ft_class_money = { "money", say_money };
