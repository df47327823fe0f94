/* config.c -- see config.h. */
#include "speech/vits/config.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/json.h"

#define SIGNS_MAX    8192
#define SPEAKERS_MAX 65536
#define NAME_MAX_LEN 64

/* ---- characters */

uint32_t ft_vits_char(ft_str *rest) {
    const unsigned char *at = (const unsigned char *)rest->at;
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    uint32_t c = len == 1 ? at[0] : at[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len && i < rest->len; i++) c = c << 6 | (at[i] & 0x3fu);
    *rest = ft_str_from(*rest, len);
    return c;
}

static bool one_char(uint32_t *out, ft_str text) {
    if (text.len == 0 || !ft_str_utf8(text)) return false;
    *out = ft_vits_char(&text);
    return text.len == 0;
}

/* ---- members */

typedef struct reading {
    ft_json json;
    ft_vits_config *c;
    ft_arena *arena;
    size_t sign_room, change_room, speaker_room;
} reading;

static ft_err grown(void **list, size_t count, size_t *room, size_t size, ft_arena *arena) {
    char *wider;
    if (count < *room) return FT_OK;
    size_t more = *room ? 2 * *room : 64;
    FT_TRY(ft_arena_take(&wider, arena, more * size));
    if (count) memcpy(wider, *list, count * size);
    *list = wider;
    *room = more;
    return FT_OK;
}

static ft_err read_sign(reading *r, ft_str name) {
    ft_vits_config *c = r->c;
    ft_json *j = &r->json;
    uint32_t sign;
    if (!one_char(&sign, name))
        return ft_json_fail(j, "phoneme_id_map: '%.*s' is not one character", FT_STR_ARG(name));
    if (c->sign_count == SIGNS_MAX)
        return ft_json_fail(j, "phoneme_id_map: more than %d signs", SIGNS_MAX);
    FT_TRY(grown((void **)&c->signs, c->sign_count, &r->sign_room, sizeof *c->signs, r->arena));
    ft_vits_sign *s = &c->signs[c->sign_count++];
    *s = (ft_vits_sign){ .sign = sign };
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        if (s->id_count == FT_VITS_SIGN_IDS_MAX)
            return ft_json_fail(j, "phoneme_id_map: more than %d numbers of '%.*s'",
                                FT_VITS_SIGN_IDS_MAX, FT_STR_ARG(name));
        FT_TRY(ft_json_i64(j, &s->ids[s->id_count]));
        if (s->ids[s->id_count] < 0 || s->ids[s->id_count] > INT32_MAX)
            return ft_json_fail(j, "phoneme_id_map: a number of '%.*s' is out of range",
                                FT_STR_ARG(name));
        s->id_count++;
    }
    return j->err;
}

static ft_err read_change(reading *r, ft_str name) {
    ft_vits_config *c = r->c;
    ft_json *j = &r->json;
    ft_str text;
    FT_TRY(grown((void **)&c->changes, c->change_count, &r->change_room, sizeof *c->changes,
                 r->arena));
    ft_vits_change *change = &c->changes[c->change_count++];
    *change = (ft_vits_change){ 0 };
    if (!one_char(&change->from, name) || c->change_count > SIGNS_MAX)
        return ft_json_fail(j, "phoneme_map: '%.*s' is not one character", FT_STR_ARG(name));
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        FT_TRY(ft_json_string(j, &text));
        if (change->to_count == FT_VITS_SIGN_IDS_MAX ||
            !one_char(&change->to[change->to_count], text))
            return ft_json_fail(j, "phoneme_map: '%.*s' is not one character", FT_STR_ARG(text));
        change->to_count++;
    }
    return j->err;
}

static ft_err read_speaker(reading *r, ft_str name) {
    ft_vits_config *c = r->c;
    if (c->speaker_rows == SPEAKERS_MAX)
        return ft_json_fail(&r->json, "speaker_id_map: more than %d speakers", SPEAKERS_MAX);
    FT_TRY(grown((void **)&c->speakers, c->speaker_rows, &r->speaker_room, sizeof *c->speakers,
                 r->arena));
    ft_vits_speaker *s = &c->speakers[c->speaker_rows++];
    FT_TRY(ft_arena_str(&s->name, r->arena, name));
    return ft_json_i64(&r->json, &s->id);
}

