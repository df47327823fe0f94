/* engine.c -- see engine.h. */
#include "trees/engine.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/lib.h"
#include "base/log.h"
#include "base/str.h"

#define WHY_BYTES_MAX 400

static const ft_lib_symbol symbols[] = {
#define X(name) { "XG" #name, offsetof(ft_xgb, name) },
    FT_XGB_TABLE(X)
#undef X
};

static ft_xgb api;
static void *handle;

/* "[05:25:22] WARNING: ./src/gbm/gbtree.cc:77: …": our log has its own time and place. */
static void on_log(const char *text) {
    const char *from = strstr(text, ": ");
    const char *place = from ? strstr(from + 2, ": ") : NULL;
    const char *said = place ? place + 2 : text;
    int len = (int)strcspn(said, "\n");
    if (len > 0) ft_log(FT_LOG_INFO, "xgboost", "%.*s", len, said);
}

ft_err ft_xgb_load(const ft_xgb **out) {
    *out = NULL;
    FT_TRY(ft_lib_load(&handle, "libxgboost.so.0|libxgboost.so", "libxgboost0", &api, symbols,
                       FT_COUNT(symbols)));
    api.BRegisterLogCallback(on_log);
    *out = &api;
    return FT_OK;
}

/* XGBoost's messages begin with time and place and end with a stack trace. */
static ft_str sentence_of(const char *text) {
    const char *end = strstr(text, "\nStack trace");
    ft_str s = ft_str_n(text, end ? (size_t)(end - text) : strlen(text));
    if (s.len && s.at[0] == '[') {
        size_t after = ft_str_find(s, ']') + 1;
        s = ft_str_trim(ft_str_from(s, after));
        ft_str rest = s, place = ft_str_cut(&rest, ' '); /* "./src/learner.cc:77:" */
        if (rest.at && ft_str_ends(place, FT_STR(":"))) s = ft_str_trim(rest);
    }
    return ft_str_trim(ft_str_slice(s, 0, WHY_BYTES_MAX));
}

ft_err ft_xgb_fail(const ft_xgb *x, const char *file, int line) {
    char text[WHY_BYTES_MAX + 1];
    ft_str s = sentence_of(x->BGetLastError());
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) /* one line, printable */
        if (s.at[i] != '\n' || (len && text[len - 1] != ' '))
            text[len++] = s.at[i] == '\n' || s.at[i] == '\t' ? ' ' : s.at[i];
    return ft_err_start(FT_EINVAL, file, line, "XGBoost: %.*s", (int)len, text);
}

const char *ft_xgb_version(const ft_xgb *x) {
    static _Thread_local char text[32];
    int major = 0, minor = 0, patch = 0;
    x->BoostVersion(&major, &minor, &patch);
    snprintf(text, sizeof text, "%d.%d.%d", major, minor, patch);
    return text;
}
