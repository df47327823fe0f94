/* manifest_fuzz.c -- manifests and channels' settings that someone else wrote: read or refused in
 * words. The first byte chooses: a manifest, an augmented one, a channel. Names that a manifest has
 * lead to no file of this machine, since all begin with a prefix that is no folder. */
#include <stdlib.h>

#include "base/check.h"
#include "data/channel.h"
#include "data/source_in.h"
#include "fuzz/target.h"

/* Would look at files and servers: only texts that name neither are followed. */
static bool names_something(ft_str text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] == '/' || text.at[i] == '\\' || text.at[i] == '-' || text.at[i] == '*' ||
            text.at[i] == '?' || text.at[i] == '[')
            return true;
    return false;
}

static void channel(ft_str text) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_channel_source c, again;
    ft_buf buf = { 0 };
    if (ft_channel_source_read(&c, &arena, text) == FT_OK) {
        FT_CHECK(c.uri.len && (!c.world || c.rank < c.world));
        if (ft_channel_source_write(&buf, &c) == FT_OK && ft_str_utf8(c.uri)) {
            FT_CHECK(ft_channel_source_read(&again, &arena, ft_buf_str(&buf)) == FT_OK);
            FT_CHECK(ft_str_eq(c.uri, again.uri) && c.seed == again.seed && c.mode == again.mode);
            FT_CHECK(ft_str_eq(c.attributes, again.attributes) && c.rank == again.rank);
        }
    } else {
        FT_CHECK(ft_err_why()[0]);
    }
    ft_buf_fini(&buf);
    ft_arena_fini(&arena);
}

static void manifest(ft_str text, bool augmented) {
    ft_source s = { .opts = { .attributes = FT_STR("a,b"), .parts_max = 1000 } };
    if (!augmented && names_something(text)) return;
    ft_err err = augmented ? ft_source_augmented(&s, text, FT_STR("m"))
                           : ft_source_manifest(&s, text, FT_STR("m"));
    for (size_t i = 0; err == FT_OK && augmented && i < s.count; i++)
        FT_CHECK(s.parts[i].inlined.at && s.parts[i].inlined.len == s.parts[i].size_bytes &&
                 s.parts[i].line);
    if (err != FT_OK) FT_CHECK(ft_err_why()[0]);
    free(s.parts);
    free(s.places);
    ft_arena_fini(&s.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    ft_str text = ft_str_n(data + 1, size - 1);
    if (data[0] % 3 == 0) manifest(text, false);
    if (data[0] % 3 == 1) manifest(text, true);
    if (data[0] % 3 == 2) channel(text);
    ft_err_clear();
    return 0;
}
