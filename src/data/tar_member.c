/* tar_member.c -- see tar_member.h. */
#include "data/tar_member.h"

#include <stdio.h>

#include "base/check.h"

typedef struct header { /* texts are padded with NUL, numbers octal */
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[6],
        version[2], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
} header;
_Static_assert(sizeof(header) == FT_TAR_BLOCK, "a tar header is one block");

static unsigned header_sum(const header *h) {
    const unsigned char *at = (const unsigned char *)h;
    unsigned sum = 0;
    for (size_t i = 0; i < FT_TAR_BLOCK; i++) {
        bool own = i >= offsetof(header, sum) && i < offsetof(header, type);
        sum += own ? ' ' : at[i]; /* its own field counts as blanks */
    }
    return sum;
}

/* ---- reading */

static ft_err number(uint64_t *out, const char *at, size_t len) {
    *out = 0;
    if ((unsigned char)at[0] & 0x80) { /* GNU's binary form, big-endian */
        for (size_t i = 1; i < len; i++) {
            if (*out >> 55) return FT_FAIL(FT_ECORRUPT, "a size that cannot be");
            *out = *out << 8 | (unsigned char)at[i];
        }
        return FT_OK;
    }
    size_t i = 0;
    while (i < len && at[i] == ' ') i++;
    for (; i < len && at[i] && at[i] != ' '; i++) {
        if (at[i] < '0' || at[i] > '7')
            return FT_FAIL(FT_ECORRUPT, "expected an octal number in a tar header");
        *out = *out << 3 | (uint64_t)(at[i] - '0');
    }
    return FT_OK;
}

static ft_str field(const char *at, size_t len) { return (ft_str){ at, strnlen(at, len) }; }

/* "27 path=long/name\n" … of a pax header. */
static ft_err pax(ft_tar_member *m, ft_str text, bool *sized) {
    while (text.len) {
        ft_str rest = text, digits = ft_str_cut(&rest, ' ');
        uint64_t len = 0;
        if (!rest.at || !ft_str_u64(&len, digits) || len <= digits.len + 1 || len > text.len ||
            text.at[len - 1] != '\n')
            return FT_FAIL(FT_ECORRUPT, "a damaged pax header");
        ft_str line = ft_str_slice(text, digits.len + 1, (size_t)len - digits.len - 2);
        text = ft_str_from(text, (size_t)len);
        if (ft_str_starts(line, FT_STR("path="))) m->name = ft_str_from(line, 5);
        if (ft_str_starts(line, FT_STR("size="))) {
            if (!ft_str_u64(&m->size, ft_str_from(line, 5)) || m->size >> 60)
                return FT_FAIL(FT_ECORRUPT, "a size that cannot be");
            *sized = true;
        }
    }
    return FT_OK;
}

static bool zeros(const char *at) {
    for (size_t i = 0; i < FT_TAR_BLOCK; i++)
        if (at[i]) return false;
    return true;
}

static ft_err header_at(header *h, uint64_t *size, ft_str bytes) {
    uint64_t sum;
    memcpy(h, bytes.at, sizeof *h);
    FT_TRY(number(&sum, h->sum, sizeof h->sum));
    if (sum != header_sum(h)) return FT_FAIL(FT_ECORRUPT, "no tar header (its sum is wrong)");
    FT_TRY(number(size, h->size, sizeof h->size));
    return *size >> 60 ? FT_FAIL(FT_ECORRUPT, "a size that cannot be") : FT_OK;
}

static uint64_t padded(uint64_t size) {
    return (size + FT_TAR_BLOCK - 1) / FT_TAR_BLOCK * FT_TAR_BLOCK;
}

/* The file's own header, after what came before it. */
static void own(ft_tar_member *m, const header *h, ft_str bytes, uint64_t size, bool sized) {
    ft_str name = field(h->name, sizeof h->name), prefix = field(h->prefix, sizeof h->prefix);
    const char *name_at = bytes.at + m->head - FT_TAR_BLOCK;
    if (!m->name.at) m->name = ft_str_n(name_at, name.len);
    if (m->name.at == name_at && prefix.len && memcmp(h->magic, "ustar", 6) == 0) {
        int n =
            snprintf(m->text, sizeof m->text, "%.*s/%.*s", FT_STR_ARG(prefix), FT_STR_ARG(name));
        m->name = ft_str_n(m->text, (size_t)n);
    }
    m->type = h->type == '\0' || h->type == '7' ? '0' : h->type;
    if (m->type == '0' && m->name.len && m->name.at[m->name.len - 1] == '/') m->type = '5';
    if (!sized) m->size = size;
    if (m->type != '0') m->size = h->type == '5' ? 0 : m->size;
    m->total = m->head + padded(m->size);
}

