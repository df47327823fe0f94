/* marks.c -- see marks.h. */
#include "speech/marks.h"

#include <math.h>
#include <stdlib.h>

#include "base/json.h"

typedef struct ft_mark {
    int64_t time_ms;
    size_t number; /* marks of one moment keep the order in which they came */
    ft_marks type;
    uint32_t start, end;
    ft_str value;
} ft_mark;

static ft_err add(ft_mark_list *l, ft_mark mark, double time_s) {
    if (!(l->wanted & mark.type)) return FT_OK;
    if (l->count == l->capacity) {
        ft_mark *wider;
        size_t capacity = l->capacity ? 2 * l->capacity : 64;
        FT_TRY(ft_arena_items(&wider, l->arena, capacity));
        if (l->count) memcpy(wider, l->marks, l->count * sizeof *wider);
        l->marks = wider;
        l->capacity = capacity;
    }
    mark.time_ms = llrint(time_s * 1000);
    mark.number = l->count;
    l->marks[l->count++] = mark;
    return FT_OK;
}

ft_err ft_marks_sentence(ft_mark_list *l, double time_s, const ft_sentence *s, ft_str input) {
    ft_str value = ft_str_slice(input, s->start, s->end - s->start);
    return add(
        l, (ft_mark){ .type = FT_MARKS_SENTENCE, .start = s->start, .end = s->end, .value = value },
        time_s);
}

ft_err ft_marks_item(ft_mark_list *l, double time_s, const ft_item *item) {
    if (item->kind == FT_ITEM_WORD)
        return add(l,
                   (ft_mark){ .type = FT_MARKS_WORD,
                              .start = item->word.start,
                              .end = item->word.end,
                              .value = item->word.written },
                   time_s);
    if (item->kind != FT_ITEM_MARK) return FT_OK;
    return add(
        l,
        (ft_mark){
            .type = FT_MARKS_SSML, .start = item->start, .end = item->end, .value = item->name },
        time_s);
}

ft_err ft_marks_phone(ft_mark_list *l, double time_s, const ft_phone *phone) {
    ft_str viseme = ft_str_of(phone->viseme);
    for (size_t i = l->count; i-- > 0;) { /* a mouth that stays as it is gets no second mark */
        if (l->marks[i].type != FT_MARKS_VISEME) continue;
        if (ft_str_eq(l->marks[i].value, viseme)) return FT_OK;
        break;
    }
    return add(l, (ft_mark){ .type = FT_MARKS_VISEME, .value = viseme }, time_s);
}

static int by_time(const void *a, const void *b) {
    const ft_mark *x = a, *y = b;
    if (x->time_ms != y->time_ms) return x->time_ms < y->time_ms ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static ft_err write_mark(ft_buf *out, const ft_mark *m) {
    const char *type = m->type == FT_MARKS_SENTENCE ? "sentence"
                       : m->type == FT_MARKS_WORD   ? "word"
                       : m->type == FT_MARKS_SSML   ? "ssml"
                                                    : "viseme";
    FT_TRY(ft_buf_printf(out, "{\"time\":%lld,\"type\":\"%s\",", (long long)m->time_ms, type));
    if (m->type != FT_MARKS_VISEME)
        FT_TRY(ft_buf_printf(out, "\"start\":%u,\"end\":%u,", m->start, m->end));
    FT_TRY(ft_buf_add(out, FT_STR("\"value\":")));
    FT_TRY(ft_json_quote(out, m->value));
    return ft_buf_add(out, FT_STR("}\n"));
}

ft_err ft_marks_write(ft_buf *out, ft_mark_list *l) {
    if (l->count) qsort(l->marks, l->count, sizeof *l->marks, by_time);
    for (size_t i = 0; i < l->count; i++) FT_TRY(write_mark(out, &l->marks[i]));
    l->count = 0;
    return FT_OK;
}
