/* trial_fuzz.c -- event records, index files and collections files of foreign trials. The first
 * byte says which: e, i or c. What is read can be written, and what was written reads back as the
 * same. */
#include "base/check.h"
#include "fuzz/target.h"
#include "trials/event_in.h"
#include "trials/index_in.h"

#define ARENA_BYTES ((size_t)64 << 20) /* a record of few bytes may stand for a large tensor */

static bool same_array(const ft_array *a, const ft_array *b) {
    int dims = a->ndim ? a->ndim : 1; /* a scalar is written as shape [1] */
    if (a->dtype != b->dtype || dims != b->ndim || ft_array_bytes(a) != ft_array_bytes(b))
        return false;
    return !ft_array_bytes(a) || memcmp(a->data, b->data, ft_array_bytes(a)) == 0;
}

static void check_value(ft_arena *arena, const ft_event *e, const ft_array *a) {
    ft_event_step step;
    ft_event again;
    ft_array b;
    ft_buf buf = { 0 };
    uint64_t size;
    FT_CHECK(ft_array_valid(a));
    ft_event_step_init(&step, e->step, e->mode ? e->mode : FT_MODE_GLOBAL,
                       e->mode_step > 0 ? e->mode_step : 0, 1);
    if (ft_event_add(&buf, &step, e->tag, a) == FT_OK) {
        FT_CHECK(ft_event_read(&again, &size, ft_buf_str(&buf), e->tag) == FT_OK &&
                 size == buf.len);
        FT_CHECK(again.step == e->step && ft_str_eq(again.tag, e->tag));
        if (ft_event_value(&b, arena, &again) == FT_OK) FT_CHECK(same_array(a, &b));
    }
    ft_buf_fini(&buf);
}

static void fuzz_event(ft_arena *arena, ft_str bytes) {
    ft_event e;
    ft_array a;
    ft_str *texts;
    size_t count;
    uint64_t size;
    if (ft_event_read(&e, &size, bytes, FT_STR("t"))) return;
    FT_CHECK(size <= bytes.len && e.ndim <= FT_ARRAY_DIMS_MAX);
    bool numbers = ft_event_value(&a, arena, &e) == FT_OK;
    if (numbers) check_value(arena, &e, &a);
    if (ft_event_texts(&texts, &count, arena, &e) == FT_OK) FT_CHECK(!numbers && count == e.texts);
}

static void fuzz_index(ft_arena *arena, ft_str json) {
    ft_index x, again;
    ft_buf entries = { 0 }, file = { 0 };
    if (ft_index_read(&x, arena, json)) return;
    for (size_t i = 0; i < x.count; i++)
        FT_CHECK(!ft_index_add(&entries, i == 0, x.entries[i].name, x.entries[i].offset,
                               x.entries[i].length));
    FT_CHECK(!ft_index_write(&file, x.mode, x.mode_step, x.event_file, ft_buf_str(&entries)));
    FT_CHECK(!ft_index_read(&again, arena, ft_buf_str(&file)));
    FT_CHECK(again.count == x.count && again.mode == x.mode && again.mode_step == x.mode_step);
    FT_CHECK(ft_str_eq(again.event_file, x.event_file));
    for (size_t i = 0; i < x.count; i++) {
        FT_CHECK(ft_str_eq(again.entries[i].name, x.entries[i].name));
        FT_CHECK(again.entries[i].offset == x.entries[i].offset &&
                 again.entries[i].length == x.entries[i].length);
    }
    ft_buf_fini(&entries);
    ft_buf_fini(&file);
}

static void fuzz_collections(ft_arena *arena, ft_str json) {
    ft_collection *list, *again;
    size_t count, n;
    int workers, w;
    ft_buf once = { 0 }, twice = { 0 };
    if (ft_collections_read(&list, &count, &workers, arena, json)) return;
    FT_CHECK(!ft_collections_write(&once, list, count, workers));
    FT_CHECK(!ft_collections_read(&again, &n, &w, arena, ft_buf_str(&once)) && n == count &&
             w == workers);
    FT_CHECK(!ft_collections_write(&twice, again, n, w));
    FT_CHECK(ft_str_eq(ft_buf_str(&once), ft_buf_str(&twice)));
    for (size_t i = 0; i < count; i++) {
        bool has;
        (void)ft_collection_has(&has, &list[i], FT_STR("train-logloss"));
    }
    ft_buf_fini(&once);
    ft_buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_arena arena = FT_ARENA_INIT(ARENA_BYTES);
    if (size < 1 || size > 1 << 20) return 0;
    ft_str rest = ft_str_n(data + 1, size - 1);
    if (data[0] == 'e') fuzz_event(&arena, rest);
    if (data[0] == 'i') fuzz_index(&arena, rest);
    if (data[0] == 'c') fuzz_collections(&arena, rest);
    ft_arena_fini(&arena);
    return 0;
}
