/* net.c -- the class "net": e-mail addresses, web addresses, file names, @names and #tags. */
#include "speech/say/say_in.h"

/* Ends of names that people say letter by letter, and those that they say as words. */
static const char *const lettered[] = { "edu",  "uk",  "us",   "tv",   "io",  "eu",  "mx",  "es",
                                        "ca",   "de",  "fr",   "jp",   "cn",  "br",  "ar",  "cl",
                                        "pe",   "au",  "nz",   "ru",   "it",  "nl",  "ch",  "ai",
                                        "fm",   "ly",  "pdf",  "txt",  "csv", "png", "xls", "xlsx",
                                        "docx", "ppt", "pptx", "html", "htm", "php", "xml", "mp3",
                                        "mp4",  "exe", "js",   "py",   "cpp", "svg", "md",  NULL };
static const char *const worded[] = { "com",   "net",  "org",  "gov",  "mil",  "info",   "biz",
                                      "co",    "me",   "app",  "dev",  "news", "online", "shop",
                                      "store", "site", "tech", "blog", "doc",  "jpg",    "jpeg",
                                      "gif",   "zip",  "json", "wav",  "gob",  NULL };

static void say_piece(ft_saying *s, ft_str piece) {
    static const char *const spelled[] = { "www", "http", "https", "ftp",  "html", "htm",
                                           "php", "api",  "faq",   "pdf",  "id",   "rss",
                                           "url", "nyt",  "bbc",   "cnn",  "nba",  "nfl",
                                           "ibm", "irs",  "cdc",   "nasa", NULL };
    if (ft_word_in(piece, spelled) && !ft_str_ieq(piece, FT_STR("nasa")))
        ft_say_letters(s, piece);
    else
        ft_say_part(s, piece);
}

/* Letters and digits as words, each sign by name. */
static void say_signs(ft_saying *s, ft_str text) {
    for (size_t i = 0; i < text.len;) {
        size_t from = i;
        while (i < text.len && (ft_is_letter(text.at[i]) || ft_is_digit(text.at[i]))) i++;
        if (i > from) {
            say_piece(s, ft_str_slice(text, from, i - from));
            continue;
        }
        if (text.at[i] == '-' && !ft_is_english(s))
            ft_say(s, "guion");
        else
            ft_say_sign(s, ft_str_slice(text, i, 1));
        i++;
    }
}

static void say_host(ft_saying *s, ft_str host) {
    size_t count = 0;
    for (ft_str rest = host; rest.at; count++) {
        ft_str label = ft_str_cut(&rest, '.');
        if (count) ft_say_sign(s, FT_STR("."));
        bool letters = count && label.len <= 4 && ft_word_in(label, lettered);
        letters ? ft_say_letters(s, label) : say_signs(s, label);
    }
}

/* ---- what is what */

/* Labels of letters, digits and hyphens between points, the last one an end that is known. */
static bool is_host(ft_str text) {
    size_t from = 0, labels = 0;
    ft_str last = { 0 };
    if (text.len > 253) return false;
    for (size_t i = 0; i <= text.len; i++) {
        char c = i < text.len ? text.at[i] : '.';
        if (c != '.' && c != '-' && !ft_is_digit(c) && !ft_is_letter(c)) return false;
        if (c != '.') continue;
        if (i == from) return false;
        last = ft_str_slice(text, from, i - from);
        labels++;
        from = i + 1;
    }
    return labels > 1 && (ft_word_in(last, lettered) || ft_word_in(last, worded));
}

static bool is_email(ft_str text, size_t *at) {
    *at = ft_str_find(text, '@');
    ft_str host = ft_str_from(text, *at + 1);
    return *at > 0 && host.len > 3 && ft_str_find(host, '@') == host.len &&
           ft_str_find(host, '.') < host.len;
}

/* "Node.js", "report.pdf": small letters behind the point, so no missing blank. */
static bool is_file(ft_str text) {
    size_t dot = ft_str_find(text, '.');
    ft_str end = ft_str_from(text, dot + 1);
    return dot > 0 && end.len && ft_is_lower(end.at[0]) && is_host(text);
}

