/* spell.c -- see spell.h. */
#include "speech/vits/spell.h"

#include "base/check.h"
#include "speech/segments.h"
#include "speech/vits/align.h"

enum { PAD = '_', BEGIN = '^', END = '$' };

/* ---- sounds */

static ft_err add(ft_vits_spelling *s, uint32_t sign, int item, ft_arena *arena) {
    if (s->count == s->room) {
        ft_vits_sound *wider;
        size_t room = s->room ? 2 * s->room : 128;
        FT_TRY(ft_arena_items(&wider, arena, room));
        if (s->count) memcpy(wider, s->sounds, s->count * sizeof *wider);
        s->sounds = wider;
        s->room = room;
    }
    s->sounds[s->count++] = (ft_vits_sound){ sign, item };
    return FT_OK;
}

/* A blank between what was and what comes. */
static ft_err add_blank(ft_vits_spelling *s, ft_arena *arena) {
    if (s->count == 0 || s->sounds[s->count - 1].sign == ' ') return FT_OK;
    return add(s, ' ', s->sounds[s->count - 1].item, arena);
}

/* Letters with a mark are two signs, as Unicode's form D has them: the ones that stand in espeak's
 * IPA and in the languages of its voices. */
static uint32_t mark_off(uint32_t *mark, uint32_t sign) {
    static const struct {
        uint16_t sign, base, mark;
    } rows[] = {
        { 0xc0, 'A', 0x300 },  { 0xc1, 'A', 0x301 },  { 0xc2, 'A', 0x302 },  { 0xc4, 'A', 0x308 },
        { 0xc7, 'C', 0x327 },  { 0xc8, 'E', 0x300 },  { 0xc9, 'E', 0x301 },  { 0xca, 'E', 0x302 },
        { 0xcd, 'I', 0x301 },  { 0xd1, 'N', 0x303 },  { 0xd3, 'O', 0x301 },  { 0xd6, 'O', 0x308 },
        { 0xda, 'U', 0x301 },  { 0xdc, 'U', 0x308 },  { 0xe0, 'a', 0x300 },  { 0xe1, 'a', 0x301 },
        { 0xe2, 'a', 0x302 },  { 0xe3, 'a', 0x303 },  { 0xe4, 'a', 0x308 },  { 0xe5, 'a', 0x30a },
        { 0xe7, 'c', 0x327 },  { 0xe8, 'e', 0x300 },  { 0xe9, 'e', 0x301 },  { 0xea, 'e', 0x302 },
        { 0xeb, 'e', 0x308 },  { 0xec, 'i', 0x300 },  { 0xed, 'i', 0x301 },  { 0xee, 'i', 0x302 },
        { 0xef, 'i', 0x308 },  { 0xf1, 'n', 0x303 },  { 0xf2, 'o', 0x300 },  { 0xf3, 'o', 0x301 },
        { 0xf4, 'o', 0x302 },  { 0xf5, 'o', 0x303 },  { 0xf6, 'o', 0x308 },  { 0xf9, 'u', 0x300 },
        { 0xfa, 'u', 0x301 },  { 0xfb, 'u', 0x302 },  { 0xfc, 'u', 0x308 },  { 0xfd, 'y', 0x301 },
        { 0x103, 'a', 0x306 }, { 0x105, 'a', 0x328 }, { 0x107, 'c', 0x301 }, { 0x10d, 'c', 0x30c },
        { 0x10f, 'd', 0x30c }, { 0x119, 'e', 0x328 }, { 0x11b, 'e', 0x30c }, { 0x11f, 'g', 0x306 },
        { 0x129, 'i', 0x303 }, { 0x144, 'n', 0x301 }, { 0x148, 'n', 0x30c }, { 0x151, 'o', 0x30b },
        { 0x159, 'r', 0x30c }, { 0x15b, 's', 0x301 }, { 0x15f, 's', 0x327 }, { 0x161, 's', 0x30c },
        { 0x165, 't', 0x30c }, { 0x169, 'u', 0x303 }, { 0x16f, 'u', 0x30a }, { 0x171, 'u', 0x30b },
        { 0x17a, 'z', 0x301 }, { 0x17c, 'z', 0x307 }, { 0x17e, 'z', 0x30c }, { 0x1ebd, 'e', 0x303 },
    };
    *mark = 0;
    for (size_t i = 0; i < FT_COUNT(rows); i++)
        if (rows[i].sign == sign) {
            *mark = rows[i].mark;
            return rows[i].base;
        }
    return sign;
}

