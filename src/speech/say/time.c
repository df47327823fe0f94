/* time.c -- the class "time": clock times ("3:05 p.m.", "15:30", "3pm", "9-5 p.m."), times of races
 * ("1:32.456", "1:02:33") and durations ("1'21"). Zones are acronyms. */
#include "speech/say/say_in.h"

typedef struct clock_time {
    long hour, minute, second; /* second -1: none */
    ft_str fraction;           /* of the second */
    bool minutes_given;
    int half;  /* 'a', 'p', or 0: of the day */
    bool bare; /* without "o'clock": the other end of a span says which half it is */
} clock_time;

/* ---- reading */

static long read_number(ft_str *rest, size_t most, size_t least) {
    size_t n = 0;
    while (n < rest->len && n < most && ft_is_digit(rest->at[n])) n++;
    if (n < least) return -1;
    long value = ft_small_number(ft_str_slice(*rest, 0, n));
    *rest = ft_str_from(*rest, n);
    return value;
}

/* "am", "a.m", "PM", "p": which half of the day; 0: none. */
static int half_of(ft_str text) {
    static const char *const am[] = { "am", "a.m", "a.m.", "a", NULL };
    static const char *const pm[] = { "pm", "p.m", "p.m.", "p", NULL };
    return ft_word_in(text, am) ? 'a' : ft_word_in(text, pm) ? 'p' : 0;
}

static bool read_minutes(clock_time *c, ft_str *rest) {
    if (rest->len == 0 || rest->at[0] != ':') return true;
    *rest = ft_str_from(*rest, 1);
    c->minute = read_number(rest, 2, 2);
    c->minutes_given = true;
    if (c->minute < 0 || c->minute > 59) return false;
    if (rest->len && rest->at[0] == ':') {
        *rest = ft_str_from(*rest, 1);
        c->second = read_number(rest, 2, 2);
        if (c->second < 0 || c->second > 60) return false;
    }
    if (rest->len > 1 && (rest->at[0] == '.' || rest->at[0] == ',') && ft_is_digit(rest->at[1])) {
        size_t n = 1;
        while (n < rest->len && ft_is_digit(rest->at[n])) n++;
        c->fraction = ft_str_slice(*rest, 1, n - 1);
        *rest = ft_str_from(*rest, n);
    }
    return true;
}

static bool read_clock(clock_time *c, ft_str text) {
    ft_str rest = text;
    *c = (clock_time){ .second = -1 };
    c->hour = read_number(&rest, 2, 1);
    if (c->hour < 0 || !read_minutes(c, &rest)) return false;
    if (rest.len) {
        c->half = rest.len > 1 || c->minutes_given ? half_of(rest) : 0; /* "3a" is none */
        if (!c->half && !((ft_str_is(rest, "h") || ft_str_is(rest, "hs")) && c->minutes_given))
            return false;
    }
    return c->half ? c->hour >= 1 && c->hour <= 12 : c->hour <= 24 || c->fraction.len;
}

/* "p.m." behind: one token, or "p." and "m.". */
static int half_behind(const ft_saying *s, int *tokens) {
    ft_str a = ft_text_at(s, 1), b = ft_text_at(s, 2);
    *tokens = 0;
    const ft_token *t = &s->tokens[s->at];
    if (t->after.len || a.len == 0) return 0;
    if (a.len == 1 && b.len == 1 && (b.at[0] | 32) == 'm' &&
        ft_str_is(ft_saying_token(s, 1)->after, ".")) {
        *tokens = 2;
        return half_of(a);
    }
    if (a.len < 2) return 0;
    *tokens = 1;
    return half_of(a);
}

/* ---- English */

static void say_english_minutes(ft_saying *s, long minute) {
    if (minute < 10) ft_say(s, "oh");
    ft_say_long(s, minute, FT_FORM_ALONE);
}

static void say_half_english(ft_saying *s, int half) {
    if (!half) return;
    ft_say_letter(s, (char)half);
    ft_say_letter(s, 'm');
}

static void say_english(ft_saying *s, const clock_time *c) {
    ft_say_long(s, c->hour, FT_FORM_ALONE);
    if (c->minute)
        say_english_minutes(s, c->minute);
    else if (c->hour > 12 || c->hour == 0)
        ft_say(s, "hundred");
    else if (!c->half && !c->bare && c->second < 0 &&
             !ft_str_ieq(ft_text_at(s, 1), FT_STR("o'clock")))
        ft_say(s, "o'clock");
    if (c->second > 0) {
        ft_say(s, "and");
        ft_say_long(s, c->second, FT_FORM_ALONE);
        ft_say(s, c->second == 1 ? "second" : "seconds");
    }
    say_half_english(s, c->half);
}

