/* image_test.c -- the algorithm "image" on small sets of pictures: it learns, resumes bit by bit,
 * divides by groups, begins from weights; and says what is wrong with what it is given. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/files.h"
#include "base/random.h"
#include "nn/learn/algorithm_image.h"
#include "nn/learn/images.h"
#include "nn/network.h"
#include "nn/sanitizer_test.h"
#include "tests/test.h"

#define SIDE     28
#define SIDE_MAX 64

typedef struct told {
    int lines, steps;
    char plan[300];  /* what was chosen */
    double accuracy; /* the last that a line told */
    int64_t stop_at;
    const char *judge; /* folder of the validation; NULL: none */
    ft_tap *tap;
    atomic_bool stop;
} told;

static const char *file_of(const char *name) {
    static char paths[4][1200];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", test_dir(), name);
    return path;
}

static void folder_make(const char *name) {
    ft_err err = ft_dir_make(file_of(name));
    EXPECT(err == FT_OK);
}

/* A grey picture: a bright bar whose place tells its class, and noise. */
static void picture_write(const char *path, int class, int classes, int side, ft_random *r) {
    unsigned char pixels[SIDE_MAX * SIDE_MAX];
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            bool bar = x * classes / side == class;
            pixels[y * side + x] = (unsigned char)((bar ? 180 : 20) + (int)ft_random_below(r, 40));
        }
    fprintf(f, "P5\n%d %d\n255\n", side, side);
    size_t bytes = (size_t)(side * side);
    assert_int_equal(fwrite(pixels, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

/* Class folders with pictures "TRACK_FRAME.pgm", two frames of each thing. */
static const char *pictures_sized(const char *name, int classes, int each, int side) {
    ft_random r;
    char path[200];
    ft_random_seed(&r, 4);
    folder_make(name);
    for (int c = 0; c < classes; c++) {
        snprintf(path, sizeof path, "%s/class%d", name, c);
        folder_make(path);
        for (int i = 0; i < each; i++) {
            snprintf(path, sizeof path, "%s/class%d/%05d_%05d.pgm", name, c, i / 2, i % 2);
            picture_write(file_of(path), c, classes, side, &r);
        }
    }
    return name;
}

static const char *pictures_make(const char *name, int classes, int each) {
    return pictures_sized(name, classes, each, SIDE);
}

static void on_line(void *ctx, ft_str line) {
    told *t = ctx;
    const char *at = memmem(line.at, line.len, "validation-accuracy:", 20);
    t->lines += line.len && line.at[0] == '['; /* an epoch's */
    if (!t->lines) snprintf(t->plan, sizeof t->plan, "%.*s", FT_STR_ARG(line));
    if (at) t->accuracy = atof(at + 20);
}

static void on_progress(void *ctx, int64_t done, int64_t total, const char *text) {
    told *t = ctx;
    FT_UNUSED(total), FT_UNUSED(text);
    t->steps = (int)done;
    if (t->stop_at && done >= t->stop_at) atomic_store(&t->stop, true);
}

/* "name=value,…" */
static ft_err learn(told *t, const char *data, const char *settings, const char *out,
                    const char *checkpoint) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_params *params = NULL;
    ft_str rest = ft_str_of(settings);
    ft_err err;
    *t = (told){ .stop_at = t->stop_at, .judge = t->judge, .tap = t->tap };
    EXPECT_OK(ft_dir_remove(file_of(out)));
    folder_make(out);
    folder_make(checkpoint);
    FT_GOTO(err, ft_params_new(&params, &arena, ft_algorithm_image.params));
    while (rest.at && rest.len) {
        ft_str value = ft_str_cut(&rest, ','), name = ft_str_cut(&value, '=');
        FT_GOTO(err, ft_params_set(params, name, value));
    }
    FT_GOTO(err, ft_algorithm_image.validate(params));
    ft_channel channels[2] = { { .name = FT_STR("train"), .path = ft_str_of(file_of(data)) },
                               { .name = FT_STR("validation") } };
    if (t->judge) channels[1].path = ft_str_of(file_of(t->judge));
    ft_train_args args = { .params = params,
                           .tap = t->tap,
                           .channels = channels,
                           .channel_count = t->judge ? 2 : 1,
                           .out_dir = file_of(out),
                           .checkpoint_dir = file_of(checkpoint),
                           .stop = &t->stop,
                           .threads = 1,
                           .progress = on_progress,
                           .line = on_line,
                           .ctx = t };
    err = ft_algorithm_image.train(&args);
done:
    ft_arena_fini(&arena);
    return err;
}

#define SMALL "arch=cnn28,batch_size=8,learning_rate=0.01,warmup_epochs=0,augment=none,"

static ft_str model_bytes(const char *out, ft_arena *arena) {
    char path[100];
    ft_str bytes;
    snprintf(path, sizeof path, "%s/model.safetensors", out);
    EXPECT_OK(ft_file_read(&bytes, arena, file_of(path), (size_t)1 << 28));
    return bytes;
}

/* ---- it works */

static void test_learns_and_serves(void **state) {
    (void)state;
    told t = { 0 };
    ft_nn_network *n;
    const char *data = pictures_make("learns", 3, 32);
    EXPECT_OK(learn(&t, data, SMALL "epochs=4,validation_share=0.25,group=([0-9]+)_[0-9]+", "out",
                    "none"));
    EXPECT(t.lines == 4 && t.accuracy == 1);
    EXPECT_OK(ft_nn_network_read(&n, file_of("out")));
    EXPECT(n->label_count == 3 && n->looks.softmax);
    EXPECT_STR("class1", n->labels[1]);
    EXPECT(n->graph->values[n->graph->inputs[0]].shape[1] == 1);
    ft_nn_network_free(n);
}

/* What is not given follows from the pictures: their sizes and number. */
static void test_chooses(void **state) {
    (void)state;
    told t = { 0 };
    const char *few = pictures_make("few", 3, 40);
    EXPECT_OK(learn(&t, few, "epochs=1", "chosen", "none5"));
    EXPECT_STR("cnn28 of 28 x 28, 120 pictures of 3 classes, 1 epoch, batch_size 8, "
               "learning_rate 0.00625, clip_norm 1",
               ft_str_of(t.plan));
    char settings[600];
    snprintf(settings, sizeof settings, "epochs=1,optimizer=adam,from=%s/chosen/model.safetensors",
             test_dir());
    EXPECT_OK(learn(&t, few, settings, "tuned2", "none6"));
    EXPECT(strstr(t.plan, "cnn28 of 28 x 28") && strstr(t.plan, "learning_rate 1.25e-05"));
    EXPECT(strstr(t.plan, "clip_norm") == NULL); /* weights that were learnt stay near */
    pictures_sized("middle", 2, 40, 60);
    EXPECT_OK(learn(&t, "middle", "epochs=1", "chosen2", "none7"));
    EXPECT(strstr(t.plan, "cnn32 of 64 x 64, 80 pictures") != NULL);
    ft_nn_network *n;
    EXPECT_OK(ft_nn_network_read(&n, file_of("chosen2")));
    EXPECT(n->graph->values[n->graph->inputs[0]].shape[3] == 64);
    ft_nn_network_free(n);
    t.stop_at = 1; /* a hundred epochs, of which the first step is enough */
    EXPECT_ERR(FT_ECANCELED, learn(&t, few, "threads=1,clip_norm=0", "chosen3", "none8"));
    EXPECT(strstr(t.plan, ", 100 epochs,") != NULL && strstr(t.plan, "clip_norm") == NULL);
}

/* Stopped in the middle of an epoch and gone on with: the weights of an uninterrupted run, Dropout,
 * order, augmentation and averages included. */
static void test_resumes_bit_by_bit(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    told t = { 0 };
    const char *settings = "arch=cnn28,batch_size=8,epochs=3,validation_share=0.2,"
                           "early_stopping_epochs=2,label_smoothing=0.1";
    const char *data = pictures_make("resumes", 3, 24);
    EXPECT_OK(learn(&t, data, settings, "whole", "none2"));
    int steps = t.steps;
    t.stop_at = steps / 2 + 1;
    EXPECT_ERR(FT_ECANCELED, learn(&t, data, settings, "cut", "kept"));
    EXPECT(t.steps < steps);
    t.stop_at = 0;
    EXPECT_OK(learn(&t, data, settings, "cut", "kept"));
    EXPECT(t.steps == steps);
    ft_str whole = model_bytes("whole", &arena), cut = model_bytes("cut", &arena);
    EXPECT(ft_str_eq(whole, cut));
    ft_arena_fini(&arena);
}

static void test_from_weights_in_two_steps(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    told t = { 0 };
    char settings[600];
    const char *data = pictures_make("from", 3, 16), *other = pictures_make("from4", 4, 16);
    EXPECT_OK(learn(&t, data, SMALL "epochs=1", "base", "none3"));
    snprintf(settings, sizeof settings,
             SMALL "epochs=1,head_epochs=1,freeze=^conv1,from=%s/base/model.safetensors",
             test_dir());
    EXPECT_OK(learn(&t, other, settings, "tuned", "none4"));
    ft_nn_weights *a, *b;
    EXPECT_OK(ft_nn_weights_read(&a, file_of("base/model.safetensors")));
    EXPECT_OK(ft_nn_weights_read(&b, file_of("tuned/model.safetensors")));
    const ft_array *x = ft_nn_weights_find(a, FT_STR("conv1.weight"));
    const ft_array *y = ft_nn_weights_find(b, FT_STR("conv1.weight"));
    assert_memory_equal(x->data, y->data, ft_array_bytes(x)); /* frozen */
    x = ft_nn_weights_find(a, FT_STR("conv2.weight"));
    y = ft_nn_weights_find(b, FT_STR("conv2.weight"));
    assert_memory_not_equal(x->data, y->data, ft_array_bytes(x));
    EXPECT(ft_nn_weights_find(b, FT_STR("fc2.weight"))->shape[0] == 4);
    ft_nn_weights_free(a);
    ft_nn_weights_free(b);
    ft_arena_fini(&arena);
}

/* No thing stands on both sides, and every picture on one. */
static void test_divides_by_groups(void **state) {
    (void)state;
    ft_nn_images *m;
    ft_nn_images_opts opts = { .group = FT_STR("/([0-9]+)_[0-9]+"), .share = 0.3, .seed = 2 };
    const char *data = pictures_make("groups", 4, 40);
    EXPECT_OK(ft_nn_images_open(&m, ft_str_of(file_of(data)), &opts));
    EXPECT(m->learn.count + m->judge.count == 160 && m->classes == 4);
    EXPECT(m->judge.count > 20 && m->judge.count < 80);
    for (uint64_t i = 0; i < m->learn.count; i++)
        for (uint64_t k = 0; k < m->judge.count; k++)
            EXPECT(m->groups[m->learn.numbers[i]] != m->groups[m->judge.numbers[k]]);
    ft_nn_images_free(m);
}

/* Traffic signs: four frames of each of 1,307 physical signs; none is on both sides. */
static void test_divides_signs(void **state) {
    (void)state;
    const char *index = test_shared("gtsrb/gtsrb_train32.index.csv");
    if (!index) SKIP("no shared/data/gtsrb");
    ft_random r;
    char line[200], path[200], *at;
    FILE *f = fopen(index, "r");
    assert_non_null(f);
    ft_random_seed(&r, 1);
    folder_make("signs");
    EXPECT(fgets(line, sizeof line, f) != NULL);
    for (int class, track, frame; fgets(line, sizeof line, f);) {
        class = (int)strtol(line, &at, 10);
        track = (int)strtol(at + 1, &at, 10);
        frame = (int)strtol(at + 1, &at, 10);
        if (class > 11) continue;
        snprintf(path, sizeof path, "signs/%05d", class);
        folder_make(path);
        snprintf(path, sizeof path, "signs/%05d/%05d_%05d.pgm", class, track, frame);
        picture_write(file_of(path), class % 7, 7, SIDE, &r);
    }
    fclose(f);
    ft_nn_images *m;
    ft_nn_images_opts opts = { .group = FT_STR("/([0-9]+)_[0-9]+"), .share = 0.15, .seed = 1 };
    EXPECT_OK(ft_nn_images_open(&m, ft_str_of(file_of("signs")), &opts));
    EXPECT(m->judge.count > 100 && m->judge.count % 4 == 0); /* whole signs */
    for (uint64_t i = 0; i < m->learn.count; i++)
        for (uint64_t k = 0; k < m->judge.count; k++)
            EXPECT(m->groups[m->learn.numbers[i]] != m->groups[m->judge.numbers[k]]);
    ft_nn_images_free(m);
}

/* Classes of the validation are those of the training by name: one may be missing, none unknown. */
static void test_classes_by_name(void **state) {
    (void)state;
    told t = { 0 };
    char path[1200];
    const char *settings = SMALL "epochs=4";
    const char *data = pictures_make("named", 3, 32);
    pictures_make("named_judge", 3, 8);
    t.judge = "named_judge";
    EXPECT_OK(learn(&t, data, settings, "named_out", "named_none"));
    EXPECT(t.accuracy == 1);
    EXPECT_OK(ft_dir_remove(file_of("named_judge/class0")));
    EXPECT_OK(learn(&t, data, settings, "named_out2", "named_none2"));
    EXPECT(t.accuracy == 1);
    snprintf(path, sizeof path, "%s", file_of("named_judge/class1"));
    EXPECT(rename(path, file_of("named_judge/another")) == 0);
    EXPECT_ERR(FT_EINVAL, learn(&t, data, settings, "named_out3", "named_none3"));
    EXPECT_WHY("named_judge: its class 'another' is none of the 3 classes of ");
    EXPECT_WHY("/named (class0, class1, class2)");
}

/* Numbers of an epoch's end are kept whatever the interval, and nothing else is. */
typedef struct ends {
    ft_tap tap;
    int epochs, scored, others;
    bool epoch;
} ends;
static bool kept_wants(void *self, const char *name, int64_t step) {
    FT_UNUSED(self), FT_UNUSED(name), FT_UNUSED(step);
    return false;
}
static ft_err kept_step(void *self, int64_t step) {
    FT_UNUSED(step);
    ((ends *)self)->epoch = false;
    return FT_OK;
}
static ft_err kept_array(void *self, const char *name, const ft_array *value) {
    FT_UNUSED(self), FT_UNUSED(name), FT_UNUSED(value);
    return FT_OK;
}
static ft_err kept_scalar(void *self, const char *name, double value) {
    ends *k = self;
    FT_UNUSED(value);
    if (strcmp(name, "validation-loss") != 0) return FT_OK;
    k->scored += k->epoch;
    k->others += !k->epoch;
    return FT_OK;
}
static void kept_epoch(void *self, int64_t step) {
    ends *k = self;
    k->epochs++;
    k->epoch = true;
    EXPECT(step == 8 * k->epochs - 1); /* 64 of 8 */
}

static void test_says_where_epochs_end(void **state) {
    (void)state;
    static const ft_tap_ops ops = { .wants = kept_wants,
                                    .begin = kept_step,
                                    .end = kept_step,
                                    .array = kept_array,
                                    .scalar = kept_scalar,
                                    .epoch = kept_epoch };
    ends k = { .tap = { &ops, &k } };
    told t = { .tap = &k.tap, .judge = "ends_judge" };
    pictures_sized("ends_judge", 2, 4, 8);
    EXPECT_OK(learn(&t, pictures_sized("ends", 2, 32, 8), SMALL "image_size=8,epochs=3", "ends_out",
                    "ends_none"));
    EXPECT(k.epochs == 3 && k.scored == 3 && k.others == 0);
}

/* ---- what is wrong */

static void test_wrong_settings(void **state) {
    (void)state;
    told t = { 0 };
    const char *data = pictures_make("wrong", 3, 16);
    EXPECT_ERR(FT_EINVAL, learn(&t, data, SMALL "freeze=^layer9", "x", "c1"));
    EXPECT_WHY("freeze: no weight matches '^layer9'; names are such as 'conv1.weight'");
    EXPECT_ERR(FT_EINVAL, learn(&t, data, SMALL "freeze=(", "x", "c1"));
    EXPECT_WHY("is no regular expression");
    EXPECT_ERR(FT_EINVAL, learn(&t, data, SMALL "freeze=.*", "x", "c1"));
    EXPECT_WHY("freeze: '.*' leaves no weight that learns");
    EXPECT_ERR(FT_ENOTFOUND, learn(&t, data, "arch=resnet19", "x", "c1"));
    EXPECT_WHY("known: resnet18, ");
    EXPECT_ERR(FT_EINVAL, learn(&t, data, "arch=cnn28,image_size=3", "x", "c1"));
    EXPECT_WHY("pictures of 3 x 3 are too small for a cnn28: a side of 4 to 4096");
    EXPECT(learn(&t, data, SMALL "from=/nowhere.pth", "x", "c1") != FT_OK);
    EXPECT_WHY("from: ");
    EXPECT_WHY("/nowhere.pth");
    EXPECT_ERR(FT_EINVAL, learn(&t, data, SMALL "head_epochs=1", "x", "c1"));
    EXPECT_ERR(FT_EINVAL, learn(&t, data, SMALL "early_stopping_epochs=1", "x", "c1"));
    EXPECT_WHY("there is no validation data");
    EXPECT_ERR(FT_EINVAL, learn(&t, data, SMALL "num_classes=2", "x", "c1"));
    EXPECT_WHY("its label 2 is out of range: classes are 0 to 1");
    EXPECT_ERR(FT_EINVAL, learn(&t, data, SMALL "num_classes=4", "x", "c1"));
    EXPECT_WHY("class 3");
    EXPECT_WHY("has no example to learn from");
    EXPECT_ERR(FT_EINVAL, learn(&t, data, "arch=cnn28,batch_size=64", "x", "c1"));
    EXPECT_WHY("less than one batch");
    EXPECT_ERR(FT_EINVAL, learn(&t, data, SMALL "group=^nothing$,validation_share=0.1", "x", "c1"));
    EXPECT_WHY("group: nothing in its path");
}

static void test_no_number_keeps_the_checkpoint(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    told t = { 0 };
    ft_str before, after;
    const char *data = pictures_make("huge", 3, 16);
    t.stop_at = 3;
    EXPECT_ERR(FT_ECANCELED,
               learn(&t, data, SMALL "epochs=2,lr_schedule=constant", "x", "huge_kept"));
    t.stop_at = 0;
    EXPECT_OK(ft_file_read(&before, &arena, file_of("huge_kept/image.safetensors"), 1u << 28));
    EXPECT_ERR(FT_ECORRUPT, learn(&t, data,
                                  "arch=cnn28,batch_size=8,learning_rate=1e9,"
                                  "lr_schedule=constant,warmup_epochs=0",
                                  "x", "other"));
    EXPECT_WHY("is no number any more; first in '");
    EXPECT_WHY("step ");
    /* A checkpoint of another architecture is refused and stays as it is. */
    EXPECT_ERR(FT_ECONFLICT,
               learn(&t, data, "arch=cnn32,image_size=28,batch_size=8", "x", "huge_kept"));
    EXPECT_WHY("a checkpoint of a cnn28, not of a cnn32");
    EXPECT_ERR(FT_ECONFLICT, learn(&t, data, SMALL "epochs=3", "x", "huge_kept"));
    EXPECT_WHY("other data or parameters");
    EXPECT_OK(ft_file_read(&after, &arena, file_of("huge_kept/image.safetensors"), 1u << 28));
    EXPECT(ft_str_eq(before, after));
    ft_arena_fini(&arena);
}

static void test_unreadable_picture(void **state) {
    (void)state;
    told t = { 0 };
    const char *data = pictures_make("unreadable", 3, 16);
    EXPECT_OK(ft_file_write_atomic(file_of("unreadable/class1/00003_00001.pgm"),
                                   FT_STR("P5\n28 28\n255\nshort"), false));
    ft_err err = learn(&t, data, SMALL "epochs=1", "x", "c2");
    EXPECT(err != FT_OK);
    EXPECT_WHY("00003_00001.pgm");
    EXPECT_OK(learn(&t, data, SMALL "epochs=1,bad_max=1", "x", "c3"));
}

/* Every fallible call of a whole run fails once: a sentence, nothing lost, and whatever checkpoint
 * lies there is whole. */
static void test_faults(void **state) {
    (void)state;
    static const char *const settings[] = {
        "arch",   "cnn28", "image_size",       "8",   "batch_size",       "4",
        "epochs", "1",     "validation_share", "0.3", "checkpoint_steps", "1"
    };
    ft_arena arena = FT_ARENA_INIT(0);
    ft_params *params;
    const char *data = pictures_sized("faults", 2, 4, 8);
    ft_channel channel = { .name = FT_STR("train") };
    char path[1200], kept[1300];
    snprintf(path, sizeof path, "%s", file_of(data));
    snprintf(kept, sizeof kept, "%s/image.safetensors", file_of("faults_kept"));
    channel.path = ft_str_of(path);
    folder_make("faults_out"), folder_make("faults_kept");
    EXPECT_OK(ft_params_new(&params, &arena, ft_algorithm_image.params));
    for (size_t i = 0; i < FT_COUNT(settings); i += 2)
        EXPECT_OK(ft_params_set(params, ft_str_of(settings[i]), ft_str_of(settings[i + 1])));
    EXPECT_OK(ft_algorithm_image.validate(params));
    ft_train_args args = { .params = params,
                           .channels = &channel,
                           .channel_count = 1,
                           .out_dir = file_of("faults_out"),
                           .checkpoint_dir = file_of("faults_kept"),
                           .threads = 1 };
    EACH_FAULT {
        ft_nn_weights *w = NULL;
        ft_err err = ft_algorithm_image.train(&args);
        EXPECT(err == FT_OK || ft_err_why()[0]);
        err = ft_file_exists(kept) ? ft_nn_weights_read(&w, kept) : FT_OK;
        EXPECT(err != FT_ECORRUPT);
        ft_nn_weights_free(w);
        (void)remove(kept); /* each round begins anew */
    }
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_learns_and_serves), cmocka_unit_test(test_chooses),
          cmocka_unit_test(test_resumes_bit_by_bit),
          cmocka_unit_test(test_from_weights_in_two_steps),
          cmocka_unit_test(test_divides_by_groups), cmocka_unit_test(test_classes_by_name),
          cmocka_unit_test(test_says_where_epochs_end), cmocka_unit_test(test_divides_signs),
          cmocka_unit_test(test_wrong_settings),
          cmocka_unit_test(test_no_number_keeps_the_checkpoint),
          cmocka_unit_test(test_unreadable_picture), cmocka_unit_test(test_faults))
