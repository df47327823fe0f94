/* date.c -- the class "date": numeric dates, ISO dates with a time behind, short names of months
 * and weekdays. "November 22, 2026" needs no class of its own: its day and year are told by
 * number.c.
 *
 * Order of a numeric date: English month first, Spanish day first (CLDR 42, en-US "M/d/yy", es-US
 * "d/M/yy"); where a field above 12 says otherwise, the other way. */
#include "speech/say/say_in.h"

static const char *const months[FT_TONGUES][13] = {
    { "", "january", "february", "march", "april", "may", "june", "july", "august", "september",
      "october", "november", "december" },
    { "", "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre",
      "octubre", "noviembre", "diciembre" },
};
static const struct {
    const char *name;
    int month;
} short_months[FT_TONGUES][14] = {
    { { "jan", 1 },
      { "feb", 2 },
      { "mar", 3 },
      { "apr", 4 },
      { "jun", 6 },
      { "jul", 7 },
      { "aug", 8 },
      { "sep", 9 },
      { "sept", 9 },
      { "oct", 10 },
      { "nov", 11 },
      { "dec", 12 },
      { NULL, 0 } },
    { { "ene", 1 },
      { "feb", 2 },
      { "mar", 3 },
      { "abr", 4 },
      { "may", 5 },
      { "jun", 6 },
      { "jul", 7 },
      { "ago", 8 },
      { "sep", 9 },
      { "sept", 9 },
      { "oct", 10 },
      { "nov", 11 },
      { "dic", 12 },
      { NULL, 0 } },
};
static const struct {
    const char *name, *day;
} short_days[FT_TONGUES][12] = {
    { { "mon", "monday" },
      { "tue", "tuesday" },
      { "tues", "tuesday" },
      { "wed", "wednesday" },
      { "thu", "thursday" },
      { "thur", "thursday" },
      { "thurs", "thursday" },
      { "fri", "friday" },
      { "sat", "saturday" },
      { "sun", "sunday" },
      { NULL, NULL } },
    { { "lun", "lunes" },
      { "mié", "miércoles" },
      { "jue", "jueves" },
      { "vie", "viernes" },
      { "sáb", "sábado" },
      { "dom", "domingo" },
      { NULL, NULL } },
};

int ft_month_of(const ft_saying *s, ft_str word, bool *is_short) {
    int tongue = s->language->tongue;
    *is_short = false;
    if (word.len < 3 || (tongue == FT_EN && !ft_is_upper(word.at[0]))) return 0;
    for (int m = 1; m <= 12; m++)
        if (ft_str_ieq(word, ft_str_of(months[tongue][m]))) return m;
    if (tongue == FT_ES && ft_str_ieq(word, FT_STR("setiembre"))) return 9;
    for (int i = 0; short_months[tongue][i].name; i++) {
        if (!ft_str_ieq(word, ft_str_of(short_months[tongue][i].name))) continue;
        *is_short = true;
        return short_months[tongue][i].month;
    }
    return 0;
}

void ft_say_month(ft_saying *s, int month) { ft_say(s, months[s->language->tongue][month]); }

/* ---- a date in fields */

typedef struct date {
    long year, month, day; /* 0: none */
    ft_str year_digits;
} date;

static void say_day_of(ft_saying *s, long day) {
    char text[24];
    int len = snprintf(text, sizeof text, "%ld", day);
    bool ordinal = ft_is_english(s) || day == 1;
    if (ordinal)
        ft_say_ordinal(s, ft_str_n(text, (size_t)len), FT_FORM_ALONE);
    else
        ft_say_long(s, day, FT_FORM_ALONE);
}

/* Two digits are of this century below 70. */
static void say_year_of(ft_saying *s, const date *d) {
    char text[24];
    long year = d->year;
    if (d->year_digits.len <= 2) year += year < 70 ? 2000 : 1900;
    int len = snprintf(text, sizeof text, "%04ld", year);
    ft_say_year(s, ft_str_n(text, (size_t)len));
}

static void say_date_of(ft_saying *s, const date *d) {
    bool english = ft_is_english(s);
    if (english && d->month) ft_say_month(s, (int)d->month);
    if (d->day) say_day_of(s, d->day);
    if (!english && d->month) {
        if (d->day) ft_say(s, "de");
        ft_say_month(s, (int)d->month);
    }
    if (!d->year_digits.len) return;
    if (!english && (d->month || d->day)) ft_say(s, "de");
    say_year_of(s, d);
}

