/* loader_fuzz.c -- the loader's texts. First byte 0: a list of transforms; what is taken runs on a
 * small picture and gives the same bytes twice. 1: a state; what is taken is written again, and a
 * loader there gives exactly the records that are left. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/json.h"
#include "data/loader.h"
#include "fuzz/target.h"

enum { WIDTH = 13, HEIGHT = 9, COUNT = 20, RESULT_MAX = 1 << 18 };

static void transforms(ft_str text) {
    static uint8_t pixels[WIDTH * HEIGHT * 3];
    static const ft_field field = {
        .name = { "image", 5 }, .dtype = FT_U8, .ndim = 3, .shape = { HEIGHT, WIDTH, 3 }
    };
    ft_array value = { FT_U8, 3, { HEIGHT, WIDTH, 3 }, pixels };
    ft_transform *t;
    ft_transform_work *w;
    ft_transform_cut cut;
    if (ft_transform_new(&t, text, &field, &(ft_transform_opts){ .dtype = FT_F32 })) return;
    size_t bytes = ft_array_bytes(ft_transform_shape(t));
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 29);
    if (bytes <= RESULT_MAX && ft_transform_work_new(&w, t) == FT_OK) {
        char *a = calloc(1, bytes), *b = calloc(1, bytes);
        if (a && b && ft_transform_run(a, &cut, &value, 7, w, NULL) == FT_OK) {
            FT_CHECK(ft_transform_run(b, &cut, &value, 7, w, NULL) == FT_OK &&
                     memcmp(a, b, bytes) == 0);
            FT_CHECK(cut.x >= 0 && cut.y >= 0 && cut.x + cut.width <= WIDTH &&
                     cut.y + cut.height <= HEIGHT);
        }
        free(a);
        free(b);
        ft_transform_work_free(w);
    }
    ft_transform_free(t);
}

/* ---- a set of numbers */
static int64_t number;
static ft_array value = { .dtype = FT_I64, .data = &number };
static const ft_field fields[] = { { .name = { "value", 5 }, .dtype = FT_I64 } };
static ft_err reader_open(void **reader, void *self, const int *wanted, size_t count) {
    (void)self, (void)wanted, (void)count;
    *reader = &value;
    return FT_OK;
}
static void reader_close(void *reader) { (void)reader; }
static ft_err reader_read(ft_sample *out, void *reader, uint64_t record) {
    number = (int64_t)record;
    *out = (ft_sample){ .values = reader, .value_count = 1, .record = record };
    return FT_OK;
}
static uint64_t reader_id(const ft_sample *s) { return s->record; }

static void state(ft_str text) {
    ft_loader *l;
    ft_batch *b;
    ft_buf again = { 0 };
    uint64_t got = 0;
    ft_feed feed = { .fields = fields,
                     .field_count = 1,
                     .count = COUNT,
                     .random = true,
                     .open = reader_open,
                     .close = reader_close,
                     .read = reader_read,
                     .id = reader_id };
    FT_CHECK(ft_loader_open(&l, &feed,
                            &(ft_loader_spec){ .batch = 3, .shuffle = FT_SHUFFLE_FULL }) == FT_OK);
    if (ft_loader_resume(l, text) == FT_OK) {
        int64_t position = -1;
        ft_str raw;
        FT_CHECK(ft_loader_state(&again, l) == FT_OK);
        FT_CHECK(ft_json_find(&raw, ft_buf_str(&again), "position") == FT_OK &&
                 ft_str_i64(&position, raw));
        while (ft_loader_next(&b, l) == FT_OK) {
            got += b->count;
            ft_batch_release(b);
        }
        FT_CHECK(got == (position < COUNT ? COUNT - (uint64_t)position : 0));
    }
    ft_buf_fini(&again);
    ft_loader_free(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    ft_str text = ft_str_n(data + 1, size - 1);
    if (data[0] % 2)
        state(text);
    else
        transforms(text);
    return 0;
}