/* ---- Spanish */

static void say_half_spanish(ft_saying *s, const clock_time *c) {
    static const char *const morning = "de la mañana", *const noon = "del mediodía";
    static const char *const afternoon = "de la tarde", *const night = "de la noche";
    if (c->half == 'a') ft_say(s, c->hour == 12 ? night : morning);
    if (c->half == 'p')
        ft_say(s, c->hour == 12 && c->minute == 0 ? noon
                  : c->hour == 12                 ? afternoon
                  : c->hour < 8                   ? afternoon
                                                  : night);
}

static void say_minutes_spanish(ft_saying *s, const clock_time *c, bool by_24) {
    if (c->minute == 0) {
        bool named = ft_str_ieq(ft_text_at(s, 1), FT_STR("horas"));
        if (by_24 && c->second < 0 && !named) ft_say(s, "horas");
        return;
    }
    if (by_24 && c->minute < 10) ft_say(s, "cero");
    if (!by_24) ft_say(s, "y");
    if (!by_24 && c->minute == 15)
        ft_say(s, "cuarto");
    else if (!by_24 && c->minute == 30)
        ft_say(s, "media");
    else
        ft_say_long(s, c->minute, FT_FORM_ALONE);
}

static void say_spanish(ft_saying *s, const clock_time *c) {
    static const char *const articles[] = { "la", "las", "los", NULL };
    bool by_24 = !c->half && (c->hour > 12 || c->hour == 0);
    if (!ft_word_in(ft_text_at(s, -1), articles)) ft_say(s, c->hour == 1 ? "la" : "las");
    ft_say_long(s, c->hour, by_24 && c->hour == 0 ? FT_FORM_ALONE : FT_FORM_FEMININE);
    say_minutes_spanish(s, c, by_24);
    if (c->second > 0) {
        ft_say(s, "y");
        ft_say_long(s, c->second, FT_FORM_MASCULINE);
        ft_say(s, c->second == 1 ? "segundo" : "segundos");
    }
    say_half_spanish(s, c);
}

/* ---- durations */

static const char *const unit_names[FT_TONGUES][3][2] = {
    { { "hour", "hours" }, { "minute", "minutes" }, { "second", "seconds" } },
    { { "hora", "horas" }, { "minuto", "minutos" }, { "segundo", "segundos" } },
};

static void say_count(ft_saying *s, long n, int unit) {
    ft_say_long(s, n, unit == 0 ? FT_FORM_FEMININE : FT_FORM_MASCULINE);
    ft_say(s, unit_names[s->language->tongue][unit][n != 1]);
}

/* "1:32.456" is said as it is read; "1:02:33" by its units. */
static bool say_race(ft_saying *s, const clock_time *c, ft_str text) {
    bool english = ft_is_english(s);
    bool long_race = c->second >= 0 && text.len > 1 && text.at[1] == ':' && !c->half;
    if (c->fraction.len && c->second < 0) {
        ft_say_long(s, c->hour, FT_FORM_ALONE);
        if (c->minute < 10) ft_say(s, english ? "oh" : "cero");
        ft_say_long(s, c->minute, FT_FORM_ALONE);
        ft_say(s, english ? "point" : "punto");
        ft_say_digits(s, c->fraction);
        return true;
    }
    if (!long_race) return false;
    if (c->hour) say_count(s, c->hour, 0);
    say_count(s, c->minute, 1);
    ft_say(s, english ? "and" : "y");
    if (!c->fraction.len) {
        say_count(s, c->second, 2);
        return true;
    }
    ft_say_long(s, c->second, FT_FORM_ALONE);
    ft_say(s, english ? "point" : "punto");
    ft_say_digits(s, c->fraction);
    ft_say(s, unit_names[s->language->tongue][2][1]);
    return true;
}

/* 1'21", 45", 2' */
bool ft_say_duration(ft_saying *s, ft_str text) {
    static const char *const minutes[] = { "''", "'", "’", "′", NULL };
    static const char *const seconds[] = { "\"", "''", "”", "″", NULL };
    ft_str rest = text;
    long first = read_number(&rest, 4, 1), second = -1;
    if (first < 0) return false;
    size_t len = ft_head_of(rest, seconds);
    if (len && len == rest.len) {
        say_count(s, first, 2);
        return true;
    }
    len = ft_head_of(rest, minutes);
    if (!len) return false;
    rest = ft_str_from(rest, len);
    if (rest.len) {
        second = read_number(&rest, 2, 1);
        if (second < 0 || ft_head_of(rest, seconds) != rest.len) return false;
    }
    say_count(s, first, 1);
    if (second >= 0) say_count(s, second, 2);
    return true;
}