static ft_err read_audio(reading *r, ft_str name) {
    int64_t rate;
    if (!ft_str_is(name, "sample_rate")) return FT_OK;
    FT_TRY(ft_json_i64(&r->json, &rate));
    if (rate < FT_VITS_RATE_MIN || rate > FT_VITS_RATE_MAX)
        return ft_json_fail(&r->json, "audio.sample_rate: %lld Hz; expected %d to %d",
                            (long long)rate, FT_VITS_RATE_MIN, FT_VITS_RATE_MAX);
    r->c->rate_hz = (int)rate;
    return FT_OK;
}

static ft_err read_inference(reading *r, ft_str name) {
    static const struct {
        const char *name;
        size_t at;
        double low, high;
    } rows[] = { { "noise_scale", offsetof(ft_vits_config, noise_scale), 0, 10 },
                 { "length_scale", offsetof(ft_vits_config, length_scale), 0.05, 20 },
                 { "noise_w", offsetof(ft_vits_config, noise_w), 0, 10 } };
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        double v;
        if (!ft_str_is(name, rows[i].name)) continue;
        FT_TRY(ft_json_f64(&r->json, &v));
        if (!(v >= rows[i].low && v <= rows[i].high))
            return ft_json_fail(&r->json, "inference.%s: %g; expected %g to %g", rows[i].name, v,
                                rows[i].low, rows[i].high);
        memcpy((char *)r->c + rows[i].at, &v, sizeof v);
    }
    return FT_OK;
}

static ft_err read_text(ft_str *out, reading *r) {
    ft_str text;
    FT_TRY(ft_json_string(&r->json, &text));
    if (text.len > NAME_MAX_LEN) return ft_json_fail(&r->json, "a name of %zu bytes", text.len);
    return ft_arena_str(out, r->arena, text);
}

static ft_err read_espeak(reading *r, ft_str name) {
    return ft_str_is(name, "voice") ? read_text(&r->c->espeak, r) : FT_OK;
}

static ft_err read_language(reading *r, ft_str name) {
    if (ft_str_is(name, "code")) return read_text(&r->c->lang, r);
    return ft_str_is(name, "name_english") ? read_text(&r->c->lang_name, r) : FT_OK;
}

static ft_err each_member(reading *r, ft_err (*member)(reading *r, ft_str name)) {
    ft_str name;
    FT_TRY(ft_json_enter_object(&r->json));
    while (ft_json_next_member(&r->json, &name)) FT_TRY(member(r, name));
    return r->json.err;
}

static ft_err read_type(reading *r) {
    ft_str type;
    FT_TRY(ft_json_string(&r->json, &type));
    r->c->letters = ft_str_is(type, "text");
    if (r->c->letters || ft_str_is(type, "espeak")) return FT_OK;
    return ft_json_fail(&r->json, "phoneme_type: '%.*s'; espeak and text are known",
                        FT_STR_ARG(type));
}

static ft_err read_member(reading *r, ft_str name) {
    static const struct {
        const char *name;
        ft_err (*member)(reading *r, ft_str name);
    } rows[] = { { "audio", read_audio },           { "espeak", read_espeak },
                 { "inference", read_inference },   { "language", read_language },
                 { "phoneme_id_map", read_sign },   { "phoneme_map", read_change },
                 { "speaker_id_map", read_speaker } };
    if (ft_str_is(name, "phoneme_type")) return read_type(r);
    if (ft_str_is(name, "num_speakers")) return ft_json_i64(&r->json, &r->c->speaker_count);
    for (size_t i = 0; i < FT_COUNT(rows); i++)
        if (ft_str_is(name, rows[i].name)) return each_member(r, rows[i].member);
    return FT_OK;
}

/* ---- the whole */

static int by_sign(const void *a, const void *b) {
    uint32_t x = ((const ft_vits_sign *)a)->sign, y = ((const ft_vits_sign *)b)->sign;
    return x < y ? -1 : x > y;
}

