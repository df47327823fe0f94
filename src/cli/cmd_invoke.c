/* cmd_invoke.c -- `fettle invoke`: ask an endpoint, with one body or row by row from a data file.
 */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "cli/label.h"
#include "cli/listing.h"
#include "data/table.h"
#include "media/image.h"
#include "monitor/answer.h"
#include "net/client.h"
#include "serve/endpoint.h"
#include "serve/program.h"
#include "serve/serve.h"

#define BODY_MAX    ((size_t)64 << 20)
#define MARGIN_US   (10 * FT_SECOND_US) /* beside what the server gives a program for its answer */
#define ANSWERS_MAX 64                  /* distinct answers that are counted one by one */

static const ft_param options[] = {
    { "body", FT_PARAM_STRING, NULL, .doc = "FILE: send this file as it is ('-': standard input)" },
    { "data", FT_PARAM_STRING, NULL,
      .doc =
          "FILE: send its rows, each as one text/csv request (csv, libsvm, IDX); FOLDER: each of "
          "its pictures" },
    { "rows", FT_PARAM_INT, NULL, .min = 1, .max = 1e12,
      .doc = "N: only the first N rows or pictures of --data" },
    { "label", FT_PARAM_STRING, NULL,
      .doc = "COLUMN: the label of --data, which is not sent (as for train)" },
    { "alter", FT_PARAM_CHOICE, "none", .choices = "none|invert",
      .doc = "WORD: rehearse a shift: invert sends largest value minus value" },
    { "content-type", FT_PARAM_STRING, "text/csv", .doc = "TYPE: of --body" },
    { "accept", FT_PARAM_STRING, NULL, .doc = "TYPE: wanted answer, such as application/json" },
    { "url", FT_PARAM_STRING, NULL,
      .doc = "URL: the server (the one that serves this home when not given)" },
    { 0 }
};

typedef struct invoker {
    ft_cli *cli;
    ft_arena arena; /* one request */
    ft_str url, content_type;
    ft_model *model; /* of this home's endpoint, for what classes are called; may be NULL */
    const char *headers[4];
    ft_str answer[ANSWERS_MAX];
    int64_t answered[ANSWERS_MAX];
    int64_t timeout_us;
    size_t answer_count;
    uint64_t sent, other;
} invoker;

static ft_err send_one(invoker *v, ft_fetched *got, ft_str body) {
    ft_fetch req = { .method = "POST",
                     .url = v->url.at,
                     .body = body,
                     .headers = v->headers,
                     .timeout_us = v->timeout_us };
    FT_TRY(ft_http_fetch(got, &v->arena, &req));
    if (got->status != 200) {
        ft_str message;
        if (ft_json_find(&message, got->body, "error.message") != FT_OK) message = got->body;
        return FT_FAIL(got->status >= 500 ? FT_EPEER : FT_EINVAL, "the endpoint answered %d: %.*s",
                       got->status, FT_STR_ARG(ft_str_trim(message)));
    }
    v->sent++;
    return FT_OK;
}

static ft_err answer_count(invoker *v, ft_str answer) {
    answer = ft_str_trim(answer);
    for (size_t i = 0; i < v->answer_count; i++)
        if (ft_str_eq(v->answer[i], answer)) return v->answered[i]++, FT_OK;
    if (v->answer_count == ANSWERS_MAX) return v->other++, FT_OK;
    FT_TRY(ft_arena_str(&v->answer[v->answer_count], &v->cli->arena, answer));
    v->answered[v->answer_count++] = 1;
    return FT_OK;
}

/* A row as the client of a post would send it: values separated by commas, texts for categories. */
static void row_csv(ft_buf *buf, const ft_table *t, const float *row, float invert_from) {
    ft_buf_reset(buf);
    for (size_t c = 0; c < t->cols; c++) {
        const ft_feature *f = &t->schema->features[c];
        if (c) ft_buf_byte(buf, ',');
        if (isnan(row[c])) continue;
        if (f->is_category)
            ft_buf_add(buf, f->categories[(size_t)row[c]]);
        else
            ft_buf_f32(buf, isnan(invert_from) ? row[c] : invert_from - row[c]);
    }
}