static ft_err add_sign(ft_vits_spelling *s, uint32_t sign, int item, ft_arena *arena) {
    uint32_t mark;
    uint32_t base = mark_off(&mark, sign);
    if (sign == ' ') return add_blank(s, arena);
    FT_TRY(add(s, base, item, arena));
    return mark ? add(s, mark, item, arena) : FT_OK;
}

static ft_err add_letters(ft_vits_spelling *s, ft_str text, int item, ft_arena *arena) {
    while (text.len > 0) FT_TRY(add_sign(s, ft_vits_char(&text), item, arena));
    return FT_OK;
}

/* IPA that the text gives. Its stress stands before the syllable; the network has learnt espeak's,
 * before the vowel. Ties, links and the dots between syllables say nothing. */
static ft_err add_ipa(ft_vits_spelling *s, ft_str ipa, int item, ft_arena *arena) {
    uint32_t stress = 0;
    while (ipa.len > 0) {
        bool vowel = ft_espeak_phone(ipa)->vowel;
        uint32_t sign = ft_vits_char(&ipa);
        if (sign == '.' || sign == 0x361 || sign == 0x35c || sign == 0x203f) continue;
        if (sign == 0x2c8 || sign == 0x2cc) {
            stress = sign;
            continue;
        }
        if (vowel && stress) {
            FT_TRY(add(s, stress, item, arena));
            stress = 0;
        }
        FT_TRY(add_sign(s, sign == 'g' ? 0x261 : sign, item, arena));
    }
    return FT_OK;
}

/* ---- words */

typedef struct unit { /* a spoken word */
    const ft_spoken *spoken;
    int item;
    char pause; /* the sign behind it; 0: none */
} unit;

typedef struct unit_list {
    unit *units;
    size_t count;
} unit_list;

static char pause_sign(const ft_sentence *s, size_t item) {
    const ft_word *w = &s->items[item].word;
    if (w->pause == FT_PAUSE_FULL) return w->ending == '?' || w->ending == '!' ? w->ending : '.';
    if (w->pause == FT_PAUSE_MAJOR) return ';';
    return w->pause == FT_PAUSE_MINOR || ft_segments_break_behind(s, item) ? ',' : 0;
}

static ft_err list_units(unit_list *out, const ft_sentence *s, ft_arena *arena) {
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i].kind == FT_ITEM_WORD) count += s->items[i].word.spoken_count;
    FT_TRY(ft_arena_items(&out->units, arena, count + 1));
    out->count = 0;
    for (size_t i = 0; i < s->count; i++) {
        const ft_word *w = &s->items[i].word;
        if (s->items[i].kind != FT_ITEM_WORD) continue;
        for (size_t k = 0; k < w->spoken_count; k++) {
            bool last = k + 1 == w->spoken_count;
            char pause = last ? pause_sign(s, i) : w->spoken[k].pause != 0 ? ',' : 0;
            out->units[out->count++] = (unit){ &w->spoken[k], (int)i, pause };
        }
    }
    return FT_OK;
}

/* The units from `first` up to a pause: pronounced together. 1 at least. */
static size_t clause_length(const unit_list *l, size_t first) {
    size_t n = first;
    while (n < l->count && !l->units[n].pause) n++;
    return n < l->count ? n + 1 - first : n - first;
}

static bool given_whole(const unit *units, size_t count) {
    return count == 1 && units->spoken->phonemes.len;
}

/* ---- asking espeak-ng: a line for each clause, then one for each of its words */

static void write_line(ft_buf *b, const unit *units, size_t count, bool english) {
    for (size_t i = 0; i < count; i++) {
        ft_str text = units[i].spoken->text;
        if (english && ft_str_is(text, "i")) text = FT_STR("I"); /* the word, not the letter */
        if (i) ft_buf_byte(b, ' ');
        for (size_t k = 0; k < text.len; k++) {
            bool plain = (unsigned char)text.at[k] >= ' ' && !strchr("[]", text.at[k]);
            ft_buf_byte(b, plain ? text.at[k] : ' ');
        }
    }
    ft_buf_byte(b, '\n');
}

