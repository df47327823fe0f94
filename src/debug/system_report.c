/* system_report.c -- see system_report.h. */
#include "debug/system_report.h"

#include <math.h>

#include "base/clock.h"
#include "report/page.h"

static void fact_time(ft_page *p, const char *name, int64_t us) {
    char text[FT_TIME_TEXT];
    ft_page_fact(p, name, us > 0 ? ft_str_of(ft_time_iso(text, us, true)) : FT_STR(""));
}

static double seconds(int64_t from_us, int64_t to_us) {
    return from_us > 0 && to_us >= from_us ? (double)(to_us - from_us) / 1e6 : NAN;
}

ft_err ft_system_report(ft_buf *out, const ft_system_report_opts *o) {
    static const char *const columns[] = { "Part", "Seconds", "Share of the job, %" };
    const struct {
        ft_str name;
        double seconds;
    } parts[] = { { FT_STR("Initialization"), seconds(o->started_us, o->loop_us) },
                  { FT_STR("Training loop"), seconds(o->loop_us, o->loop_end_us) },
                  { FT_STR("Finalization"), seconds(o->loop_end_us, o->ended_us) } };
    double whole = seconds(o->started_us, o->ended_us);
    ft_page p = { 0 };
    ft_page_begin(&p, FT_STR("Profiler report"), o->job);
    ft_page_section(&p, FT_STR("Training Job Summary"));
    ft_page_facts_begin(&p);
    ft_page_fact(&p, "Status", o->status);
    fact_time(&p, "start_time", o->started_us);
    fact_time(&p, "end_time", o->ended_us);
    fact_time(&p, "training_loop_start", o->loop_us);
    fact_time(&p, "training_loop_end", o->loop_end_us);
    ft_page_facts_end(&p);
    ft_page_table_begin(&p, columns, 3);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        ft_page_cell(&p, parts[i].name);
        ft_page_cell_number(&p, parts[i].seconds, 3);
        ft_page_cell_number(&p, 100 * parts[i].seconds / whole, 1);
    }
    ft_page_table_end(&p);
    if (isfinite(whole))
        ft_page_text(&p, "%lld steps; %.3f s in all.", (long long)o->steps, whole);
    else
        ft_page_text(&p, "%lld steps; the job has not ended.", (long long)o->steps);
    ft_page_section(&p, FT_STR("System Usage Statistics"));
    ft_page_text(&p, "Processor, memory and network were not sampled during this job, so the rules "
                     "over them were not evaluated.");
    ft_err err = ft_page_end(&p, out);
    ft_page_fini(&p);
    return err;
}
