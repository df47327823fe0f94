/* telephone.c -- the class "telephone": numbers of the North American plan and, behind a '+' or a
 * word that announces one, of others. Digits one by one, a pause between the groups; 800 and 900
 * are hundreds.
 *
 * Source: ITU-T E.123, Notation for national and international telephone numbers; NANPA. */
#include "speech/say/say_in.h"

#define GROUPS_MAX          8
#define TOKENS_MAX          7
#define TELEPHONE_BYTES_MAX 40

typedef struct telephone {
    ft_str groups[GROUPS_MAX]; /* digits, or letters of a name ("FLOWERS") */
    int count;
    size_t digits;
    bool plus;
    ft_str extension;
} telephone;

/* ---- reading */

static bool add_group(telephone *t, ft_str group) {
    if (t->count == GROUPS_MAX) return false;
    t->groups[t->count++] = group;
    t->digits += group.len;
    return true;
}

/* "x345" behind the number. */
static bool read_extension(telephone *t, ft_str rest) {
    static const char *const marks[] = { "ext.", "ext", "x", NULL };
    size_t len = ft_head_of(rest, marks);
    t->extension = ft_str_from(rest, len);
    return len && t->extension.len <= 7 && ft_all_digits(t->extension);
}

/* Groups of digits and capitals between '-', '.', blanks and brackets. */
static bool read_groups(telephone *t, ft_str text) {
    for (size_t i = 0; i < text.len;) {
        size_t from = i;
        while (i < text.len && (ft_is_digit(text.at[i]) || ft_is_upper(text.at[i]))) i++;
        if (i > from && !add_group(t, ft_str_slice(text, from, i - from))) return false;
        if (i == text.len) break;
        if (text.at[i] == '+' && i == 0) {
            t->plus = true;
        } else if (!strchr("-. ()", text.at[i])) {
            return t->count && read_extension(t, ft_str_from(text, i));
        } else if (strchr("-.", text.at[i]) && i + 1 < text.len && strchr("-.", text.at[i + 1])) {
            return false;
        }
        i++;
    }
    return t->count > 0;
}

static bool lengths_are(const telephone *t, int from, const char *lengths) {
    int count = (int)strlen(lengths);
    if (t->count - from != count) return false;
    for (int i = 0; i < count; i++)
        if (t->groups[from + i].len != (size_t)(lengths[i] - '0') ||
            !ft_all_digits(t->groups[from + i]))
            return false;
    return true;
}

static bool is_one(ft_str group) { return ft_str_is(group, "1"); }

/* A number of the North American plan: 555-1234, 202-555-1234, 1-800-… */
static bool is_american(const telephone *t) {
    int from = t->count > 2 && is_one(t->groups[0]);
    return lengths_are(t, from, "334") || (from == 0 && lengths_are(t, 0, "34"));
}

/* 1-800-FLOWERS, 1-800-GO-FEDEX, 800-555-HELP */
static bool is_vanity(const telephone *t) {
    static const char *const free_codes[] = { "800", "888", "877", "866", "855",
                                              "844", "833", "900", NULL };
    int from = is_one(t->groups[0]);
    bool letters = false;
    if (t->count < from + 2 || !ft_word_in_exact(t->groups[from], free_codes)) return false;
    for (int i = from + 1; i < t->count; i++) {
        letters |= ft_all_upper(t->groups[i]);
        if (!ft_all_upper(t->groups[i]) && !ft_all_digits(t->groups[i])) return false;
    }
    return letters && t->digits >= 9;
}

static bool all_digits(const telephone *t) {
    for (int i = 0; i < t->count; i++)
        if (!ft_all_digits(t->groups[i])) return false;
    return true;
}

/* ---- saying */

static void say_group(ft_saying *s, ft_str group) {
    bool hundreds = ft_is_english(s) && (ft_str_is(group, "800") || ft_str_is(group, "900"));
    if (hundreds)
        ft_say_cardinal(s, group);
    else if (ft_all_digits(group))
        ft_say_digits(s, group);
    else if (group.len > 3 && ft_all_upper(group)) { /* FLOWERS: a word */
        char word[TELEPHONE_BYTES_MAX];
        size_t len = group.len < sizeof word ? group.len : sizeof word;
        for (size_t i = 0; i < len; i++) word[i] = (char)(group.at[i] | 32);
        ft_say_str(s, ft_str_n(word, len));
    } else {
        ft_say_letters(s, group);
    }
}

/* Ten digits in one group are said as 3, 3 and 4. */
static void say_long_group(ft_saying *s, ft_str group) {
    if (!ft_all_digits(group)) {
        say_group(s, group);
        return;
    }
    bool one = group.len == 11 && group.at[0] == '1';
    if (one) {
        say_group(s, ft_str_slice(group, 0, 1));
        ft_say_pause(s);
        group = ft_str_from(group, 1);
    }
    if (group.len == 10) {
        say_group(s, ft_str_slice(group, 0, 3));
        ft_say_pause(s);
        group = ft_str_from(group, 3);
    }
    if (group.len == 7) {
        say_group(s, ft_str_slice(group, 0, 3));
        ft_say_pause(s);
        group = ft_str_from(group, 3);
    }
    say_group(s, group);
}