/* ---- the class */

static bool say_url(ft_saying *s, ft_str text) {
    static const char *const schemes[] = { "https://", "http://", "ftp://", "sftp://",
                                           "s3://",    "file://", NULL };
    size_t scheme = ft_head_of(text, schemes);
    ft_str rest = ft_str_from(text, scheme);
    size_t slash = 0;
    while (slash < rest.len && !strchr("/?#:", rest.at[slash])) slash++;
    ft_str host = ft_str_slice(rest, 0, slash);
    bool www = ft_str_starts(host, FT_STR("www."));
    if (!scheme && !www && !(is_file(host) && (slash == rest.len || rest.at[slash] != ':')))
        return false;
    if (scheme) say_signs(s, ft_str_slice(text, 0, scheme));
    host.len ? say_host(s, host) : (void)0;
    say_signs(s, ft_str_from(rest, slash));
    return true;
}

/* "#BlackLivesMatter", "#1" */
static bool say_tag(ft_saying *s, ft_str text) {
    bool english = ft_is_english(s);
    ft_str rest = ft_str_from(text, 1);
    if (rest.len == 0) return false;
    bool number = ft_is_digit(rest.at[0]);
    for (size_t i = 0, small = 0; i < rest.len && i < 24; i++) { /* order #A12345 */
        small += ft_is_lower(rest.at[i]);
        if (ft_is_digit(rest.at[i]) && !small) number = true;
    }
    if (!number && !ft_is_letter(rest.at[0])) return false;
    ft_say(s, number ? english ? "number" : "número" : "hashtag");
    say_signs(s, rest);
    return true;
}

/* "2001:db8::1": groups of hexadecimal digits, one of them left out or eight of them. */
static bool say_address6(ft_saying *s, ft_str text) {
    size_t colons = 0;
    bool gap = false;
    if (text.len < 3 || text.len > 39) return false;
    for (size_t i = 0; i < text.len; i++) {
        bool hex = ft_is_digit(text.at[i]) || strchr("abcdefABCDEF", text.at[i]);
        if (!hex && text.at[i] != ':') return false;
        colons += text.at[i] == ':';
        gap |= i && text.at[i] == ':' && text.at[i - 1] == ':';
    }
    if (!gap && colons != 7) return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] == ':')
            ft_say(s, ft_is_english(s) ? "colon" : "dos puntos");
        else
            ft_say_letters(s, ft_str_slice(text, i, 1));
    return true;
}

static bool say_net(ft_saying *s) {
    ft_str text = s->tokens[s->at].text;
    size_t at;
    if (text.len < 2) return false;
    if (say_address6(s, text)) return true;
    if (text.at[0] == '#') return say_tag(s, text);
    if (text.at[0] == '@' && ft_is_letter(text.at[1])) {
        say_signs(s, text);
        return true;
    }
    bool drive = text.len > 3 && ft_is_upper(text.at[0]) && text.at[1] == ':' && text.at[2] == '\\';
    if (drive) { /* C:\Users */
        say_signs(s, text);
        return true;
    }
    bool path = text.len > 3 && text.at[0] == '/' && ft_is_letter(text.at[1]) &&
                ft_str_find(ft_str_from(text, 1), '/') + 1 < text.len;
    if (path) {
        say_signs(s, text);
        return true;
    }
    bool mailto = ft_str_starts(text, FT_STR("mailto:"));
    if (is_email(mailto ? ft_str_from(text, 7) : text, &at)) {
        if (mailto) text = ft_str_from(text, 7);
        if (mailto) ft_say(s, ft_is_english(s) ? "mail to" : "correo a");
        say_signs(s, ft_str_slice(text, 0, at));
        ft_say_sign(s, FT_STR("@"));
        say_host(s, ft_str_from(text, at + 1));
        return true;
    }
    return say_url(s, text);
}

const ft_word_class ft_class_net = { "net", say_net };
