/* range.c -- the class "range": "10–12", "5-10%", "2019-20", scores "3-2", ratios "3:1", and digits
 * in groups ("123-45-6789"). */
#include "speech/say/say_in.h"

#define RANGE_BYTES_MAX 48
#define GROUPED_DIGITS  7 /* so many digits in three groups or more are a number of something */

static const char *const dashes[] = { "-", "–", "—", "−", NULL };

static bool month_before(const ft_saying *s) {
    bool is_short;
    return ft_month_of(s, ft_text_at(s, -1), &is_short) > 0;
}

/* Is it a figure, or a figure with something glued behind? */
static bool begins_figure(ft_str text) {
    size_t dollar = text.len && text.at[0] == '.' ? 1 : 0;
    return text.len > dollar && ft_is_digit(text.at[dollar]);
}

static const char *to_word(const ft_saying *s) { return ft_is_english(s) ? "to" : "a"; }

/* "2019-20" is two years, "2019–2021" too. */
static bool say_years(ft_saying *s, ft_str from, ft_str to) {
    if (!ft_is_year_like(from) || !(ft_is_year_like(to) || (to.len == 2 && ft_all_digits(to))))
        return false;
    ft_say_year(s, from);
    ft_say(s, to_word(s));
    to.len == 2 ? ft_say_pairs(s, to) : ft_say_year(s, to);
    return true;
}

/* "Nov. 22-24" */
static bool say_days(ft_saying *s, ft_str from, ft_str to) {
    long a = ft_small_number(from), b = ft_small_number(to);
    if (!ft_is_english(s) || !month_before(s) || a < 1 || a > 31 || b < 1 || b > 31) return false;
    ft_say_ordinal(s, from, FT_FORM_ALONE);
    ft_say(s, "to");
    ft_say_ordinal(s, to, FT_FORM_ALONE);
    return true;
}

static bool say_two(ft_saying *s, ft_str from, ft_str to) {
    if (!begins_figure(from) || !begins_figure(to)) return false;
    if (say_years(s, from, to) || say_days(s, from, to)) return true;
    bool jet = ft_all_digits(from) && from.len == 3 && from.at[0] == '7' && from.at[2] == '7' &&
               ft_is_digit(to.at[0]) &&
               (to.len == 1 || ft_str_starts(ft_str_from(to, 1), FT_STR("00")));
    if (jet) { /* a 787-9, the 737-800 */
        ft_say_pairs(s, from);
        ft_say(s, ft_is_english(s) ? "dash" : "guion");
        ft_say_part(s, to);
        return true;
    }
    ft_say_part(s, from);
    bool even = ft_str_eq(from, to) && ft_all_digits(from); /* 50-50, 20-20 */
    if (!even) ft_say(s, to_word(s));
    ft_say_part(s, to);
    return true;
}

/* Three groups of digits and more: one by one when they are long, else as numbers. */
static bool say_groups(ft_saying *s, ft_str text) {
    size_t digits = 0, groups = 1;
    for (size_t i = 0; i < text.len; i++) {
        bool digit = ft_is_digit(text.at[i]);
        if (!digit && (text.at[i] != '-' || i == 0 || i + 1 == text.len || text.at[i - 1] == '-'))
            return false;
        digits += digit;
        groups += !digit;
    }
    bool zip = groups == 2 && digits == 9 && text.at[5] == '-'; /* 97477-1234 */
    if (groups < 3 && !zip) return false;
    for (ft_str rest = text; rest.at;) {
        ft_str group = ft_str_cut(&rest, '-');
        digits >= GROUPED_DIGITS ? ft_say_digits(s, group) : ft_say_cardinal(s, group);
        if (rest.at && digits >= GROUPED_DIGITS) ft_say_pause(s);
    }
    return true;
}

static bool say_ratio(ft_saying *s, ft_str text) {
    size_t colon = ft_str_find(text, ':');
    ft_str a = ft_str_slice(text, 0, colon), b = ft_str_from(text, colon + 1);
    ft_figure first, second;
    if (!ft_figure_is(&first, a, s->language) || !ft_figure_is(&second, b, s->language))
        return false;
    ft_say_figure(s, &first, FT_FORM_ALONE);
    ft_say(s, to_word(s));
    ft_say_figure(s, &second, FT_FORM_ALONE);
    return true;
}

/* "1e-5", "6.02e23" */
static bool say_scientific(ft_saying *s, ft_str text) {
    ft_figure f, power;
    if (!ft_figure_read(&f, text, s->language) || f.len + 1 >= text.len ||
        (text.at[f.len] | 32) != 'e')
        return false;
    if (!ft_figure_is(&power, ft_str_from(text, f.len + 1), s->language) || power.fraction.len)
        return false;
    ft_say_figure(s, &f, FT_FORM_ALONE);
    ft_say(s, ft_is_english(s) ? "times ten to the" : "por diez a la");
    ft_say_figure(s, &power, FT_FORM_ALONE);
    return true;
}

static bool say_range(ft_saying *s) {
    ft_str text = s->tokens[s->at].text;
    if (text.len < 3 || text.len > RANGE_BYTES_MAX || !begins_figure(text)) return false;
    if (ft_str_find(text, ':') < text.len && say_ratio(s, text)) return true;
    if (say_groups(s, text) || say_scientific(s, text)) return true;
    for (size_t i = 1; i < text.len; i++) {
        size_t len = ft_head_of(ft_str_from(text, i), dashes);
        if (!len) continue;
        ft_str to = ft_str_from(text, i + len);
        for (size_t k = 0; k < to.len; k++)
            if (ft_head_of(ft_str_from(to, k), dashes)) return false; /* 3-to-5-year */
        return say_two(s, ft_str_slice(text, 0, i), to);
    }
    return false;
}

const ft_word_class ft_class_range = { "range", say_range };