static void say_groups(ft_saying *s, const telephone *t) {
    if (t->plus) ft_say(s, ft_is_english(s) ? "plus" : "más");
    for (int i = 0; i < t->count; i++) {
        say_long_group(s, t->groups[i]);
        if (i + 1 < t->count) ft_say_pause(s);
    }
    if (!t->extension.len) return;
    ft_say_pause(s);
    ft_say(s, ft_is_english(s) ? "extension" : "extensión");
    ft_say_digits(s, t->extension);
}

bool ft_say_telephone(ft_saying *s, ft_str text) {
    telephone t = { 0 };
    if (text.len > 1 && (text.at[0] | 32) == 'x' && ft_all_digits(ft_str_from(text, 1))) {
        ft_say(s, ft_is_english(s) ? "extension" : "extensión"); /* x1234 */
        ft_say_digits(s, ft_str_from(text, 1));
        return true;
    }
    if (text.len > TELEPHONE_BYTES_MAX || !read_groups(&t, text) || t.digits < 3) return false;
    say_groups(s, &t);
    return true;
}

/* ---- the class: a number over several tokens */

static const char *const announces[FT_TONGUES][24] = {
    { "call", "phone", "telephone", "tel", "fax", "dial", "text", "cell", "mobile", "hotline", "at",
      "number", NULL },
    { "llame", "llamar", "llama", "teléfono", "tel", "fax", "marque", "celular", "número", "línea",
      NULL },
};

static bool is_announced(const ft_saying *s) {
    for (int i = -1; i >= -3 && s->at >= (size_t)-i; i--)
        if (ft_word_in(ft_text_at(s, i), announces[s->language->tongue])) return true;
    return false;
}

static bool is_part(ft_str text) {
    for (size_t i = 0; i < text.len; i++)
        if (!ft_is_digit(text.at[i]) && text.at[i] != '-' && text.at[i] != '.' &&
            text.at[i] != '(' && text.at[i] != ')')
            return false;
    return text.len > 0;
}

/* May the token `ahead` go on with the number? Only brackets may stand around it. */
static bool goes_on(const ft_saying *s, int ahead) {
    const ft_token *a = ft_saying_token(s, ahead - 1), *b = ft_saying_token(s, ahead);
    if (!b || b->whole || !is_part(b->text)) return false;
    bool area = ft_str_is(b->before, "(") && ahead <= 1 && b->text.len == 3; /* 1 (800) … */
    bool open = b->before.len == 0 || area;
    return open && (a->after.len == 0 || ft_str_is(a->after, ")"));
}

static bool announced_digits(const ft_saying *s, const telephone *t) {
    bool long_enough = t->digits >= 7 && t->digits <= 13 && all_digits(t);
    for (int i = 0; i < t->count; i++) /* 1000-2000 is a range, wherever it stands */
        if (t->count > 1 && t->groups[i].len < 2 && i) return false;
    return long_enough && (t->count != 2 || t->groups[0].len != t->groups[1].len) &&
           is_announced(s);
}

static bool is_number(const ft_saying *s, const telephone *t) {
    if (t->plus) return t->digits >= 7 && t->digits <= 15 && all_digits(t);
    bool mexican = !ft_is_english(s) && lengths_are(t, 0, "244");
    return mexican || is_american(t) || is_vanity(t) || announced_digits(s, t);
}

static bool say_telephone(ft_saying *s) {
    const ft_token *first = &s->tokens[s->at];
    ft_str text = first->text;
    bool digits = text.len && (ft_is_digit(text.at[0]) ||
                               (text.at[0] == '+' && text.len > 1 && ft_is_digit(text.at[1])));
    if (text.len && text.at[0] == '(' && text.len > 1) digits = ft_is_digit(text.at[1]);
    if (!digits || text.len > TELEPHONE_BYTES_MAX) return false;
    telephone t = { 0 }, best = { 0 };
    size_t taken = 0;
    for (int i = 0; i < TOKENS_MAX; i++) {
        if (i && !goes_on(s, i)) break;
        if (!read_groups(&t, ft_text_at(s, i))) break;
        bool one_point = i == 0 && t.count == 2 && memchr(text.at, '.', text.len);
        bool local = lengths_are(&t, 0, "34") && i > 0; /* "page 123 4567 people" */
        if (one_point || !is_number(s, &t) || (local && !is_announced(s))) continue;
        best = t;
        taken = (size_t)i + 1;
    }
    if (!taken) return false;
    say_groups(s, &best);
    s->taken = taken;
    return true;
}

const ft_word_class ft_class_telephone = { "telephone", say_telephone };