/* ---- the class */

static bool say_one(ft_saying *s, ft_str text, clock_time *c) {
    if (!c->minutes_given && !c->half) return false;
    if (say_race(s, c, text)) return true;
    ft_is_english(s) ? say_english(s, c) : say_spanish(s, c);
    return true;
}

/* "9am-5pm", "9:30–11:00", "3-5 p.m." */
static bool say_span(ft_saying *s, ft_str text, int half, int tokens) {
    static const char *const dashes[] = { "-", "–", "—", NULL };
    clock_time a, b;
    for (size_t i = 1; i < text.len && i < 12; i++) {
        size_t len = ft_head_of(ft_str_from(text, i), dashes);
        if (!len) continue;
        ft_str from = ft_str_slice(text, 0, i), to = ft_str_from(text, i + len);
        if (!read_clock(&a, from) || !read_clock(&b, to)) return false;
        if (!b.half && b.hour <= 12 && b.hour > 0) b.half = half;
        a.bare = b.half != 0;
        if (!(b.half || (a.minutes_given && b.minutes_given))) return false;
        if (ft_is_english(s) && !a.half && !a.minutes_given)
            ft_say_long(s, a.hour, FT_FORM_ALONE);
        else
            ft_is_english(s) ? say_english(s, &a) : say_spanish(s, &a);
        ft_say(s, ft_is_english(s) ? "to" : "a");
        ft_is_english(s) ? say_english(s, &b) : say_spanish(s, &b);
        if (half) s->taken = (size_t)tokens + 1;
        return true;
    }
    return false;
}

/* The hour before has been said as a number. */
static bool say_second_half_spanish(ft_saying *s, ft_str text, const clock_time *to) {
    clock_time from, until = *to;
    int tokens;
    if (!read_clock(&from, ft_text_at(s, -1))) return false;
    int half = half_behind(s, &tokens);
    if (half && !until.half) {
        until.half = half;
        s->taken = (size_t)tokens + 1;
    }
    from.half = text.at[0];
    say_half_spanish(s, &from);
    ft_say(s, "a");
    say_spanish(s, &until);
    return true;
}

/* "a.m.-6" of "5 a.m.-6 p.m." */
static bool say_second_half(ft_saying *s, ft_str text) {
    static const char *const halves[] = { "a.m.", "p.m.", "am", "pm", "a.m", "p.m", NULL };
    static const char *const dashes[] = { "-", "–", "—", NULL };
    size_t len = ft_head_of(text, halves);
    size_t dash = len ? ft_head_of(ft_str_from(text, len), dashes) : 0;
    ft_str rest = ft_str_from(text, len + dash);
    clock_time c;
    int tokens;
    if (!dash || !read_clock(&c, rest)) return false;
    if (!ft_is_english(s)) return say_second_half_spanish(s, text, &c);
    int half = half_behind(s, &tokens);
    say_half_english(s, text.at[0]);
    ft_say(s, "to");
    if (half && !c.half) {
        c.half = half;
        s->taken = (size_t)tokens + 1;
    }
    say_english(s, &c);
    return true;
}

/* "35:12", no time of the day: minutes and seconds, unless both make a hundred ("60:40"). */
static bool say_played(ft_saying *s, ft_str text) {
    ft_str rest = text;
    long minute = read_number(&rest, 2, 2);
    if (minute < 25 || rest.len != 3 || rest.at[0] != ':') return false;
    long second = ft_small_number(ft_str_from(rest, 1));
    if (second < 0 || second > 59 || minute + second == 100) return false;
    say_count(s, minute, 1);
    ft_say(s, ft_is_english(s) ? "and" : "y");
    say_count(s, second, 2);
    return true;
}

static bool say_time(ft_saying *s) {
    ft_str text = s->tokens[s->at].text;
    clock_time c;
    int tokens = 0;
    if (text.len == 0 || text.len > 24) return false;
    if (!ft_is_digit(text.at[0])) return say_second_half(s, text);
    int half = half_behind(s, &tokens);
    if (say_played(s, text)) return true;
    if (!read_clock(&c, text)) return say_span(s, text, half, tokens);
    if (half && !c.half && c.hour >= 1 && c.hour <= 12) {
        c.half = half;
        s->taken = (size_t)tokens + 1;
    }
    static const char *const hours[] = { "h", "hs", "hr", "hrs", NULL };
    if (!c.half && c.minutes_given && !ft_is_english(s) && ft_joined(s, 0) &&
        ft_word_in(ft_text_at(s, 1), hours))
        s->taken = 2;
    return say_one(s, text, &c);
}

const ft_word_class ft_class_time = { "time", say_time };
