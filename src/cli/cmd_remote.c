/* cmd_remote.c -- `fettle remote`: objects of this home and of other S3 servers: ls, get, put; what
 * the cache holds. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "cli/listing.h"
#include "data/source.h"
#include "store/objects.h"

#define WINDOW_BYTES ((size_t)1 << 20)

static const ft_param read_options[] = {
    { .name = "parts",
      .type = FT_PARAM_INT,
      .default_text = "8",
      .min = 1,
      .max = 64,
      .doc = "N: requests at a time" },
    { .name = "no-cache",
      .type = FT_PARAM_FLAG,
      .doc = "keep nothing of it, look at nothing kept" },
    { .name = "stats", .type = FT_PARAM_FLAG, .doc = "say what it cost" },
    { 0 }
};
static const ft_param cache_options[] = {
    { .name = "trim",
      .type = FT_PARAM_INT,
      .min = 0,
      .max = 1e18,
      .doc = "BYTES: drop what was used least recently until no more are left" },
    { 0 }
};

/* ---- ls */

static ft_err run_ls(ft_cli *cli) {
    static const char *const columns[] = { "uri", "bytes", "etag" };
    ft_store *store;
    ft_source *s;
    ft_listing l;
    size_t count;
    FT_TRY(ft_cli_store(&store, cli));
    ft_source_opts opts = { .home = ft_store_home(store), .type = FT_STR("S3Prefix") };
    FT_TRY(ft_source_open(&s, cli->args[0], &opts));
    const ft_part *parts = ft_source_parts(s, &count);
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (size_t i = 0; i < count; i++) {
        ft_listing_text(&l, parts[i].name);
        ft_listing_int(&l, (int64_t)parts[i].size_bytes);
        ft_listing_text(&l, parts[i].etag);
    }
    ft_err err = ft_listing_print(&l, "nothing there");
    ft_source_free(s);
    return err;
}

/* ---- get */

static ft_err stats_say(ft_cli *cli, const ft_source *s, uint64_t bytes, int64_t began_us) {
    ft_remote_stats t = ft_source_told(s);
    double seconds = (double)(ft_clock_monotonic_us() - began_us) / 1e6;
    FILE *to = cli->json ? stdout : stderr;
    if (cli->json)
        fprintf(to,
                "{\"bytes\":%llu,\"seconds\":%.6f,\"net_bytes\":%llu,\"cached_bytes\":%llu,"
                "\"requests\":%llu,\"retries\":%llu,\"wait_seconds\":%.6f}\n",
                (unsigned long long)bytes, seconds, (unsigned long long)t.net_bytes,
                (unsigned long long)t.cached_bytes, (unsigned long long)t.requests,
                (unsigned long long)t.retries, (double)t.wait_us / 1e6);
    else
        fprintf(to,
                "%llu bytes in %.2f s (%.0f MB/s): %llu over the network, %llu from the cache; "
                "%llu requests, %llu again; waited %.2f s\n",
                (unsigned long long)bytes, seconds, (double)bytes / 1e6 / (seconds + 1e-9),
                (unsigned long long)t.net_bytes, (unsigned long long)t.cached_bytes,
                (unsigned long long)t.requests, (unsigned long long)t.retries,
                (double)t.wait_us / 1e6);
    return FT_OK;
}

static ft_err copy_out(uint64_t *bytes, ft_source *s, int fd, const char *path) {
    ft_input *in = NULL;
    ft_str view;
    ft_err err;
    FT_GOTO(err,
            ft_source_input_all(&in, s, &(ft_input_opts){ .no_hash = true, .no_unpack = true }));
    for (*bytes = 0;; *bytes += view.len) {
        FT_GOTO(err, ft_input_peek(&view, in, WINDOW_BYTES));
        if (!view.len) break;
        FT_GOTO(err, ft_fd_write(fd, view.at, view.len, path));
        ft_input_skip(in, view.len);
    }
done:
    ft_input_free(in);
    return err;
}

