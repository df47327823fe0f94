/* kinds.c -- the stream kinds that the hook writes: numbers of every step, tensors of some. */
#include "debug/hook.h"
#include "debug/system_sample.h"
#include "streams/format.h"
#include "trials/trial_stream.h"

static const ft_column metric_columns[] = {
    { "step", FT_VALUE_INT, "training step, from 0" },
    { "name", FT_VALUE_TEXT, "such as train-logloss" },
    { "value", FT_VALUE_F64, "" },
    { "time_us", FT_VALUE_INT, "when it was emitted, µs since 1970" },
    { NULL, FT_VALUE_NULL, NULL },
};

const ft_stream_kind ft_kind_metric = {
    .name = "metric",
    .key = "job",
    .doc = "every scalar of every training step",
    .columns = metric_columns,
    .order_column = 0,
    .format = &ft_format_rows,
};

static const ft_column tensor_columns[FT_TENSOR_COLUMN_COUNT + 1] = {
    { "step", FT_VALUE_INT, "global step" },
    { "name", FT_VALUE_TEXT, "such as feature_importance/gain/f3" },
    { "mode", FT_VALUE_TEXT, "TRAIN, EVAL, PREDICT or GLOBAL" },
    { "mode_step", FT_VALUE_INT, "step in the mode's own count" },
    { "dtype", FT_VALUE_TEXT, "NumPy's name of the type; string for texts" },
    { "shape", FT_VALUE_TEXT, "such as 3x784; empty for a scalar" },
    { "count", FT_VALUE_INT, "items" },
    { "value", FT_VALUE_F64, "of a tensor with one item" },
    { "min", FT_VALUE_F64, "" },
    { "max", FT_VALUE_F64, "" },
    { "mean", FT_VALUE_F64, "" },
    { NULL, FT_VALUE_NULL, NULL },
};

const ft_stream_kind ft_kind_tensor = {
    .name = "tensor",
    .key = "job",
    .doc = "tensors kept by the debugger's hook, by step",
    .columns = tensor_columns,
    .order_column = 0,
    .format = &ft_format_trial,
};

static const ft_column system_columns[FT_SYSTEM_COLUMNS + 1] = {
    { "time_us", FT_VALUE_INT, "of the sample, µs since 1970" },
    { "type", FT_VALUE_TEXT, "cpu, memory, i/o, network or gpu" },
    { "name", FT_VALUE_TEXT, "such as cpu0 or MemoryUsedPercent" },
    { "dimension", FT_VALUE_TEXT, "such as CPUUtilization" },
    { "value", FT_VALUE_F64, "percent, bytes a second or operations a second" },
    { NULL, FT_VALUE_NULL, NULL },
};

const ft_stream_kind ft_kind_system = {
    .name = "system",
    .key = "job",
    .doc = "what the machine did while a job was profiled",
    .columns = system_columns,
    .order_column = FT_SYSTEM_TIME,
    .format = &ft_format_rows,
};