static float largest(const ft_table *t) {
    float most = -INFINITY;
    size_t n = t->dense ? t->rows * t->cols : (size_t)t->indptr[t->rows];
    const float *at = t->dense ? t->dense : t->values;
    for (size_t i = 0; i < n; i++)
        if (at[i] > most) most = at[i];
    return most;
}

/* As the baseline takes it; another home's server is asked by --url, whose jobs are not known here.
 */
static ft_err as_trained(ft_table_opts *opts, ft_cli *cli) {
    ft_store *s;
    opts->label = ft_params_str(cli->options, "label");
    if (ft_params_given(cli->options, "url")) return FT_OK;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_cli_missing(&opts->missing, cli, s, cli->args[0]));
    return ft_cli_label(&opts->label, cli, s, cli->args[0]);
}

static ft_err send_rows(invoker *v) {
    const ft_params *o = v->cli->options;
    ft_table *t = NULL;
    ft_buf buf = { 0 };
    float *row;
    ft_fetched got;
    ft_err err;
    ft_table_opts opts = { .rows_max = (size_t)ft_params_int(o, "rows") };
    FT_TRY(as_trained(&opts, v->cli));
    FT_GOTO(err, ft_table_read(&t, ft_params_str(o, "data"), &opts));
    FT_GOTO(err, ft_arena_items(&row, &v->cli->arena, t->cols));
    float invert_from = ft_str_is(ft_params_str(o, "alter"), "invert") ? largest(t) : NAN;
    for (size_t r = 0; r < t->rows; r++) {
        ft_arena_reset(&v->arena);
        ft_table_row(t, r, row);
        row_csv(&buf, t, row, invert_from);
        FT_GOTO(err, buf.err);
        FT_GOTO(err, send_one(v, &got, ft_buf_str(&buf)));
        FT_GOTO(err, answer_count(v, got.body));
    }
done:
    ft_table_free(t);
    ft_buf_fini(&buf);
    return err;
}

static ft_err send_body(invoker *v) {
    ft_str body, path = ft_params_str(v->cli->options, "body");
    ft_fetched got;
    FT_TRY(ft_file_read(&body, &v->cli->arena, ft_str_is(path, "-") ? "/dev/stdin" : path.at,
                        BODY_MAX));
    FT_TRY(send_one(v, &got, body));
    fwrite(got.body.at, 1, got.body.len, stdout);
    if (!ft_str_ends(got.body, FT_STR("\n"))) putchar('\n');
    return FT_OK;
}

static ft_err tell_answers(invoker *v, int64_t began_us) {
    static const char *const columns[] = { "answer", "requests" };
    ft_listing l;
    ft_listing_init(&l, v->cli, columns, 2);
    for (size_t i = 0; i < v->answer_count; i++) {
        ft_listing_text(&l, v->answer[i]);
        ft_listing_int(&l, v->answered[i]);
    }
    if (v->other) ft_listing_text(&l, FT_STR("(others)")), ft_listing_int(&l, (int64_t)v->other);
    FT_TRY(ft_listing_print(&l, NULL));
    if (!v->cli->json)
        printf("%llu requests in %.2f s\n", (unsigned long long)v->sent,
               (double)(ft_clock_monotonic_us() - began_us) / 1e6);
    return FT_OK;
}

static ft_err url_of(invoker *v) {
    ft_str base = ft_params_str(v->cli->options, "url");
    if (!base.at) {
        ft_store *s;
        FT_TRY(ft_cli_store(&s, v->cli));
        FT_TRY(ft_serve_address(&base, s, &v->cli->arena));
    }
    while (ft_str_ends(base, FT_STR("/"))) base.len--;
    return ft_arena_printf(&v->url, &v->cli->arena, "%.*s/endpoints/%.*s/invocations",
                           FT_STR_ARG(base), FT_STR_ARG(v->cli->args[0]));
}

/* ---- a folder of pictures */

