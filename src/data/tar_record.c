/* tar_record.c -- a tar archive as records: each is the members that share a key, WebDataset's
 * samples. The key is the name up to the first dot of its last part; "a/b.seg.png" has the key
 * "a/b" and the ending "seg.png". Members without such a name, folders and links belong to no
 * sample. Source: WebDataset, tariterators.py (base_plus_ext, group_by_keys). */
#include "data/record_in.h"
#include "data/shown.h"
#include "data/tar_member.h"
#include "data/tar_record_in.h"

bool ft_tar_key(ft_str *key, ft_str *ending, ft_str name) {
    size_t base = name.len;
    while (base > 0 && name.at[base - 1] != '/') base--;
    size_t dot = base + ft_str_find(ft_str_from(name, base), '.');
    *key = ft_str_slice(name, 0, dot);
    *ending = ft_str_from(name, dot + 1);
    return dot > base && dot < name.len && ending->len;
}

/* Is the member part of the sample with this key? `*key` is set by the first one that has a key;
 * the text is copied to `buf`, since views of the window move. */
static ft_err belongs(bool *out, ft_buf *key, bool *keyed, const ft_tar_member *m) {
    ft_str k, ending;
    *out = true;
    if (m->type != '0' || !ft_tar_key(&k, &ending, m->name)) return FT_OK;
    if (*keyed) {
        *out = ft_str_eq(k, ft_buf_str(key));
        return FT_OK;
    }
    *keyed = true;
    ft_buf_reset(key);
    return ft_buf_add(key, k);
}

/* The headers of the member `at` bytes after the stream's place. FT_ENOTFOUND at the end mark. */
static ft_err member_at(ft_tar_member *m, ft_record_read *r, size_t at) {
    ft_str view;
    m->need = FT_TAR_BLOCK;
    for (;;) {
        size_t want = at + m->need;
        FT_TRY(ft_input_peek(&view, r->in, want));
        if (view.len < want)
            return FT_FAIL(FT_ECORRUPT, view.len <= at
                                            ? "the archive ends without its end mark: it was cut"
                                            : "the archive ends within a header");
        ft_err err = ft_tar_member_read(m, ft_str_from(view, at));
        if (err == FT_ENOTFOUND) return err;
        FT_TRY(err);
        if (!m->need) return FT_OK;
    }
}

/* After the end mark only zeros may follow. */
static ft_err end(ft_record_read *r) {
    ft_str view;
    for (;;) {
        FT_TRY(ft_input_peek(&view, r->in, 1));
        if (view.len == 0) return FT_ENOTFOUND;
        for (size_t i = 0; i < view.len; i++)
            if (view.at[i])
                return FT_FAIL(FT_ECORRUPT,
                               "something follows the archive's end mark: several archives in one "
                               "file are not read");
        ft_input_skip(r->in, view.len);
    }
}

static ft_err tar_next(ft_record_read *r, ft_record *out) {
    tar_state *s = r->state;
    ft_tar_member m;
    size_t bytes = 0;
    bool mine = true, keyed = false;
    ft_err err;
    while (!(err = member_at(&m, r, bytes))) {
        FT_TRY(belongs(&mine, &s->key, &keyed, &m));
        if (!mine) break;
        FT_TRY(ft_record_fits(r, bytes + m.total));
        bytes += (size_t)m.total;
        ft_str view;
        FT_TRY(ft_input_peek(&view, r->in, bytes));
        if (view.len < bytes)
            return FT_FAIL(FT_ECORRUPT, "the archive ends within a member of '%s'",
                           ft_shown(ft_buf_str(&s->key)));
    }
    if (err && err != FT_ENOTFOUND) return err;
    if (!keyed) {
        ft_input_skip(r->in, bytes);
        return end(r);
    }
    FT_TRY(ft_input_peek(&out->bytes, r->in, bytes));
    out->bytes.len = bytes;
    ft_input_skip(r->in, bytes);
    return FT_OK;
}

static ft_err tar_pass(ft_record_read *r) {
    tar_state *s = r->state;
    ft_tar_member m;
    bool mine = true, keyed = false;
    ft_err err;
    while (!(err = member_at(&m, r, 0))) {
        FT_TRY(belongs(&mine, &s->key, &keyed, &m));
        if (!mine) return FT_OK;
        FT_TRY(ft_input_seek(r->in, ft_input_offset(r->in) + m.total));
    }
    if (err != FT_ENOTFOUND) return err;
    return keyed ? FT_OK : end(r);
}

static void tar_fini(void *state) { ft_buf_fini(&((tar_state *)state)->key); }

static ft_err tar_write(ft_record_write *w, const ft_record *record) {
    if (record->bytes.len % FT_TAR_BLOCK)
        return FT_FAIL(FT_EINVAL, "a sample of a tar archive is whole members");
    return ft_buf_add(w->out, record->bytes);
}

static ft_err tar_end(ft_record_write *w, ft_buf *head) {
    static const char zeros[2 * FT_TAR_BLOCK];
    (void)head;
    return ft_buf_add_n(w->out, zeros, sizeof zeros);
}

static int tar_sniff(ft_str head, ft_str path) {
    ft_tar_member m;
    if (head.len < FT_TAR_BLOCK) return 0;
    ft_err err = ft_tar_member_read(&m, head);
    if (err) ft_err_clear();
    if (err == FT_ENOTFOUND) return ft_str_ends(path, FT_STR(".tar")) ? 90 : 0; /* empty */
    return err ? 0 : 96;
}

/* Trailing members of no key belong to the last sample; a frame is its own payload. */
static ft_str tar_payload(ft_str frame) { return frame; }

const ft_record_format ft_records_tar = {
    .name = "tar",
    .doc = "WebDataset: files that share a name are a sample",
    .endings = ".tar",
    .media_types = "application/x-tar",
    .sniff = tar_sniff,
    .read_bytes = sizeof(tar_state),
    .next = tar_next,
    .pass = tar_pass,
    .payload = tar_payload,
    .fini = tar_fini,
    .write = tar_write,
    .end = tar_end,
};
