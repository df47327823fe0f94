/* cmd_network.c -- `fettle run`: a network over one picture or array, without a server; `fettle
 * model show`: what a network is made of and how it will run here. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "cli/listing.h"
#include "cli/model_place.h"
#include "cli/network_args.h"
#include "data/npy.h"
#include "media/image.h"
#include "nn/network.h"
#include "nn/op.h"
#include "nn/session.h"

#define FILE_MAX  ((size_t)256 << 20)
#define SIDE_OPEN 224 /* of inputs whose sides the model leaves open */

static const ft_param run_options[] = {
    { "top", FT_PARAM_INT, "5", .min = 1, .max = 1000, .doc = "N: the best N classes" },
    { "threads", FT_PARAM_INT, "1", .min = 1, .max = 256, .doc = "N: threads of the run" },
    { "math", FT_PARAM_CHOICE, "f32", .choices = "f32|bf16",
      .doc = "WORD: bf16 where the processor has it" },
    { "out", FT_PARAM_STRING, NULL, .doc = "FILE.npy: write the first output there" },
    { "out-folder", FT_PARAM_STRING, NULL,
      .doc = "FOLDER: write every output there, as 0.npy, 1.npy and on" },
    { "repeat", FT_PARAM_INT, "1", .min = 1, .max = 1e6,
      .doc = "N: run so often and print the median time" },
    { 0 }
};

static const ft_param show_options[] = {
    { "threads", FT_PARAM_INT, "1", .min = 1, .max = 256, .doc = "N: plan for so many threads" },
    { "math", FT_PARAM_CHOICE, "f32", .choices = "f32|bf16",
      .doc = "WORD: bf16 where the processor has it" },
    { "layers", FT_PARAM_FLAG, NULL, .doc = "every layer as it was written, not as it will run" },
    { 0 }
};

typedef struct running { /* a network, ready */
    ft_nn_network *network;
    ft_nn_model *model;
    ft_nn_session *session;
} running;

static void running_free(running *r) {
    ft_nn_session_free(r->session);
    if (r->model) r->network->graph = NULL; /* the model's */
    ft_nn_model_free(r->model);
    ft_nn_network_free(r->network);
}

static ft_err running_open(running *r, ft_cli *cli) {
    ft_nn_session_opts opts = { .threads = (int)ft_params_int(cli->options, "threads"),
                                .math = ft_str_is(ft_params_str(cli->options, "math"), "bf16")
                                            ? FT_NN_MATH_BF16
                                            : FT_NN_MATH_F32 };
    ft_str path = { 0 };
    FT_TRY(ft_cli_model_file(&path, cli, cli->args[0]));
    FT_TRY(ft_nn_network_read(&r->network, path.at));
    ft_err err = ft_nn_model_new(&r->model, r->network->graph);
    if (err != FT_OK) r->network->graph = NULL;
    FT_TRY(err);
    return ft_nn_session_new(&r->session, r->model, &opts);
}

/* ---- run */

static ft_err read_input(ft_array *out, const running *r, ft_cli *cli, ft_str name) {
    ft_str path = { 0 }, bytes = { 0 };
    FT_TRY(ft_arena_str(&path, &cli->arena, name));
    FT_TRY(ft_file_read(&bytes, &cli->arena, path.at, FILE_MAX));
    ft_err err = FT_OK;
    if (ft_image_sniff(bytes) != FT_IMAGE_UNKNOWN)
        err = ft_nn_picture(out, r->network, bytes, &cli->arena);
    else if (ft_npy_is(bytes))
        err = ft_npy_read(out, &cli->arena, bytes);
    else
        err = FT_FAIL(FT_EMEDIA, "neither a picture (JPEG, PNG, PPM) nor a NumPy file (.npy)");
    return err == FT_OK ? FT_OK : ft_err_prefix(err, "%s", path.at);
}

