/* index.c -- see index_in.h. */
#include "trials/index_in.h"

#include "base/json.h"
#include "trials/event_in.h"
#include "trials/trial.h"

#define ENTRIES_MAX    4000000
#define ENTRY_TAIL_MAX 80 /* bytes after an entry's name */

/* ---- writing */
static char *put_text(char *at, const char *text, size_t len) {
    memcpy(at, text, len);
    return at + len;
}

static char *put_number(char *at, uint64_t v) {
    char digits[20];
    size_t n = 0;
    do digits[n++] = (char)('0' + v % 10);
    while (v /= 10);
    while (n) *at++ = digits[--n];
    return at;
}

/* A step may have thousands of entries: after the name, one reserve and plain stores. */
ft_err ft_index_add(ft_buf *out, bool first, ft_str name, uint64_t offset, uint64_t length) {
    FT_TRY(ft_buf_add(out, first ? FT_STR("{\"tensorname\":") : FT_STR(",{\"tensorname\":")));
    FT_TRY(ft_json_quote(out, name));
    FT_TRY(ft_buf_reserve(out, ENTRY_TAIL_MAX));
    char *at = out->at + out->len;
    at = put_text(at, ",\"start_idx\":", 13);
    at = put_number(at, offset);
    at = put_text(at, ",\"length\":", 10);
    at = put_number(at, length);
    *at++ = '}';
    out->len = (size_t)(at - out->at);
    return FT_OK;
}

ft_err ft_index_write(ft_buf *out, ft_mode mode, int64_t mode_step, ft_str event_file,
                      ft_str payload) {
    FT_TRY(ft_buf_printf(out, "{\"meta\":{\"mode\":\"%s\",\"mode_step\":%lld,\"event_file_name\":",
                         ft_mode_name(mode), (long long)mode_step));
    FT_TRY(ft_json_quote(out, event_file));
    FT_TRY(ft_buf_add(out, FT_STR("},\"tensor_payload\":[")));
    FT_TRY(ft_buf_add(out, payload));
    return ft_buf_add(out, FT_STR("],\"shape_payload\":[]}"));
}

/* ---- reading */
static ft_err read_meta(ft_json *j, ft_index *x) {
    ft_str name, text;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "mode")) {
            FT_TRY(ft_json_string(j, &text));
            if (ft_mode_parse(&x->mode, text)) return ft_json_fail(j, "%s", ft_err_why());
        } else if (ft_str_is(name, "mode_step")) {
            FT_TRY(ft_json_i64(j, &x->mode_step));
        } else if (ft_str_is(name, "event_file_name")) {
            FT_TRY(ft_json_string(j, &x->event_file));
        } else {
            FT_TRY(ft_json_skip(j, NULL));
        }
    }
    return j->err;
}

static ft_err read_entry(ft_json *j, ft_index_entry *e) {
    ft_str name;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "tensorname"))
            FT_TRY(ft_json_string(j, &e->name));
        else if (ft_str_is(name, "start_idx"))
            FT_TRY(ft_json_u64(j, &e->offset));
        else if (ft_str_is(name, "length"))
            FT_TRY(ft_json_u64(j, &e->length));
        else
            FT_TRY(ft_json_skip(j, NULL));
    }
    if (j->err) return j->err;
    if (!e->name.len || e->name.len > FT_TRIAL_NAME_MAX)
        return ft_json_fail(j, "tensorname: 1 to %d bytes were expected", FT_TRIAL_NAME_MAX);
    if (e->length < 16 || e->length > FT_EVENT_BYTES_MAX + 16 || e->offset > INT64_MAX / 2)
        return ft_json_fail(j, "'%.*s': start_idx %llu and length %llu are no place of a record",
                            FT_STR_ARG(e->name), (unsigned long long)e->offset,
                            (unsigned long long)e->length);
    return FT_OK;
}

/* An entry has at least so many bytes, so the text's length bounds their number. */
#define ENTRY_BYTES_MIN 40

static ft_err read_payload(ft_json *j, ft_arena *arena, ft_index *x) {
    size_t most = (j->text.len - j->at) / ENTRY_BYTES_MIN + 1;
    FT_TRY(ft_arena_items(&x->entries, arena, most < ENTRIES_MAX ? most : ENTRIES_MAX));
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        ft_index_entry e = { 0 };
        FT_TRY(read_entry(j, &e));
        if (x->count == most || x->count == ENTRIES_MAX)
            return ft_json_fail(j, "more than %zu tensors", x->count);
        x->entries[x->count++] = e;
    }
    return j->err;
}

ft_err ft_index_read(ft_index *out, ft_arena *arena, ft_str json) {
    static const ft_json_opts opts = { .name = "index" };
    ft_json j;
    ft_str name;
    memset(out, 0, sizeof *out);
    ft_json_init(&j, json, arena, &opts);
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        if (ft_str_is(name, "meta"))
            FT_TRY(read_meta(&j, out));
        else if (ft_str_is(name, "tensor_payload") && !out->entries)
            FT_TRY(read_payload(&j, arena, out));
        else
            FT_TRY(ft_json_skip(&j, NULL));
    }
    FT_TRY(ft_json_end(&j));
    if (!out->mode) return FT_FAIL(FT_EPARSE, "index: meta.mode is missing");
    if (out->count && !out->event_file.len)
        return FT_FAIL(FT_EPARSE, "index: meta.event_file_name is missing");
    return FT_OK;
}

bool ft_index_key(int64_t *step, ft_str *worker, ft_str key) {
    size_t base = key.len;
    while (base && key.at[base - 1] != '/') base--;
    ft_str name = ft_str_from(key, base);
    if (!ft_str_ends(name, FT_STR(".json"))) return false;
    name.len -= 5;
    ft_str rest = name, digits = ft_str_cut(&rest, '_');
    if (!rest.at || !rest.len || !ft_str_i64(step, digits)) return false;
    *worker = rest;
    return *step >= 0 && *step <= FT_TRIAL_STEP_MAX;
}
