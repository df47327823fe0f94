/* roman.c -- the class "roman": Roman numerals behind the name of a ruler ("Henry VIII") are
 * ordinals, behind what is numbered ("Chapter IV", "World War II") cardinals; others are letters.
 */
#include "speech/say/say_in.h"

static const char *const rulers[] = {
    "henry",     "elizabeth", "louis",     "charles",   "george",    "william",   "edward",
    "richard",   "james",     "philip",    "pius",      "john",      "paul",      "benedict",
    "francis",   "leo",       "ludwig",    "umberto",   "karl",      "friedrich", "franz",
    "haakon",    "oscar",     "rama",      "mehmed",    "suleiman",  "thutmose",  "amenhotep",
    "boniface",  "sixtus",    "julius",    "adrian",    "gregory",   "nicholas",  "napoleon",
    "ramses",    "catherine", "alexander", "ferdinand", "frederick", "carlos",    "felipe",
    "alfonso",   "fernando",  "isabel",    "enrique",   "luis",      "juan",      "pablo",
    "benedicto", "pío",       "gregorio",  "alejandro", "nicolás",   "catalina",  "jorge",
    "guillermo", "eduardo",   "ricardo",   "jacobo",    "federico",  "pedro",     "mary",
    "margaret",  "peter",     "ivan",      "urban",     "clement",   "innocent",  "xerxes",
    "darius",    "ptolemy",   "cleopatra", "harald",    "olav",      "gustav",    "christian",
    "albert",    "rainier",   "leopold",   "baudouin",  "otto",      "wilhelm",   "sancho",
    "jaime",     "ramón",     "juana",     "cristina",  "maría",     "sofía",     "león",
    "clemente",  "inocencio", "francisco", NULL
};
static const char *const queens[] = { "isabel", "catalina", "juana", "cristina",
                                      "maría",  "sofía",    NULL };
static const char *const numbered[] = {
    "chapter",  "part",     "volume",    "vol",      "act",     "scene",    "book",     "section",
    "article",  "title",    "type",      "phase",    "level",   "stage",    "class",    "war",
    "bowl",     "grade",    "schedule",  "chapters", "parts",   "acts",     "volumes",  "books",
    "articles", "sections", "capítulos", "tomos",    "fracc",   "frac",     "fracción", "inciso",
    "párr",     "appendix", "mark",      "vatican",  "episode", "figure",   "table",    "unit",
    "tier",     "category", "division",  "art",      "op",      "sc",       "sec",      "ch",
    "saturn",   "apollo",   "rocky",     "star",     "part",    "lesson",   "quadrant", "capítulo",
    "tomo",     "acto",     "escena",    "libro",    "sección", "artículo", "título",   "tipo",
    "fase",     "siglo",    "s",         "nivel",    "etapa",   "clase",    "mundial",  "anexo",
    "vaticano", "parte",    "episodio",  "siglos",   "cap",     "grado",    "tabla",    "figura",
    NULL
};

long ft_roman_value(ft_str text) {
    static const struct {
        const char *sign;
        long value;
        int most; /* times in a row */
    } rows[] = { { "M", 1000, 3 }, { "CM", 900, 1 }, { "D", 500, 1 }, { "CD", 400, 1 },
                 { "C", 100, 3 },  { "XC", 90, 1 },  { "L", 50, 1 },  { "XL", 40, 1 },
                 { "X", 10, 3 },   { "IX", 9, 1 },   { "V", 5, 1 },   { "IV", 4, 1 },
                 { "I", 1, 3 } };
    long value = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int n = 0; n < rows[i].most && ft_str_starts(text, ft_str_of(rows[i].sign)); n++) {
            value += rows[i].value;
            text = ft_str_from(text, strlen(rows[i].sign));
        }
    /* "IXI" would read as 10: what was taken must be how the value is written, so nothing may
     * follow a pair that it could follow */
    return text.len ? 0 : value;
}

long ft_small_roman_value(ft_str text) {
    char upper[8];
    if (text.len == 0 || text.len > sizeof upper) return 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!strchr("ivxl", text.at[i])) return 0;
        upper[i] = (char)(text.at[i] & ~32);
    }
    return ft_roman_value(ft_str_n(upper, text.len));
}

/* "Sc. iii", "pp. iv": small numerals behind a short form that has numbers. */
static bool say_small(ft_saying *s, ft_str text) {
    static const char *const before[] = { "sc", "act",  "pp",  "p",   "ch",  "vol", "pg",
                                          "fn", "note", "pág", "cap", "art", NULL };
    static const char *const whole[] = { "chapter", "section", "act",      "scene",    "part",
                                         "volume",  "page",    "appendix", "footnote", NULL };
    long value = ft_small_roman_value(text);
    const ft_token *t = ft_saying_token(s, -1);
    if (!value || !t) return false;
    bool numbered_whole = text.len > 1 && ft_joined(s, -1) && ft_word_in(t->text, whole);
    if (!numbered_whole && (!ft_str_is(t->after, ".") || !ft_word_in(t->text, before)))
        return false;
    ft_say_long(s, value, FT_FORM_ALONE);
    return true;
}