static int by_number(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static ft_err run_often(ft_array *outputs, const running *r, const ft_array *input, ft_cli *cli,
                        double *median_ms) {
    int64_t times = ft_params_int(cli->options, "repeat");
    double *spent;
    FT_TRY(ft_arena_items(&spent, &cli->arena, (size_t)times));
    ft_arena arena = FT_ARENA_INIT((size_t)4 << 30);
    ft_err err = ft_nn_run(r->session, input, outputs, &cli->arena, NULL);
    for (int64_t i = 0; err == FT_OK && i < times && times > 1; i++) {
        ft_array ignored[64];
        if (r->network->graph->output_count > 64) break;
        ft_arena_reset(&arena);
        int64_t began = ft_clock_monotonic_us();
        err = ft_nn_run(r->session, input, ignored, &arena, NULL);
        spent[i] = (double)(ft_clock_monotonic_us() - began) / 1000;
    }
    ft_arena_fini(&arena);
    qsort(spent, (size_t)times, sizeof *spent, by_number);
    *median_ms = times > 1 ? spent[times / 2] : 0;
    return err;
}

/* One file's results, or more: then each row begins with its file. */
typedef struct results {
    ft_listing listing;
    const running *r;
    ft_cli *cli;
    bool files; /* more than one */
} results;

static bool are_classes(const ft_nn_graph *g, const ft_array *a) {
    return g->output_count == 1 && a->ndim == 2 && a->shape[0] == 1 && a->shape[1] > 1;
}

static ft_err add_classes(results *w, ft_str file, const ft_array *a) {
    double *p;
    int64_t count = a->shape[1], top = ft_params_int(w->cli->options, "top");
    FT_TRY(ft_arena_items(&p, &w->cli->arena, (size_t)count));
    for (int64_t i = 0; i < count; i++) p[i] = ft_array_f64(a, i);
    for (int64_t k = 0; k < top && k < count; k++) {
        int64_t best = 0;
        for (int64_t i = 1; i < count; i++)
            if (p[i] > p[best] || isnan(p[best])) best = i;
        bool named = (size_t)best < w->r->network->label_count;
        if (w->files) ft_listing_text(&w->listing, file);
        ft_listing_int(&w->listing, best);
        ft_listing_text(&w->listing, named ? w->r->network->labels[best] : FT_STR(""));
        ft_listing_number(&w->listing, p[best]);
        p[best] = -INFINITY;
    }
    return FT_OK;
}

static void add_outputs(results *w, ft_str file, const ft_array *a) {
    const ft_nn_graph *g = w->r->network->graph;
    for (int i = 0; i < g->output_count; i++) {
        double least = INFINITY, most = -INFINITY, sum = 0;
        int64_t count = ft_array_count(&a[i]);
        char shape[160];
        size_t len = 0;
        shape[0] = '\0';
        for (int d = 0; d < a[i].ndim; d++)
            len += (size_t)snprintf(shape + len, sizeof shape - len, "%s%lld", d ? "x" : "",
                                    (long long)a[i].shape[d]);
        for (int64_t k = 0; k < count; k++) {
            double v = ft_array_f64(&a[i], k);
            least = fmin(least, v);
            most = fmax(most, v);
            sum += v;
        }
        if (w->files) ft_listing_text(&w->listing, file);
        ft_listing_text(&w->listing, g->values[g->outputs[i]].name);
        ft_listing_text(&w->listing, ft_str_of(ft_dtype_name(a[i].dtype)));
        ft_listing_text(&w->listing, ft_str_of(shape));
        ft_listing_number(&w->listing, count ? least : NAN);
        ft_listing_number(&w->listing, count ? sum / (double)count : NAN);
        ft_listing_number(&w->listing, count ? most : NAN);
    }
}

static ft_err write_npy(const char *path, const ft_array *a) {
    ft_buf bytes = { 0 };
    ft_err err = ft_npy_write(&bytes, a);
    if (err == FT_OK) err = ft_file_write_atomic(path, ft_buf_str(&bytes), false);
    ft_buf_fini(&bytes);
    return err;
}

/* 0.npy, 1.npy …; of several files: cat-0.npy, dog-0.npy … */
static ft_err write_out(const results *w, ft_str name, const ft_array *outputs) {
    ft_str file = ft_params_str(w->cli->options, "out");
    ft_str folder = ft_params_str(w->cli->options, "out-folder"), stem = ft_cli_stem(name);
    if (file.at) FT_TRY(write_npy(file.at, &outputs[0]));
    if (folder.at) FT_TRY(ft_dir_make(folder.at));
    for (int i = 0; folder.at && i < w->r->network->graph->output_count; i++) {
        ft_str path;
        if (w->files)
            FT_TRY(ft_arena_printf(&path, &w->cli->arena, "%s/%.*s-%d.npy", folder.at,
                                   FT_STR_ARG(stem), i));
        else
            FT_TRY(ft_arena_printf(&path, &w->cli->arena, "%s/%d.npy", folder.at, i));
        FT_TRY(write_npy(path.at, &outputs[i]));
    }
    return FT_OK;
}

static void results_begin(results *w, bool classes) {
    static const char *const outputs[] = {
        "file", "output", "dtype", "shape", "min", "mean", "max"
    };
    static const char *const scores[] = { "file", "class", "label", "score" };
    static const char *const chances[] = { "file", "class", "label", "probability" };
    const char *const *rows = ft_nn_network_probable(w->r->network) ? chances : scores;
    int skip = w->files ? 0 : 1;
    if (classes)
        ft_listing_init(&w->listing, w->cli, rows + skip, 4 - skip);
    else
        ft_listing_init(&w->listing, w->cli, outputs + skip, 7 - skip);
}

/* One run on files from `at` on: one a input. */
static ft_err run_once(results *w, int at, bool *begun) {
    const ft_nn_graph *g = w->r->network->graph;
    ft_array *inputs, *outputs;
    double median_ms = 0;
    ft_str name = w->cli->args[at];
    FT_TRY(ft_arena_items(&inputs, &w->cli->arena, (size_t)g->input_count + 1));
    FT_TRY(ft_arena_items(&outputs, &w->cli->arena, (size_t)g->output_count + 1));
    for (int i = 0; i < g->input_count; i++)
        FT_TRY(read_input(&inputs[i], w->r, w->cli, w->cli->args[at + i]));
    FT_TRY(run_often(outputs, w->r, inputs, w->cli, &median_ms));
    ft_nn_network_answer(w->r->network, outputs);
    FT_TRY(write_out(w, name, outputs));
    if (median_ms > 0) fprintf(stderr, "median %.3f ms\n", median_ms);
    bool classes = are_classes(g, outputs);
    if (!*begun) results_begin(w, classes);
    *begun = true;
    if (classes) return add_classes(w, name, outputs);
    add_outputs(w, name, outputs);
    return FT_OK;
}

static ft_err run_opened(const running *r, ft_cli *cli) {
    const ft_nn_graph *g = r->network->graph;
    int files = cli->arg_count - 1, each = g->input_count > 0 ? g->input_count : 1;
    results w = { .r = r, .cli = cli, .files = g->input_count == 1 && files > 1 };
    bool begun = false;
    if (g->input_count != 1 && files != g->input_count)
        return FT_FAIL(FT_EINVAL, "this network has %d inputs: give as many files, not %d",
                       g->input_count, files);
    if (w.files && ft_params_str(cli->options, "out").at)
        return FT_FAIL(FT_EINVAL, "--out takes one file's output: use --out-folder for %d files",
                       files);
    for (int at = 1; at < cli->arg_count; at += each) FT_TRY(run_once(&w, at, &begun));
    return ft_listing_print(&w.listing, "no outputs");
}

static ft_err run_network(ft_cli *cli) {
    running r = { 0 };
    ft_err err = running_open(&r, cli);
    if (err == FT_OK) err = run_opened(&r, cli);
    running_free(&r);
    return err;
}

/* ---- show */

/* Zeros of the input's shape; sizes that are open are 1 for the first dimension. */
static ft_err example(ft_array *out, const ft_nn_value *v, ft_arena *arena) {
    int64_t count = 1;
    *out = (ft_array){ .dtype = v->dtype < FT_DTYPE_COUNT ? v->dtype : FT_F32, .ndim = v->ndim };
    if (v->ndim < 0)
        return FT_FAIL(FT_EUNSUPPORTED, "input '%.*s' has no known shape", FT_STR_ARG(v->name));
    for (int i = 0; i < v->ndim; i++) {
        out->shape[i] = v->shape[i] > 0 ? v->shape[i] : i == 0 || v->ndim != 4 ? 1 : SIDE_OPEN;
        count *= out->shape[i];
    }
    return ft_arena_take(&out->data, arena, (size_t)count * ft_dtype_bytes(out->dtype) + 1);
}

/* One run on zeros, so that everything is planned; refusal of it is no refusal to show. */
static void try_run(const running *r, ft_cli *cli) {
    const ft_nn_graph *g = r->network->graph;
    ft_array *in, *out;
    ft_err err = ft_arena_items(&in, &cli->arena, (size_t)g->input_count + 1);
    if (err == FT_OK) err = ft_arena_items(&out, &cli->arena, (size_t)g->output_count + 1);
    for (int i = 0; err == FT_OK && i < g->input_count; i++)
        err = example(&in[i], &g->values[g->inputs[i]], &cli->arena);
    ft_nn_session_time(r->session, true);
    if (err == FT_OK) err = ft_nn_run(r->session, in, out, &cli->arena, NULL);
    if (err != FT_OK) fprintf(stderr, "not planned: %s\n", ft_err_why());
    ft_err_clear();
}

static ft_err text_at(ft_str *out, ft_str object, const char *path) {
    *out = (ft_str){ 0 };
    if (ft_json_find(out, object, path) != FT_OK) *out = FT_STR("");
    if (out->len >= 2 && out->at[0] == '"') *out = ft_str_slice(*out, 1, out->len - 2);
    return FT_OK;
}

static int64_t number_at(ft_str object, const char *path) {
    ft_str text;
    int64_t v = 0;
    text_at(&text, object, path);
    return ft_str_i64(&v, text) ? v : 0;
}

/* "[1,64,56,56]" as 1x64x56x56. */
static ft_err shape_at(ft_str *out, ft_str object, ft_arena *arena) {
    ft_str text;
    char plain[160];
    size_t len = 0;
    text_at(&text, object, "shape");
    for (size_t i = 0; i < text.len && len + 1 < sizeof plain; i++)
        if (!strchr("[] \n", text.at[i])) plain[len++] = text.at[i] == ',' ? 'x' : text.at[i];
    return ft_arena_str(out, arena, ft_str_n(plain, len));
}

static ft_err print_steps(ft_str plan, ft_cli *cli) {
    static const char *const columns[] = {
        "node", "op", "fused", "shape", "kernel", "mflops", "us"
    };
    ft_listing l;
    ft_json j;
    ft_str steps;
    if (ft_json_find(&steps, plan, "steps") != FT_OK) return FT_OK;
    ft_json_init(&j, steps, &cli->arena, NULL);
    ft_listing_init(&l, cli, columns, 7);
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) {
        ft_str step, node, op, fused, kernel, shape = { 0 };
        FT_TRY(ft_json_skip(&j, &step));
        text_at(&node, step, "node");
        text_at(&op, step, "op");
        text_at(&fused, step, "fused");
        text_at(&kernel, step, "kernel");
        FT_TRY(shape_at(&shape, step, &cli->arena));
        ft_listing_text(&l, node);
        ft_listing_text(&l, op);
        ft_listing_text(&l, fused);
        ft_listing_text(&l, shape);
        ft_listing_text(&l, kernel);
        ft_listing_number(&l, round((double)number_at(step, "flops") / 1e4) / 100);
        ft_listing_int(&l, number_at(step, "us"));
    }
    return ft_listing_print(&l, "nothing runs");
}