ft_err ft_tar_member_read(ft_tar_member *m, ft_str bytes) {
    bool sized = false;
    *m = (ft_tar_member){ 0 };
    for (;;) {
        header h;
        uint64_t size = 0;
        ft_str here = ft_str_from(bytes, m->head);
        m->need = m->head + FT_TAR_BLOCK;
        if (here.len < FT_TAR_BLOCK) return FT_OK;
        if (zeros(here.at)) {
            if (m->head == 0) return FT_ENOTFOUND;
            return FT_FAIL(FT_ECORRUPT, "the archive ends after a long name");
        }
        FT_TRY(header_at(&h, &size, here));
        if (h.type != 'L' && h.type != 'x' && h.type != 'g' && h.type != 'K') {
            m->head += FT_TAR_BLOCK;
            m->need = 0;
            own(m, &h, bytes, size, sized);
            return FT_OK;
        }
        if (size > FT_TAR_HEAD_MAX || m->head > FT_TAR_HEAD_MAX)
            return FT_FAIL(FT_ETOOBIG, "a tar header of %llu bytes", (unsigned long long)size);
        m->need = m->head + FT_TAR_BLOCK + (size_t)padded(size);
        if (bytes.len < m->need) return FT_OK;
        ft_str text = ft_str_slice(here, FT_TAR_BLOCK, (size_t)size);
        if (h.type == 'x') FT_TRY(pax(m, text, &sized));
        if (h.type == 'L') m->name = field(text.at, text.len);
        if (m->name.len > FT_TAR_NAME_MAX)
            return FT_FAIL(FT_ETOOBIG, "a name of %zu bytes in a tar archive", m->name.len);
        m->head = m->need;
    }
}

/* ---- writing */

static void sum_set(header *h) {
    memcpy(h->magic, "ustar", 6);
    memcpy(h->version, "00", 2);
    snprintf(h->sum, sizeof h->sum, "%06o", header_sum(h));
    h->sum[7] = ' ';
}

static void size_set(header *h, uint64_t size) {
    if (size >> 33 == 0) {
        snprintf(h->size, sizeof h->size, "%011llo", (unsigned long long)size);
        return;
    }
    h->size[0] = (char)0x80;
    for (int i = 0; i < 8; i++) h->size[11 - i] = (char)(size >> (8 * i));
}

ft_err ft_tar_member_write(ft_buf *out, ft_str name, uint64_t size) {
    header h = {
        .mode = "0000644", .uid = "0000000", .gid = "0000000", .mtime = "00000000000", .type = '0'
    };
    if (name.len == 0 || name.len > FT_TAR_NAME_MAX)
        return FT_FAIL(FT_ETOOBIG, "a name of %zu bytes in a tar archive", name.len);
    if (name.len > sizeof h.name) { /* GNU's way, which every reader here and elsewhere knows */
        header l = h;
        l.type = 'L';
        memcpy(l.name, "././@LongLink", 13);
        size_set(&l, name.len + 1);
        sum_set(&l);
        ft_buf_add_n(out, &l, sizeof l);
        ft_buf_add(out, name);
        FT_TRY(ft_buf_byte(out, '\0'));
        FT_TRY(ft_tar_member_pad(out, name.len + 1));
    }
    memcpy(h.name, name.at, name.len < sizeof h.name ? name.len : sizeof h.name);
    size_set(&h, size);
    sum_set(&h);
    return ft_buf_add_n(out, &h, sizeof h);
}

ft_err ft_tar_member_pad(ft_buf *out, uint64_t size) {
    static const char zero[FT_TAR_BLOCK];
    return ft_buf_add_n(out, zero, (size_t)(padded(size) - size));
}
