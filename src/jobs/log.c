/* log.c -- see log.h. */
#include "jobs/log.h"

#include "base/clock.h"
#include "streams/format.h"

static const ft_column columns[] = {
    { "time_us", FT_VALUE_INT, "when it was printed, µs since 1970" },
    { "message", FT_VALUE_TEXT, "one line" },
    { "ingested_us", FT_VALUE_INT, "when it was stored, µs since 1970" },
    { NULL, FT_VALUE_NULL, NULL },
};

const ft_stream_kind ft_kind_log = {
    .name = "log",
    .key = "source",
    .doc = "lines that jobs and others print",
    .columns = columns,
    .order_column = 0,
    .format = &ft_format_jsonl,
};

ft_err ft_job_log_line(ft_stream_writer *w, ft_str line) {
    int64_t now_us = ft_clock_now_us();
    if (!w) return FT_OK;
    ft_value values[FT_LOG_COLUMNS] = { [FT_LOG_TIME] = ft_value_int(now_us),
                                        [FT_LOG_MESSAGE] = ft_value_text(line),
                                        [FT_LOG_INGESTED] = ft_value_int(now_us) };
    return ft_stream_append(w, values);
}