static int64_t flops_of(ft_str plan, ft_arena *arena) {
    ft_json j;
    ft_str steps, step;
    int64_t sum = 0;
    if (ft_json_find(&steps, plan, "steps") != FT_OK) return 0;
    ft_json_init(&j, steps, arena, NULL);
    if (ft_json_enter_array(&j) != FT_OK) return 0;
    while (ft_json_next_item(&j) && ft_json_skip(&j, &step) == FT_OK)
        sum += number_at(step, "flops");
    return sum;
}

static ft_err print_layers(const running *r, ft_cli *cli) {
    static const char *const columns[] = { "node", "op", "output", "shape" };
    const ft_nn_graph *g = r->network->graph;
    ft_listing l;
    ft_listing_init(&l, cli, columns, 4);
    for (int i = 0; i < g->node_count; i++) {
        const ft_nn_node *n = &g->nodes[i];
        const ft_nn_value *v =
            n->output_count && n->outputs[0] >= 0 ? &g->values[n->outputs[0]] : NULL;
        char shape[160];
        size_t len = 0;
        shape[0] = '\0';
        for (int d = 0; v && d < v->ndim; d++)
            len += (size_t)(v->shape[d] < 0
                                ? snprintf(shape + len, sizeof shape - len, "%sany", d ? "x" : "")
                                : snprintf(shape + len, sizeof shape - len, "%s%lld", d ? "x" : "",
                                           (long long)v->shape[d]));
        ft_listing_text(&l, n->name);
        ft_listing_text(&l, ft_str_of(n->op->name));
        ft_listing_text(&l, v ? v->name : FT_STR(""));
        ft_listing_text(&l, ft_str_of(shape));
    }
    return ft_listing_print(&l, "no layers");
}