static bool is_verb_of_i(ft_str word) {
    static const char *const verbs[] = { "am",    "was",  "have", "had", "will", "would",
                                         "think", "know", "do",   "did", "can",  "could",
                                         "want",  "need", "said", NULL };
    return ft_word_in(word, verbs);
}

static void say_value(ft_saying *s, long value, bool ordinal, ft_form form) {
    char text[24];
    int len = snprintf(text, sizeof text, "%ld", value);
    ft_str digits = ft_str_n(text, (size_t)len);
    if (ordinal)
        ft_say_ordinal(s, digits, form);
    else if (value > 1500 && value < 2100)
        ft_say_year(s, digits);
    else
        ft_say_cardinal(s, digits);
}

/* Spanish counts rulers by ordinals up to ten. */
static bool say_ruler(ft_saying *s, long value, ft_str name) {
    if (ft_is_english(s)) {
        ft_say(s, "the");
        say_value(s, value, true, FT_FORM_ALONE);
        return true;
    }
    bool queen = ft_word_in(name, queens);
    say_value(s, value, value <= 10, queen ? FT_FORM_FEMININE : FT_FORM_ALONE);
    return true;
}

/* Only of I, V and X: "XIV" is a number wherever it stands behind a name, "CD" and "MIX" are not.
 */
static bool is_small_roman(ft_str text) {
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("IVX", text.at[i])) return false;
    return text.len > 1;
}

/* "la II Guerra Mundial", "el XXI Congreso": ordinals up to ten, cardinals above. */
static bool say_before_name(ft_saying *s, ft_str text, long value) {
    ft_str before = ft_text_at(s, -1), next = ft_text_at(s, 1);
    bool she = ft_str_ieq(before, FT_STR("la"));
    bool he = ft_str_ieq(before, FT_STR("el")) || ft_str_ieq(before, FT_STR("del")) ||
              ft_str_ieq(before, FT_STR("al"));
    if (ft_is_english(s) || !(she || he) || next.len < 3) return false;
    static const char *const meetings[] = { "aniversario", "edición",     "congreso", "cumbre",
                                            "foro",        "festival",    "asamblea", "encuentro",
                                            "legislatura", "conferencia", "semana",   "siglo",
                                            NULL };
    if (!ft_begins_upper(next) && !is_small_roman(text) && !ft_word_in(next, meetings))
        return false; /* la XX edición, el X aniversario */
    if (!ft_joined(s, 0) || value > 99 || (text.len == 1 && !strchr("IVX", text.at[0])))
        return false;
    ft_form form = she ? FT_FORM_FEMININE : FT_FORM_MASCULINE;
    value <= 10 ? say_value(s, value, true, form) : ft_say_long(s, value, form);
    return true;
}

static bool say_roman(ft_saying *s) {
    const ft_token *t = &s->tokens[s->at];
    ft_str text = t->text, owned = ft_str_slice(text, 0, ft_str_find(text, '\''));
    bool has_owner = owned.len + 2 == text.len && ft_str_ends(text, FT_STR("'s"));
    if (has_owner) text = owned; /* "Henry VIII's" */
    if (text.len && ft_is_lower(text.at[0])) return say_small(s, text);
    if (text.len == 0 || text.len > 15 || !strchr("IVXLCDM", text.at[0])) return false;
    long value = ft_roman_value(text);
    ft_str before = ft_text_at(s, -1);
    if (value == 0 || s->at == 0) return false;
    bool dotted =
        ft_str_is(s->tokens[s->at - 1].after, ".") && ft_word_in(before, numbered); /* Vol. III */
    if (!dotted && !ft_joined(s, -1)) return false;
    if (say_before_name(s, text, value)) return true;
    ft_str ahead = ft_text_at(s, 1);
    if (ft_str_is(text, "I") && is_verb_of_i(ahead)) return false;
    bool numbered_before =
        ft_word_in(before, numbered) &&
        (ft_begins_upper(before) || is_small_roman(text) || !ft_is_english(s)); /* chapter IV */
    static const char *const joins[] = { "al", "a", "y", "to", "and", "through", "o", "or", NULL };
    ft_str two = ft_text_at(s, -2);
    numbered_before |= ft_word_in(before, joins) && !ft_str_is(text, "I") && two.len > 1 &&
                       ft_roman_value(two) > 0; /* XV al XVI */
    /* Letters of a class or a type: "Type C", "Class D" */
    if (text.len == 1 && strchr("LCDM", text.at[0])) return false;
    bool year = text.len > 3 && value > 1000;
    if (numbered_before || year)
        say_value(s, value, false, FT_FORM_ALONE);
    else if (ft_word_in(before, rulers) && ft_begins_upper(before) && value < 40)
        say_ruler(s, value, before);
    else if (is_small_roman(text) && ft_begins_upper(before) && !ft_is_function_word(s, before))
        say_value(s, value, false, FT_FORM_ALONE);
    else
        return false;
    if (has_owner) ft_buf_add(&s->words, FT_STR("'s"));
    return true;
}

const ft_word_class ft_class_roman = { "roman", say_roman };