static ft_err ask(ft_vits_speller *s, const unit_list *l) {
    ft_buf text = { 0 };
    char voice[FT_ESPEAK_VOICE_MAX + 1];
    bool english = ft_str_starts(s->config->lang, FT_STR("en"));
    for (size_t i = 0, n; i < l->count; i += n) {
        n = clause_length(l, i);
        if (given_whole(l->units + i, n)) continue;
        write_line(&text, l->units + i, n, english);
        for (size_t k = 0; k < n && n > 1; k++) write_line(&text, l->units + i + k, 1, english);
    }
    ft_err err = text.err;
    memcpy(voice, s->config->espeak.at, s->config->espeak.len);
    voice[s->config->espeak.len] = 0;
    ft_buf_reset(&s->answer.ipa);
    if (err == FT_OK && text.len)
        err = ft_espeak_spell(&s->process, &s->answer, voice, ft_buf_str(&text), false);
    ft_buf_fini(&text);
    return err;
}

/* The next line's signs, without the names of languages that espeak-ng sets in brackets. */
typedef struct signs {
    uint32_t *at;
    size_t count;
} signs;

static ft_err read_line(signs *out, ft_str *rest, ft_arena *arena) {
    ft_str line = ft_str_trim(ft_str_cut(rest, '\n'));
    FT_TRY(ft_arena_items(&out->at, arena, line.len + 1));
    out->count = 0;
    while (line.len > 0) {
        if (line.at[0] == '(') {
            ft_str_cut(&line, ')');
            continue;
        }
        uint32_t sign = ft_vits_char(&line);
        bool joiner = sign == 0x361 || sign == 0x200d || sign == '_' || sign < ' ';
        if (!joiner) out->at[out->count++] = sign;
    }
    return FT_OK;
}

static ft_err add_given(ft_vits_spelling *out, const unit *u, bool letters, ft_arena *arena) {
    ft_buf ipa = { 0 };
    ft_err err = FT_OK;
    if (letters) return add_letters(out, u->spoken->text, u->item, arena);
    bool sampa = ft_str_is(u->spoken->alphabet, "x-sampa");
    if (sampa) err = ft_espeak_ipa_from(&ipa, u->spoken->phonemes);
    ft_str given = sampa ? ft_buf_str(&ipa) : u->spoken->phonemes;
    if (err == FT_OK && !ft_str_utf8(given)) err = FT_FAIL(FT_EPARSE, "phonemes are not UTF-8");
    if (err == FT_OK) err = add_ipa(out, given, u->item, arena);
    ft_buf_fini(&ipa);
    return err;
}

/* The signs of a clause, `of` which unit each is. A unit with phonemes of its own was asked for the
 * sake of its neighbours ("to close" is not "too", "close"): its own take the place of what came. */
static ft_err add_signs(ft_vits_spelling *out, const signs *whole, const int *of, const unit *units,
                        size_t count, ft_arena *arena) {
    size_t begun = 0; /* units */
    bool apart = false;
    for (size_t i = 0; i <= whole->count; i++) {
        size_t now = i < whole->count ? (size_t)of[i] : count - 1;
        for (; begun <= now; begun++) {
            if (!units[begun].spoken->phonemes.len) continue;
            FT_TRY(add_blank(out, arena));
            FT_TRY(add_given(out, &units[begun], false, arena));
            apart = true;
        }
        if (i == whole->count) break;
        if (units[now].spoken->phonemes.len && whole->at[i] != ' ') continue;
        if (apart) FT_TRY(add_blank(out, arena));
        apart = false;
        FT_TRY(add_sign(out, whole->at[i], units[now].item, arena));
    }
    return FT_OK;
}

static ft_err add_clause(ft_vits_spelling *out, ft_str *rest, const unit *units, size_t count,
                         ft_arena *arena) {
    signs whole, part;
    uint32_t *parts = NULL;
    int *owner = NULL, *found;
    size_t n = 0, room = 0;
    FT_TRY(read_line(&whole, rest, arena));
    for (size_t k = 0; k < count && count > 1; k++) {
        FT_TRY(read_line(&part, rest, arena));
        if (n + part.count > room) {
            uint32_t *wider;
            int *owners;
            size_t more = 2 * (n + part.count);
            FT_TRY(ft_arena_items(&wider, arena, more));
            FT_TRY(ft_arena_items(&owners, arena, more));
            if (n)
                memcpy(wider, parts, n * sizeof *wider), memcpy(owners, owner, n * sizeof *owner);
            parts = wider, owner = owners, room = more;
        }
        for (size_t i = 0; i < part.count; i++) {
            parts[n] = part.at[i];
            owner[n++] = (int)k;
        }
    }
    FT_TRY(ft_arena_items(&found, arena, whole.count + 1));
    FT_TRY(ft_vits_align(found, whole.at, whole.count, parts, owner, n, arena));
    return add_signs(out, &whole, found, units, count, arena);
}

