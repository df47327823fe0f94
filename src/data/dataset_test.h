/* dataset_test.h -- helpers of the datasets' tests: samples that are written, and expected back. */
#ifndef FT_DATASET_TEST_H
#define FT_DATASET_TEST_H

#include <sys/stat.h>

#include "data/dataset.h"
#include "data/dataset_write.h"
#include "data/table_test.h"

typedef struct test_set { /* samples by number */
    const ft_field *fields;
    size_t count;
    void (*sample)(ft_array *values, uint64_t i);
} test_set;

static inline const char *test_set_path(const char *name) {
    static char paths[4][512];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", test_dir(), name);
    return path;
}

static inline void test_set_write(const char *path, const test_set *set, uint64_t count) {
    ft_dataset_writer *w;
    ft_array v[16];
    EXPECT_OK(ft_dataset_writer_new(&w, path, set->fields, set->count, NULL));
    for (uint64_t i = 0; i < count; i++) {
        set->sample(v, i);
        EXPECT_OK(ft_dataset_write(w, v));
    }
    EXPECT_OK(ft_dataset_writer_end(w));
    ft_dataset_writer_free(w);
}

static inline ft_err test_set_open(ft_dataset **d, const char *path, const ft_dataset_opts *opts) {
    ft_str s = ft_str_of(path);
    return ft_dataset_open(d, &s, 1, opts);
}

/* Equal bytes, or equal numbers of another type. */
static inline bool test_value_same(const ft_array *got, const ft_array *want) {
    if (!got->data || !want->data) return !got->data && !want->data;
    int64_t n = ft_array_count(want);
    if (ft_array_count(got) != n) return false;
    for (int64_t i = 0; i < n; i++)
        if (ft_array_f64(got, i) != ft_array_f64(want, i)) return false;
    return true;
}

/* Does the dataset have exactly these samples, in order and (where it can) backwards? */
static inline void test_set_expect(ft_dataset *d, const test_set *set, uint64_t count) {
    ft_dataset_reader *r;
    ft_sample s;
    ft_array want[16];
    int at[16];
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    for (size_t k = 0; k < set->count; k++) {
        at[k] = ft_dataset_find(d, set->fields[k].name);
        EXPECT(at[k] >= 0);
    }
    for (uint64_t i = 0; i < count; i++) {
        EXPECT_OK(ft_dataset_next(&s, r, NULL));
        EXPECT(s.record == i);
        set->sample(want, i);
        for (size_t k = 0; k < set->count; k++) EXPECT(test_value_same(&s.values[at[k]], &want[k]));
    }
    EXPECT_ERR(FT_ENOTFOUND, ft_dataset_next(&s, r, NULL));
    for (uint64_t i = count; ft_dataset_random(d) && i-- > 0;) {
        EXPECT_OK(ft_dataset_read(&s, r, 0, i));
        set->sample(want, i);
        for (size_t k = 0; k < set->count; k++) EXPECT(test_value_same(&s.values[at[k]], &want[k]));
    }
    EXPECT_OK(ft_dataset_intact(r));
    ft_dataset_reader_free(r);
}

#endif
