/* try.c -- a rule over what is stored: the host's points and evaluations, without its storing. */
#include "watch/plan_in.h"

ft_err ft_watch_try(ft_store *s, const ft_watch_spec *spec, int64_t from, int64_t until,
                    ft_err (*each)(void *ctx, const ft_verdict *v), void *ctx) {
    ft_arena once = FT_ARENA_INIT((size_t)4 << 30);
    ft_watch_shared shared = { .store = s };
    ft_plan plan = { 0 };
    ft_watch_row row;
    ft_verdict v;
    int64_t at, window;
    ft_err err;
    bool all = from == 0 && until == 0;
    int64_t limit = all ? INT64_MAX : until;
    int64_t begin = all || from == INT64_MIN ? INT64_MIN : from - 1;
    FT_GOTO(err, ft_watch_row_make(&row, &once, spec));
    FT_GOTO(err, ft_plan_open(&plan, &shared, &row, begin));
    FT_GOTO(err, ft_watch_kind_check(&row, plan.rule));
    FT_GOTO(err, ft_watch_shared_refresh(&shared));
    while ((err = ft_plan_next(&plan, limit, &at, &window)) == FT_OK) {
        ft_arena_reset(&once);
        FT_GOTO(err, ft_plan_evaluate(&plan, at, window, &once, &v));
        plan.at = at;
        FT_GOTO(err, each(ctx, &v));
    }
    if (err == FT_ENOTFOUND) err = FT_OK; /* no more points */
done:
    ft_plan_close(&plan);
    ft_watch_shared_fini(&shared);
    ft_arena_fini(&once);
    return err;
}
