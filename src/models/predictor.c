/* predictor.c -- the registry of what serves; rows come from cli. See predictor.h. */
#include "models/predictor.h"

#include <stddef.h>

#include "base/buf.h"

static const ft_predictor *const none[] = { NULL };
static const ft_predictor *const *predictors = none;

void ft_predictors_use(const ft_predictor *const *rows) { predictors = rows ? rows : none; }

const ft_predictor *const *ft_predictors(void) { return predictors; }

const ft_predictor *ft_predictor_find(ft_str name) {
    for (const ft_predictor *const *p = predictors; *p; p++)
        if (ft_str_is(name, (*p)->name)) return *p;
    return NULL;
}

static ft_err nobody(const char *path) {
    ft_buf known = { 0 };
    for (const ft_predictor *const *p = predictors; *p; p++)
        ft_buf_printf(&known, "%s%s (%s)", known.len ? ", " : "", (*p)->name, (*p)->doc);
    ft_err err = FT_FAIL(FT_EUNSUPPORTED, "'%s' is no model that is known here: %s", path,
                         known.len ? known.at : "no predictor is registered");
    ft_buf_fini(&known);
    return err;
}

ft_err ft_predictor_for(const ft_predictor **out, const char *path) {
    int best = 0;
    *out = NULL;
    for (const ft_predictor *const *p = predictors; *p; p++) {
        int score = (*p)->sniff(path);
        if (score > best) {
            best = score;
            *out = *p;
        }
    }
    return *out ? FT_OK : nobody(path);
}