/* "class 3", or its label: of scores the place of the largest; another answer stands for itself. */
static ft_err class_of(ft_str *out, invoker *v, ft_str answer) {
    ft_answer *rows;
    size_t count;
    FT_TRY(ft_answer_rows(&rows, &count, &(ft_payload){ .bytes = answer }, &v->arena));
    *out = ft_str_trim(answer);
    if (count != 1 || rows[0].scores < 2) return FT_OK;
    int best = (int)rows[0].prediction;
    bool names = v->model && v->model->predictor->class_name;
    if (names) *out = v->model->predictor->class_name(v->model, best);
    return names && out->len ? FT_OK : ft_arena_printf(out, &v->arena, "class %d", best);
}

static ft_err send_picture(void *ctx, const char *path, ft_str below, const ft_file_info *info) {
    invoker *v = ctx;
    ft_str bytes, answer;
    ft_fetched got;
    int64_t most = ft_params_int(v->cli->options, "rows");
    FT_UNUSED(below);
    FT_UNUSED(info);
    if (most && (int64_t)v->sent >= most) return FT_OK;
    ft_arena_reset(&v->arena);
    FT_TRY(ft_file_read(&bytes, &v->arena, path, BODY_MAX));
    if (ft_image_sniff(bytes) == FT_IMAGE_UNKNOWN) return FT_OK;
    ft_err err = send_one(v, &got, bytes);
    if (err != FT_OK) return ft_err_prefix(err, "%s", path);
    FT_TRY(class_of(&answer, v, got.body));
    return answer_count(v, answer);
}

/* Names are a courtesy: without the model there are numbers. */
static void model_find(invoker *v) {
    ft_store *s;
    if (ft_params_given(v->cli->options, "url")) return;
    if (ft_cli_store(&s, v->cli) != FT_OK ||
        ft_endpoint_model(&v->model, s, v->cli->args[0]) != FT_OK)
        ft_err_clear();
}

static ft_err send_folder(invoker *v, const char *folder) {
    model_find(v);
    ft_dir_walker w = { .arena = &v->cli->arena, .file = send_picture, .ctx = v };
    FT_TRY(ft_dir_walk(&w, folder));
    return v->sent ? FT_OK : FT_FAIL(FT_EINVAL, "%s: it has no picture", folder);
}

static bool is_folder(ft_str path) {
    ft_file_info info;
    bool folder = path.at && ft_file_stat(&info, path.at) == FT_OK && info.is_dir;
    ft_err_clear();
    return folder;
}

static ft_err run(ft_cli *cli) {
    invoker v = { .cli = cli };
    ft_str type, accept;
    bool rows = ft_params_given(cli->options, "data");
    bool folder = is_folder(ft_params_str(cli->options, "data"));
    if (rows == ft_params_given(cli->options, "body"))
        return FT_FAIL(FT_EINVAL, "expected either --body FILE or --data FILE");
    FT_TRY(ft_program_ask_time(&v.timeout_us));
    v.timeout_us += MARGIN_US;
    FT_TRY(url_of(&v));
    FT_TRY(ft_arena_printf(&type, &cli->arena, "Content-Type: %.*s",
                           FT_STR_ARG(folder ? FT_STR("application/x-image")
                                      : rows ? FT_STR("text/csv")
                                             : ft_params_str(cli->options, "content-type"))));
    FT_TRY(ft_arena_printf(&accept, &cli->arena, "Accept: %.*s",
                           FT_STR_ARG(ft_params_given(cli->options, "accept")
                                          ? ft_params_str(cli->options, "accept")
                                          : FT_STR("*/*"))));
    v.headers[0] = type.at, v.headers[1] = accept.at;
    int64_t began_us = ft_clock_monotonic_us();
    ft_err err = folder ? send_folder(&v, ft_params_str(cli->options, "data").at)
                 : rows ? send_rows(&v)
                        : send_body(&v);
    if (err == FT_OK && rows) err = tell_answers(&v, began_us);
    if (v.model) v.model->predictor->free(v.model);
    ft_arena_fini(&v.arena);
    return err;
}

const ft_command ft_command_invoke = {
    .name = "invoke",
    .args = "ENDPOINT --body FILE | --data FILE",
    .args_min = 1,
    .args_max = 1,
    .doc = "ask an endpoint, with one body or row by row from a data file",
    .more = "  echo 1,2,3 | fettle invoke iris --body -\n"
            "  fettle invoke fashion --data t10k-images-idx3-ubyte.gz --rows 400",
    .options = options,
    .run = run
};