const ft_vits_sign *ft_vits_sign_find(const ft_vits_config *c, uint32_t sign) {
    ft_vits_sign key = { .sign = sign };
    return c->sign_count ? bsearch(&key, c->signs, c->sign_count, sizeof key, by_sign) : NULL;
}

ft_err ft_vits_speaker_find(int64_t *out, const ft_vits_config *c, ft_str name) {
    *out = 0;
    if (name.len == 0) return FT_OK;
    for (size_t i = 0; i < c->speaker_rows; i++)
        if (ft_str_eq(c->speakers[i].name, name)) {
            *out = c->speakers[i].id;
            return FT_OK;
        }
    if (ft_str_i64(out, name) && *out >= 0 && *out < c->speaker_count) return FT_OK;
    return FT_FAIL(FT_ENOTFOUND, "no speaker '%.*s'; the voice has %lld, from 0 on",
                   FT_STR_ARG(name), (long long)c->speaker_count);
}

/* "en_US", "en-us" and "en" as "en-US"; what is longer ("en-gb-x-rp") loses the rest. */
static ft_err lang_of(ft_vits_config *c, ft_arena *arena) {
    ft_str from = c->lang.len ? c->lang : c->espeak;
    char text[8] = "";
    size_t len = 0;
    while (len < from.len && len < 3 && from.at[len] != '-' && from.at[len] != '_') {
        text[len] = (char)(from.at[len] | 0x20);
        len++;
    }
    ft_str region = ft_str_slice(from, len + 1, 2);
    bool ends = from.len == len + 3 || (from.len > len + 3 && strchr("-_", from.at[len + 3]));
    if (region.len == 2 && ends) {
        text[len++] = '-';
        for (size_t i = 0; i < 2; i++)
            text[len++] = (char)(region.at[i] >= 'a' ? region.at[i] - 32 : region.at[i]);
    }
    return ft_arena_str(&c->lang, arena, ft_str_n(text, len));
}

static ft_err check(ft_vits_config *c, const char *name) {
    static const char needed[] = "_^$";
    if (c->sign_count) qsort(c->signs, c->sign_count, sizeof *c->signs, by_sign);
    if (!c->rate_hz) return FT_FAIL(FT_EPARSE, "%s: audio.sample_rate is missing", name);
    if (!c->sign_count) return FT_FAIL(FT_EPARSE, "%s: phoneme_id_map is missing", name);
    for (size_t i = 0; needed[i]; i++) {
        const ft_vits_sign *s = ft_vits_sign_find(c, (uint32_t)needed[i]);
        if (!s || !s->id_count)
            return FT_FAIL(FT_EPARSE, "%s: phoneme_id_map has no '%c' (%s)", name, needed[i],
                           i == 0   ? "the pad between signs"
                           : i == 1 ? "the begin of a text"
                                    : "its end");
    }
    for (size_t i = 1; i < c->sign_count; i++)
        if (c->signs[i].sign == c->signs[i - 1].sign)
            return FT_FAIL(FT_EPARSE, "%s: phoneme_id_map has a sign twice (U+%04X)", name,
                           c->signs[i].sign);
    if (!c->letters && !c->espeak.len)
        return FT_FAIL(FT_EPARSE, "%s: espeak.voice is missing", name);
    if (c->speaker_count < 1 || c->speaker_count > SPEAKERS_MAX)
        return FT_FAIL(FT_EPARSE, "%s: num_speakers is %lld", name, (long long)c->speaker_count);
    return FT_OK;
}

ft_err ft_vits_config_read(ft_vits_config *out, ft_arena *arena, ft_str text, const char *name) {
    *out = (ft_vits_config){
        .noise_scale = 0.667, .length_scale = 1, .noise_w = 0.8, .speaker_count = 1
    };
    reading r = { .c = out, .arena = arena };
    ft_json_opts opts = { .name = name, .size_limit_bytes = FT_VITS_CONFIG_BYTES_MAX };
    ft_json_init(&r.json, text, arena, &opts);
    FT_TRY(each_member(&r, read_member));
    FT_TRY(ft_json_end(&r.json));
    FT_TRY(check(out, name));
    return lang_of(out, arena);
}