static bool is_valid(const date *d) {
    static const int lengths[13] = { 31, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool month = d->month >= 0 && d->month <= 12;
    return month && d->day >= 0 && d->day <= lengths[d->month];
}

/* Up to three fields of digits between marks, which are all the same; their count, or 0. */
static int read_fields(ft_str text, ft_str fields[3], char *mark) {
    int count = 0;
    *mark = 0;
    for (size_t i = 0, from = 0; i <= text.len; i++) {
        if (i < text.len && ft_is_digit(text.at[i])) continue;
        if (count == 3 || i == from || i - from > 4) return 0;
        fields[count++] = ft_str_slice(text, from, i - from);
        if (i == text.len) break;
        if (!strchr("/-.", text.at[i]) || (*mark && *mark != text.at[i])) return 0;
        *mark = text.at[i];
        from = i + 1;
    }
    return count;
}

static bool set_field(date *d, char kind, ft_str digits) {
    long value = ft_small_number(digits);
    if (value < 0) return false;
    if (kind == 'y') {
        d->year = value;
        d->year_digits = digits;
        return digits.len == 4 || digits.len == 2;
    }
    if (digits.len > 2 || value == 0) return false;
    *(kind == 'm' ? &d->month : &d->day) = value;
    return true;
}

static bool by_order(date *d, const char *order, const ft_str *fields) {
    *d = (date){ 0 };
    for (size_t i = 0; order[i]; i++)
        if (!set_field(d, order[i], fields[i])) return false;
    return is_valid(d);
}

/* yyyymmdd, where '?' stands for a field that is not said. */
static bool read_packed(date *d, ft_str text) {
    static const struct {
        char kind;
        size_t at, len;
    } parts[] = { { 'y', 0, 4 }, { 'm', 4, 2 }, { 'd', 6, 2 } };
    *d = (date){ 0 };
    if (text.len != 8) return false;
    for (size_t i = 0; i < 3; i++) {
        ft_str part = ft_str_slice(text, parts[i].at, parts[i].len);
        if (part.at[0] == '?') continue;
        if (!set_field(d, parts[i].kind, part)) return false;
    }
    return is_valid(d) && (d->month || d->day || d->year_digits.len);
}

/* "11222026" as mdy, "261122" as ymd: digits without marks, by the format. */
static int cut_packed(ft_str text, ft_str format, ft_str fields[3]) {
    size_t at = 0;
    if (text.len != 8 && text.len != 6) return 0;
    for (size_t i = 0; i < 3; i++) {
        size_t len = format.at[i] == 'y' ? text.len - 4 : 2;
        fields[i] = ft_str_slice(text, at, len);
        at += len;
    }
    return at == text.len ? 3 : 0;
}

bool ft_say_date(ft_saying *s, ft_str text, ft_str format) {
    ft_str fields[3];
    char mark, order[4] = { 0 };
    date d;
    if (ft_str_is(format, "yyyymmdd") ||
        (format.len == 0 && text.len == 8 && ft_str_find(text, '?') < 8)) {
        if (!read_packed(&d, text)) return false;
        say_date_of(s, &d);
        return true;
    }
    int count = ft_all_digits(text) && format.len == 3 ? cut_packed(text, format, fields)
                                                       : read_fields(text, fields, &mark);
    if (!count || format.len != (size_t)count) return false;
    memcpy(order, format.at, format.len);
    if (!by_order(&d, order, fields)) return false;
    say_date_of(s, &d);
    return true;
}

/* ---- by its looks */

static bool guess(date *d, const ft_str *fields, char mark, int tongue) {
    if (fields[0].len == 4) return by_order(d, "ymd", fields);
    if (fields[2].len != 4 && (fields[2].len != 2 || mark != '/')) return false;
    if (fields[0].len > 2 || fields[1].len > 2) return false;
    bool day_first = tongue == FT_ES || mark == '.';
    return by_order(d, day_first ? "dmy" : "mdy", fields) ||
           by_order(d, day_first ? "mdy" : "dmy", fields);
}

static const char *const on_words[FT_TONGUES][20] = {
    { "on", "by", "until", "dated", "monday", "tuesday", "wednesday", "thursday", "friday",
      "saturday", "sunday", "due", NULL },
    { "el", "del", "al", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo",
      "hasta", NULL },
};

/* "Sat", "Saturday" */
static bool is_day(const ft_saying *s, int ahead) {
    int tongue = s->language->tongue;
    ft_str word = ft_text_at(s, ahead);
    if (tongue == FT_EN && !ft_begins_upper(word)) return false;
    for (int i = 0; short_days[tongue][i].name; i++)
        if (ft_str_ieq(word, ft_str_of(short_days[tongue][i].name)) ||
            ft_str_ieq(word, ft_str_of(short_days[tongue][i].day)))
            return true;
    return false;
}

/* "cut by 1/3", "by 5/6 of them": what is changed by a part, not done by a day. */
static bool is_part(const ft_saying *s, const ft_str *fields) {
    static const char *const changes[] = {
        "cut",       "cuts",       "cutting", "reduce",  "reduced",  "reduces",  "fell",
        "fall",      "fallen",     "falls",   "rose",    "rise",     "risen",    "rises",
        "grew",      "grow",       "grown",   "grows",   "increase", "decrease", "increased",
        "shrank",    "shrink",     "shrunk",  "drop",    "dropped",  "drops",    "decline",
        "declined",  "down",       "up",      "lower",   "lowered",  "raise",    "raised",
        "multiply",  "multiplied", "divide",  "divided", "scale",    "scaled",   "decreased",
        "increases", "decreases",  "slash",   "slashed", "trim",     "trimmed",  NULL
    };
    long top = ft_small_number(fields[0]), bottom = ft_small_number(fields[1]);
    if (top < 1 || top >= bottom || fields[0].at[0] == '0') return false;
    if (ft_str_is(ft_text_at(s, 1), "of") && ft_joined(s, 0)) return true;
    for (int i = -2; i >= -5; i--)
        if (ft_word_in(ft_text_at(s, i), changes)) return true;
    return false;
}

/* "on 4/6": a fraction where no such word stands before. */
static bool say_month_and_day(ft_saying *s, const ft_str *fields, char mark) {
    int tongue = s->language->tongue;
    date d;
    ft_str before = ft_text_at(s, -1), two = ft_text_at(s, -2);
    bool span = ft_str_is(before, "to") && ft_str_find(two, '/') < two.len; /* 5/1 to 5/7 */
    bool week = ft_str_is(before, "of") && ft_str_ieq(two, FT_STR("week"));
    bool first =
        ft_str_is(fields[1], "1") || fields[0].at[0] == '0'; /* 5/1 and 05/27 are no fractions */
    if (mark != '/' ||
        !(span || week || first || is_day(s, -1) || ft_word_in(before, on_words[tongue])))
        return false;
    static const char *const expiries[] = { "exp", "expires", "exp.:",  "expiry", "vence",
                                            "vto", "expira",  "válida", NULL };
    bool expiry =
        ft_word_in(before, expiries) || ft_word_in(two, expiries); /* 05/27 is a month of a year */
    if (ft_str_ieq(before, FT_STR("by")) && is_part(s, fields)) return false;
    const char *orders[2] = { tongue == FT_ES ? "dm" : "md", tongue == FT_ES ? "md" : "dm" };
    if (!(expiry && by_order(&d, "my", fields)) && !by_order(&d, orders[0], fields) &&
        !by_order(&d, orders[1], fields))
        return false;
    say_date_of(s, &d);
    return true;
}

/* "2026-11-22T15:30:00Z" */
static bool say_stamp(ft_saying *s, ft_str text) {
    ft_str fields[3], day = ft_str_slice(text, 0, 10), clock = ft_str_from(text, 11);
    char mark;
    date d;
    if (text.len < 16 || text.len > 40 || (text.at[10] != 'T' && text.at[10] != 't')) return false;
    if (read_fields(day, fields, &mark) != 3 || !by_order(&d, "ymd", fields)) return false;
    bool zulu = clock.at[clock.len - 1] == 'Z';
    if (zulu) clock.len--;
    say_date_of(s, &d);
    ft_say_pause(s);
    ft_say_part(s, clock);
    if (zulu) ft_say_letters(s, FT_STR("utc"));
    return true;
}

static bool say_numeric(ft_saying *s, ft_str text) {
    ft_str fields[3];
    char mark;
    date d;
    if (say_stamp(s, text)) return true;
    int count = read_fields(text, fields, &mark);
    if (count == 2) return say_month_and_day(s, fields, mark);
    if (count != 3 || !guess(&d, fields, mark, s->language->tongue)) return false;
    say_date_of(s, &d);
    return true;
}

/* ---- short names */

static bool digit_beside(const ft_saying *s) {
    ft_str next = ft_text_at(s, 1), before = ft_text_at(s, -1);
    return (next.len && ft_is_digit(next.at[0])) ||
           (before.len && before.len < 5 && ft_is_digit(before.at[0]));
}

static bool has_dot(const ft_token *t) { return t->after.len && t->after.at[0] == '.'; }

static bool say_short_month(ft_saying *s, const ft_token *t) {
    bool is_short;
    int month = ft_month_of(s, t->text, &is_short);
    if (!month || !is_short) return false;
    bool before_de = !ft_is_english(s) && ft_str_is(ft_text_at(s, -1), "de");
    if (!digit_beside(s) && !(has_dot(t) && ft_text_at(s, 1).len) && !before_de) return false;
    ft_say_month(s, month);
    return true;
}

/* "Mon.-Fri.", "Jan–Mar" */
static bool say_name(ft_saying *s, ft_str name) {
    int tongue = s->language->tongue;
    bool is_short;
    if (name.len && name.at[name.len - 1] == '.') name.len--;
    int month = ft_month_of(s, name, &is_short);
    if (month) ft_say_month(s, month);
    for (int i = 0; !month && short_days[tongue][i].name; i++)
        if (ft_str_ieq(name, ft_str_of(short_days[tongue][i].name)) ||
            ft_str_ieq(name, ft_str_of(short_days[tongue][i].day))) {
            ft_say(s, short_days[tongue][i].day);
            return true;
        }
    return month > 0;
}

static bool say_names(ft_saying *s, ft_str text) {
    static const char *const dashes[] = { "-", "–", "/", NULL };
    size_t at = 0, len = 0;
    if (text.len < 7 || text.len > 32 || (ft_is_english(s) && !ft_is_upper(text.at[0])))
        return false;
    while (at < text.len && !(len = ft_head_of(ft_str_from(text, at), dashes))) at++;
    if (!len || !say_name(s, ft_str_slice(text, 0, at))) return false;
    ft_say(s, ft_is_english(s) ? "to" : "a");
    return say_name(s, ft_str_from(text, at + len));
}

static bool say_short_day(ft_saying *s, const ft_token *t) {
    int tongue = s->language->tongue;
    bool is_short;
    ft_str next = ft_text_at(s, 1);
    if (tongue == FT_EN && !ft_begins_upper(t->text)) return false;
    static const char *const before_days[] = { "every", "each",  "this",    "next",
                                               "last",  "late",  "early",   "through",
                                               "thru",  "since", "from",    "to",
                                               "cada",  "este",  "próximo", NULL };
    ft_str before = ft_text_at(s, -1);
    bool on = ft_word_in(before, on_words[tongue]) || ft_word_in(before, before_days) ||
              is_day(s, -1) ||
              ((ft_str_is(before, "and") || ft_str_is(before, "or") || ft_str_is(before, "y") ||
                ft_str_is(before, "&")) &&
               is_day(s, -2));
    bool dated = next.len && (ft_month_of(s, next, &is_short) || ft_is_digit(next.at[0]));
    if (!dated && !(has_dot(t) && (on || (next.len && !ft_begins_upper(next))))) return false;
    for (int i = 0; short_days[tongue][i].name; i++)
        if (ft_str_ieq(t->text, ft_str_of(short_days[tongue][i].name))) {
            ft_say(s, short_days[tongue][i].day);
            return true;
        }
    return false;
}

/* "el mar. 5 de marzo": no month before one. */
static bool say_tuesday(ft_saying *s, const ft_token *t) {
    bool is_short;
    if (ft_is_english(s) || !ft_str_ieq(t->text, FT_STR("mar")) || !has_dot(t)) return false;
    if (!ft_all_digits(ft_text_at(s, 1)) || !ft_str_is(ft_text_at(s, 2), "de") ||
        !ft_month_of(s, ft_text_at(s, 3), &is_short))
        return false;
    ft_say(s, "martes");
    return true;
}

static bool say_date(ft_saying *s) {
    const ft_token *t = &s->tokens[s->at];
    if (t->text.len == 0) return false;
    if (ft_is_digit(t->text.at[0])) return say_numeric(s, t->text);
    return say_tuesday(s, t) || say_short_month(s, t) || say_short_day(s, t) ||
           say_names(s, t->text);
}

const ft_word_class ft_class_date = { "date", say_date };