/* Into a file beside it first: a get that fails leaves the old file. */
static ft_err get_file(uint64_t *bytes, ft_cli *cli, ft_source *s, ft_str to) {
    ft_str path, temporary;
    int fd = -1;
    FT_TRY(ft_arena_str(&path, &cli->arena, to));
    FT_TRY(ft_arena_printf(&temporary, &cli->arena, "%s.%d.part", path.at, (int)getpid()));
    FT_TRY(ft_fd_open(&fd, temporary.at, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    ft_err err = copy_out(bytes, s, fd, temporary.at);
    ft_fd_close(&fd);
    if (err == FT_OK) return ft_file_rename(temporary.at, path.at);
    unlink(temporary.at);
    return err;
}

static ft_err run_get(ft_cli *cli) {
    ft_store *store;
    ft_source *s;
    uint64_t bytes = 0;
    int64_t began_us = ft_clock_monotonic_us();
    ft_str to = cli->arg_count > 1 ? cli->args[1] : FT_STR("-");
    FT_TRY(ft_cli_store(&store, cli));
    ft_source_opts opts = { .home = ft_store_home(store),
                            .remote = { .parts = (int)ft_params_int(cli->options, "parts"),
                                        .no_cache = ft_params_bool(cli->options, "no-cache") } };
    FT_TRY(ft_source_open(&s, cli->args[0], &opts));
    ft_err err = ft_str_is(to, "-") ? copy_out(&bytes, s, STDOUT_FILENO, "standard output")
                                    : get_file(&bytes, cli, s, to);
    if (err == FT_OK && ft_params_bool(cli->options, "stats"))
        err = stats_say(cli, s, bytes, began_us);
    ft_source_free(s);
    return err;
}

/* ---- put */

static ft_err put_here(ft_store *store, const ft_uri *to, const char *path) {
    ft_object_writer *w = NULL;
    ft_source *s = NULL;
    ft_input *in = NULL;
    ft_str view;
    ft_err err;
    FT_GOTO(err, ft_source_open(&s, ft_str_of(path), NULL));
    FT_GOTO(err,
            ft_source_input(&in, s, 0, &(ft_input_opts){ .no_hash = true, .no_unpack = true }));
    FT_GOTO(err, ft_object_write(&w, store, to->bucket, to->key, NULL));
    for (;;) {
        FT_GOTO(err, ft_input_peek(&view, in, WINDOW_BYTES));
        if (!view.len) break;
        FT_GOTO(err, ft_object_write_add(w, view));
        ft_input_skip(in, view.len);
    }
    err = ft_object_write_commit(NULL, w);
    w = NULL;
done:
    ft_object_write_abort(w);
    ft_input_free(in);
    ft_source_free(s);
    return err;
}

static ft_err run_put(ft_cli *cli) {
    ft_store *store;
    ft_remote *r;
    ft_uri to;
    FT_TRY(ft_cli_store(&store, cli));
    FT_TRY(ft_uri_parse(&to, cli->args[1]));
    if (!to.key.len) return FT_FAIL(FT_EINVAL, "'%.*s' names no object", FT_STR_ARG(cli->args[1]));
    if (ft_bucket_exists(store, to.bucket)) {
        FT_TRY(put_here(store, &to, cli->args[0].at));
    } else {
        FT_TRY(ft_remote_new(&r, ft_store_home(store), NULL));
        ft_err err = ft_remote_put_file(NULL, r, &cli->arena, to.bucket, to.key, cli->args[0].at,
                                        (ft_str){ 0 });
        ft_remote_free(r);
        FT_TRY(err);
    }
    return ft_cli_done(cli, "%.*s is %.*s", FT_STR_ARG(cli->args[0]), FT_STR_ARG(cli->args[1]));
}

/* ---- cache */

static ft_err run_cache(ft_cli *cli) {
    static const char *const columns[] = { "objects", "bytes", "limit_bytes" };
    ft_store *store;
    ft_remote *r;
    ft_remote_cached now;
    ft_listing l;
    FT_TRY(ft_cli_store(&store, cli));
    FT_TRY(ft_remote_new(&r, ft_store_home(store), NULL));
    ft_err err = ft_params_given(cli->options, "trim")
                     ? ft_remote_cache_trim(&now, r, (uint64_t)ft_params_int(cli->options, "trim"))
                     : ft_remote_cache_size(&now, r);
    ft_remote_free(r);
    FT_TRY(err);
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    ft_listing_int(&l, (int64_t)now.entries);
    ft_listing_int(&l, (int64_t)now.bytes);
    ft_listing_int(&l, (int64_t)now.limit_bytes);
    return ft_listing_print(&l, NULL);
}

static const char more[] =
    "SOURCE is s3://bucket/key, s3://bucket/prefix, a file, a folder or a pattern. A bucket of "
    "this "
    "home is read\nfrom its files; another from the S3 server that remote.ini of the home, "
    "AWS_ENDPOINT_URL or ~/.aws/config names\n(docs/input-modes.md). What comes over the network "
    "stays in the home's cache.\n\n"
    "  AWS_ENDPOINT_URL=http://nas:9000 fettle remote get s3://photos/train.tar train.tar --stats";

const ft_command ft_command_remote_ls = { .name = "remote ls",
                                          .args = "SOURCE",
                                          .args_min = 1,
                                          .args_max = 1,
                                          .doc = "list the objects or files of a source",
                                          .more = more,
                                          .run = run_ls };
const ft_command ft_command_remote_get = { .name = "remote get",
                                           .args = "SOURCE [FILE]",
                                           .args_min = 1,
                                           .args_max = 2,
                                           .doc = "copy a source's bytes to a file, or print them",
                                           .more = more,
                                           .options = read_options,
                                           .run = run_get };
const ft_command ft_command_remote_put = { .name = "remote put",
                                           .args = "FILE S3URI",
                                           .args_min = 2,
                                           .args_max = 2,
                                           .doc = "make an object of a file, here or elsewhere",
                                           .more = more,
                                           .run = run_put };
const ft_command ft_command_remote_cache = { .name = "remote cache",
                                             .doc = "what the cache of remote objects holds",
                                             .options = cache_options,
                                             .run = run_cache };