static ft_err add_words(ft_vits_spelling *out, ft_vits_speller *s, const unit_list *l,
                        ft_arena *arena) {
    ft_str rest = ft_buf_str(&s->answer.ipa);
    if (!ft_str_utf8(rest)) return FT_FAIL(FT_EPEER, "espeak-ng's phonemes are not UTF-8");
    for (size_t i = 0, n; i < l->count; i += n) {
        const unit *u = &l->units[i];
        n = clause_length(l, i);
        FT_TRY(add_blank(out, arena));
        if (given_whole(u, n)) {
            FT_TRY(add_given(out, u, s->config->letters, arena));
        } else if (s->config->letters) {
            for (size_t k = 0; k < n; k++) {
                if (k) FT_TRY(add_blank(out, arena));
                FT_TRY(add_letters(out, u[k].spoken->text, u[k].item, arena));
            }
        } else {
            FT_TRY(add_clause(out, &rest, u, n, arena));
        }
        if (u[n - 1].pause) FT_TRY(add(out, (uint32_t)u[n - 1].pause, -1, arena));
    }
    return FT_OK;
}

/* ---- numbers */

static ft_err put(ft_vits_spelling *out, const ft_vits_sign *sign, int sound) {
    for (int i = 0; i < sign->id_count; i++) {
        if (out->id_count == FT_VITS_IDS_MAX)
            return FT_FAIL(FT_ETOOBIG,
                           "more than %d sounds in one breath: a word or sentence that "
                           "is too long for a neural voice",
                           FT_VITS_IDS_MAX / 2);
        out->ids[out->id_count] = sign->ids[i];
        out->sound[out->id_count++] = sound;
    }
    return FT_OK;
}

static ft_err put_sign(ft_vits_spelling *out, const ft_vits_config *c, uint32_t sign, int sound) {
    const ft_vits_sign *row = ft_vits_sign_find(c, sign);
    if (!row || sign == PAD || sign == BEGIN || sign == END) {
        out->unknown_sign = sign;
        out->unknown++;
        return FT_OK;
    }
    FT_TRY(put(out, row, sound));
    return put(out, ft_vits_sign_find(c, PAD), sound);
}

static ft_err number(ft_vits_spelling *out, const ft_vits_config *c, ft_arena *arena) {
    FT_TRY(ft_arena_items(&out->ids, arena, FT_VITS_IDS_MAX));
    FT_TRY(ft_arena_items(&out->sound, arena, FT_VITS_IDS_MAX));
    FT_TRY(put(out, ft_vits_sign_find(c, BEGIN), -1));
    FT_TRY(put(out, ft_vits_sign_find(c, PAD), -1));
    for (size_t i = 0; i < out->count; i++) {
        const ft_vits_change *change = NULL;
        for (size_t k = 0; k < c->change_count && !change; k++)
            if (c->changes[k].from == out->sounds[i].sign) change = &c->changes[k];
        if (!change) FT_TRY(put_sign(out, c, out->sounds[i].sign, (int)i));
        for (int k = 0; change && k < change->to_count; k++)
            FT_TRY(put_sign(out, c, change->to[k], (int)i));
    }
    return put(out, ft_vits_sign_find(c, END), -1);
}

ft_err ft_vits_spell(ft_vits_spelling *out, ft_vits_speller *s, const ft_sentence *sentence,
                     ft_arena *arena) {
    unit_list units;
    *out = (ft_vits_spelling){ 0 };
    FT_TRY(list_units(&units, sentence, arena));
    if (units.count == 0) return FT_OK;
    if (!s->config->letters) FT_TRY(ask(s, &units));
    FT_TRY(add_words(out, s, &units, arena));
    return number(out, s->config, arena);
}

void ft_vits_speller_fini(ft_vits_speller *s) {
    ft_espeak_process_end(&s->process);
    ft_espeak_answer_fini(&s->answer);
}
