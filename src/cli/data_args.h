/* data_args.h -- what the `fettle data` commands share: sources on the command line, values for
 * people. */
#ifndef FT_DATA_ARGS_H
#define FT_DATA_ARGS_H

#include "cli/cli.h"
#include "data/dataset.h"
#include "data/source.h"

typedef struct ft_data_sources {
    ft_dataset *d;
    ft_source *kept[FT_ARGS_MAX]; /* objects of servers, as files of the cache */
    int kept_count;
} ft_data_sources;

/* The first `count` arguments as one dataset: files, folders, patterns, s3://…. Reads the options
 * "from", "payload", "label" and "record-max" where the command has them. */
ft_err ft_data_open(ft_data_sources *out, ft_cli *cli, int count);
void ft_data_close(ft_data_sources *s);

/* One value: a number, a short text, "JPEG 640x480", "float32[3, 224, 224]". */
ft_err ft_data_value(ft_buf *out, const ft_field *f, const ft_array *v, bool whole);
/* "uint8[256, 256, 3]", "image", "text". */
ft_err ft_data_type(ft_buf *out, const ft_field *f);
/* "fts: 12 shards, 50000 records; image uint8[256, 256, 3], label int64". */
ft_err ft_data_summary(ft_buf *out, const ft_dataset *d);

#define FT_DATA_SOURCE_OPTIONS                                                                    \
    { .name = "from",                                                                             \
      .type = FT_PARAM_STRING,                                                                    \
      .doc = "FORMAT: of the source; by content when not given" },                                \
        { .name = "payload",                                                                      \
          .type = FT_PARAM_STRING,                                                                \
          .doc = "KIND: what records hold: example, mxnet, sagemaker, json or bytes; by content " \
                 "when not given" },                                                              \
        { .name = "label",                                                                        \
          .type = FT_PARAM_STRING,                                                                \
          .doc = "COLUMN: the label's name or number in CSV; none: a folder has no classes" },    \
    {                                                                                             \
        .name = "record-max", .type = FT_PARAM_INT, .default_text = "64", .min = 1, .max = 65536, \
        .doc = "MB: the largest record that is read"                                              \
    }

#endif
