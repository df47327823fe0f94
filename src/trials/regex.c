/* regex.c -- see regex.h. */
#include "trials/regex.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/fault.h"
#include "base/lib.h"

/* A hook's expression over a name of 1,000 bytes needs some thousand steps; a hostile one ends
 * after about a millisecond. */
#define MATCH_STEPS_MAX 200000
#define MATCH_HEAP_KIB  1024

struct ft_regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
    uint32_t groups;
    char pattern[]; /* for messages */
};

static struct {
    pcre2_code *(*compile)(PCRE2_SPTR, PCRE2_SIZE, uint32_t, int *, PCRE2_SIZE *,
                           pcre2_compile_context *);
    int (*match)(const pcre2_code *, PCRE2_SPTR, PCRE2_SIZE, PCRE2_SIZE, uint32_t,
                 pcre2_match_data *, pcre2_match_context *);
    pcre2_match_data *(*data_new)(const pcre2_code *, pcre2_general_context *);
    pcre2_match_context *(*limits_new)(pcre2_general_context *);
    int (*set_steps)(pcre2_match_context *, uint32_t);
    int (*set_heap)(pcre2_match_context *, uint32_t);
    int (*info)(const pcre2_code *, uint32_t, void *);
    PCRE2_SIZE *(*places)(pcre2_match_data *);
    int (*message)(int, PCRE2_UCHAR *, PCRE2_SIZE);
    void (*code_free)(pcre2_code *);
    void (*data_free)(pcre2_match_data *);
    void (*limits_free)(pcre2_match_context *);
} api;
static void *library;

static const ft_lib_symbol symbols[] = {
    { "pcre2_compile_8", offsetof(__typeof__(api), compile) },
    { "pcre2_match_8", offsetof(__typeof__(api), match) },
    { "pcre2_match_data_create_from_pattern_8", offsetof(__typeof__(api), data_new) },
    { "pcre2_match_context_create_8", offsetof(__typeof__(api), limits_new) },
    { "pcre2_set_match_limit_8", offsetof(__typeof__(api), set_steps) },
    { "pcre2_set_heap_limit_8", offsetof(__typeof__(api), set_heap) },
    { "pcre2_pattern_info_8", offsetof(__typeof__(api), info) },
    { "pcre2_get_ovector_pointer_8", offsetof(__typeof__(api), places) },
    { "pcre2_get_error_message_8", offsetof(__typeof__(api), message) },
    { "pcre2_code_free_8", offsetof(__typeof__(api), code_free) },
    { "pcre2_match_data_free_8", offsetof(__typeof__(api), data_free) },
    { "pcre2_match_context_free_8", offsetof(__typeof__(api), limits_free) },
};

/* Python's \Z is the very end; PCRE2 writes that \z. */
static void translate(char *pattern) {
    for (char *p = pattern; p[0]; p++)
        if (p[0] == '\\' && p[1]) {
            if (p[1] == 'Z') p[1] = 'z';
            p++;
        }
}

static ft_err refuse(int code, size_t at, ft_str pattern) {
    PCRE2_UCHAR text[128] = "";
    api.message(code, text, sizeof text);
    return FT_FAIL(FT_EINVAL, "regular expression '%.*s', column %zu: %s", FT_STR_ARG(pattern),
                   at + 1, (const char *)text);
}

static ft_err regex_new(ft_regex **out, ft_str pattern, uint32_t how) {
    *out = NULL;
    FT_TRY(ft_lib_load(&library, "libpcre2-8.so.0", "libpcre2-8-0", &api, symbols,
                       sizeof symbols / sizeof symbols[0]));
    if (pattern.len > FT_REGEX_BYTES_MAX)
        return FT_FAIL(FT_EINVAL, "a regular expression of %zu bytes: at most %d are read",
                       pattern.len, FT_REGEX_BYTES_MAX);
    if (pattern.len && memchr(pattern.at, '\0', pattern.len))
        return FT_FAIL(FT_EINVAL, "a regular expression holds a zero byte");
    ft_regex *re = ft_fault_here() ? NULL : calloc(1, sizeof *re + pattern.len + 1);
    if (!re) return FT_FAIL(FT_ENOMEM, "no memory for a regular expression");
    if (pattern.len) memcpy(re->pattern, pattern.at, pattern.len);
    ft_err err = FT_OK;
    int code = 0;
    PCRE2_SIZE at = 0;
    translate(re->pattern);
    re->code =
        api.compile((PCRE2_SPTR)re->pattern, pattern.len,
                    how | PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
                    &code, &at, NULL);
    if (!re->code) FT_GOTO(err, refuse(code, at, pattern));
    re->data = api.data_new(re->code, NULL);
    re->limits = api.limits_new(NULL);
    if (!re->data || !re->limits || ft_fault_here())
        FT_GOTO(err, FT_FAIL(FT_ENOMEM, "no memory for a regular expression"));
    api.info(re->code, PCRE2_INFO_CAPTURECOUNT, &re->groups);
    api.set_steps(re->limits, MATCH_STEPS_MAX);
    api.set_heap(re->limits, MATCH_HEAP_KIB);
    *out = re;
    re = NULL;
done:
    ft_regex_free(re);
    return err;
}

ft_err ft_regex_new(ft_regex **out, ft_str pattern) {
    return regex_new(out, pattern, PCRE2_ANCHORED);
}

ft_err ft_regex_new_anywhere(ft_regex **out, ft_str pattern) { return regex_new(out, pattern, 0); }

ft_err ft_regex_find(bool *out, ft_str *group, ft_regex *re, ft_str text) {
    FT_TRY(ft_regex_match(out, re, text));
    if (!*out) return FT_OK;
    const PCRE2_SIZE *at = api.places(re->data) + (re->groups ? 2 : 0);
    bool taken = at[0] != PCRE2_UNSET;
    *group = taken ? ft_str_slice(text, at[0], at[1] - at[0]) : FT_STR("");
    return FT_OK;
}

ft_err ft_regex_match(bool *out, ft_regex *re, ft_str text) {
    int n = api.match(re->code, (PCRE2_SPTR)(text.at ? text.at : ""), text.len, 0, 0, re->data,
                      re->limits);
    *out = n >= 0;
    if (n >= 0 || n == PCRE2_ERROR_NOMATCH) return FT_OK;
    if (n == PCRE2_ERROR_MATCHLIMIT || n == PCRE2_ERROR_HEAPLIMIT || n == PCRE2_ERROR_DEPTHLIMIT)
        return FT_FAIL(FT_ETOOBIG,
                       "regular expression '%s' needs more than %d steps for '%.*s': make it "
                       "simpler",
                       re->pattern, MATCH_STEPS_MAX, FT_STR_ARG(text));
    PCRE2_UCHAR why[128] = "";
    api.message(n, why, sizeof why);
    return FT_FAIL(FT_EINVAL, "regular expression '%s' on '%.*s': %s", re->pattern,
                   FT_STR_ARG(text), (const char *)why);
}

void ft_regex_free(ft_regex *re) {
    if (!re) return;
    if (re->code) api.code_free(re->code);
    if (re->data) api.data_free(re->data);
    if (re->limits) api.limits_free(re->limits);
    free(re);
}