static void print_summary(const running *r, ft_str plan, ft_arena *arena) {
    const ft_nn_network *n = r->network;
    ft_nn_sizes sizes;
    char weights[32], memory[32], two[32];
    ft_nn_network_sizes(&sizes, n);
    printf("%s%s%s: %d nodes, %.2f million parameters, %.2f GFLOP a run\n", n->format,
           n->arch ? ", " : "", n->arch ? n->arch->name : "", n->graph->node_count,
           (double)sizes.parameters / 1e6, (double)flops_of(plan, arena) / 1e9);
    printf("weights %s; memory of a run %s; the largest two activations %s\n",
           ft_text_size(weights, sizes.weight_bytes),
           ft_text_size(memory, (uint64_t)number_at(plan, "arena_bytes")),
           ft_text_size(two, (uint64_t)number_at(plan, "largest_two_bytes")));
    if (n->label_count)
        printf("%zu labels, the first is %.*s\n", n->label_count, FT_STR_ARG(n->labels[0]));
}

static ft_err show_opened(const running *r, ft_cli *cli) {
    ft_buf plan = { 0 };
    ft_json_out w;
    try_run(r, cli);
    ft_json_out_init(&w, &plan, false);
    ft_json_out_object(&w);
    ft_nn_session_describe(r->session, &w);
    ft_json_out_close(&w);
    ft_err err = plan.err;
    bool layers = ft_params_bool(cli->options, "layers");
    if (err == FT_OK && cli->json && !layers)
        printf("%.*s\n", (int)plan.len, plan.at);
    else if (err == FT_OK) {
        if (!cli->json) print_summary(r, ft_buf_str(&plan), &cli->arena);
        err = layers ? print_layers(r, cli) : print_steps(ft_buf_str(&plan), cli);
    }
    ft_buf_fini(&plan);
    return err;
}

