/* zip.c -- members of a zip file that are stored, not packed: what PyTorch and NumPy write.
 * Source: PKWARE, APPNOTE.TXT 6.3.9: 4.3.12 central directory, 4.3.14 and 4.5.3 zip64. */
#include "nn/weights_in.h"

#define MEMBERS_MAX ((uint64_t)1 << 20)

static uint64_t number(ft_str b, uint64_t at, int bytes) {
    uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--) v = v << 8 | (uint8_t)b.at[at + (uint64_t)i];
    return v;
}

static ft_err cut(uint64_t at) {
    return FT_FAIL(FT_ECORRUPT, "byte %llu: the zip file is cut off or damaged",
                   (unsigned long long)at);
}

/* The end record stands in the last 64 KiB, behind it only a comment. */
static ft_err find_directory(uint64_t *at, uint64_t *count, ft_str b) {
    uint64_t low = b.len > 65557 ? b.len - 65557 : 0;
    if (b.len < 22) return cut(0);
    for (uint64_t end = b.len - 22;; end--) {
        if (number(b, end, 4) == 0x06054b50) {
            *count = number(b, end + 10, 2);
            *at = number(b, end + 16, 4);
            bool wide = *at == UINT32_MAX || *count == UINT16_MAX;
            if (!wide || end < 20 || number(b, end - 20, 4) != 0x07064b50) return FT_OK;
            uint64_t record = number(b, end - 12, 8);
            if (b.len < 56 || record > b.len - 56 || number(b, record, 4) != 0x06064b50)
                return cut(record);
            *count = number(b, record + 32, 8);
            *at = number(b, record + 48, 8);
            return FT_OK;
        }
        if (end == low) return cut(end);
    }
}

/* Sizes and place from the zip64 field, where the short ones are full of ones. */
static ft_err read_wide(uint64_t *size, uint64_t *packed, uint64_t *local, ft_str extra) {
    for (uint64_t at = 0; at + 4 <= extra.len;) {
        uint64_t tag = number(extra, at, 2), len = number(extra, at + 2, 2);
        at += 4;
        if (len > extra.len - at) return cut(at);
        uint64_t *fields[] = { size, packed, local }, from = at;
        for (int i = 0; tag == 1 && i < 3; i++) {
            if (*fields[i] != UINT32_MAX || from + 8 > at + len) continue;
            *fields[i] = number(extra, from, 8);
            from += 8;
        }
        at += len;
    }
    return FT_OK;
}

static ft_err read_member(ft_zip_member *out, ft_str b, uint64_t *at) {
    uint64_t head = *at;
    if (head > b.len || b.len - head < 46 || number(b, head, 4) != 0x02014b50) return cut(head);
    uint64_t method = number(b, head + 10, 2), packed = number(b, head + 20, 4);
    uint64_t size = number(b, head + 24, 4), name = number(b, head + 28, 2);
    uint64_t extra = number(b, head + 30, 2), comment = number(b, head + 32, 2);
    uint64_t local = number(b, head + 42, 4);
    if (name + extra + comment > b.len - head - 46) return cut(head);
    out->name = ft_str_slice(b, head + 46, name);
    FT_TRY(read_wide(&size, &packed, &local, ft_str_slice(b, head + 46 + name, extra)));
    *at = head + 46 + name + extra + comment;
    if (method != 0 || packed != size)
        return FT_FAIL(FT_EUNSUPPORTED, "member '%.*s' is packed; store it (np.savez, torch.save)",
                       FT_STR_ARG(out->name));
    if (local > b.len || b.len - local < 30 || number(b, local, 4) != 0x04034b50) return cut(local);
    uint64_t from = local + 30 + number(b, local + 26, 2) + number(b, local + 28, 2);
    if (from > b.len || size > b.len - from) return cut(from);
    out->bytes = ft_str_slice(b, from, size);
    return FT_OK;
}

ft_err ft_zip_members(ft_zip_member **out, size_t *count, ft_arena *arena, ft_str bytes) {
    uint64_t at = 0, members = 0;
    FT_TRY(find_directory(&at, &members, bytes));
    if (members > MEMBERS_MAX || members > bytes.len / 46) return cut(at);
    FT_TRY(ft_arena_items(out, arena, members + 1));
    for (uint64_t i = 0; i < members; i++) FT_TRY(read_member(&(*out)[i], bytes, &at));
    *count = members;
    return FT_OK;
}