static ft_err model_show(ft_cli *cli) {
    running r = { 0 };
    ft_err err = running_open(&r, cli);
    if (err == FT_OK) err = show_opened(&r, cli);
    running_free(&r);
    return err;
}

const ft_command ft_command_run = {
    .name = "run",
    .args = "MODEL FILE [FILE ...]",
    .args_min = 2,
    .args_max = FT_ARGS_MAX,
    .doc = "run a network over pictures or arrays",
    .more = "MODEL is an ONNX file, a TensorFlow.js model.json, a weight file of an architecture "
            "of the "
            "zoo (.pt, .safetensors, .params, .npz), a folder with one of them, or what has it: "
            "a job's name, "
            "s3://BUCKET/PREFIX, endpoint:NAME, model.tar.gz. labels.txt and "
            "network.json beside it say what classes are called and how pictures are prepared. "
            "Several files are run one after the other; a network of several inputs takes a file "
            "each, in the order of `fettle model show`.\n\n"
            "    fettle run resnet18.onnx *.jpg --top 1\n"
            "    fettle run resnet18.onnx cat.jpg\n"
            "    fettle run model.onnx input.npy --out output.npy --repeat 100",
    .options = run_options,
    .run = run_network,
};

const ft_command ft_command_model_show = {
    .name = "model show",
    .args = "MODEL",
    .args_min = 1,
    .args_max = 1,
    .doc = "what a network is made of, and how it runs here",
    .more = "Layers as they will run, fused, with kernels, operations and the time of one run on "
            "zeros; "
            "--layers lists them as they were written. MODEL is what `fettle run` takes.\n\n"
            "    fettle model show resnet18.onnx",
    .options = show_options,
    .run = model_show,
};
