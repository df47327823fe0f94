/* document.c -- see document.h: pieces, and plain text as one. SSML is read in ssml.c. */
#include "speech/document.h"

#include "base/check.h"
#include "speech/ssml_in.h"

/* ---- pieces */

static bool is_blank(ft_str s) { return ft_str_trim(s).len == 0; }

ft_err ft_drafting_add(ft_drafting *d, ft_piece piece) {
    ft_document *out = d->out;
    if (out->count == d->capacity) {
        ft_piece *wider;
        size_t capacity = d->capacity ? 2 * d->capacity : 16;
        FT_TRY(ft_arena_items(&wider, d->arena, capacity));
        if (out->count) memcpy(wider, out->pieces, out->count * sizeof *wider);
        out->pieces = wider;
        d->capacity = capacity;
    }
    if (!piece.manner) piece.manner = d->manner;
    if (piece.kind == FT_PIECE_SENTENCE || piece.kind == FT_PIECE_PARAGRAPH) d->said = false;
    if (piece.kind == FT_PIECE_TEXT && !is_blank(piece.text)) {
        d->said = true;
        d->widened = out->count;
    }
    out->pieces[out->count++] = piece;
    return FT_OK;
}

ft_err ft_drafting_flush(ft_drafting *d) {
    size_t len = d->text.len;
    if (len == 0) return FT_OK;
    FT_TRY(d->text.err);
    FT_TRY(d->at.err);
    ft_piece piece = { .kind = FT_PIECE_TEXT, .input = d->out->input };
    uint32_t *at;
    FT_TRY(ft_arena_str(&piece.text, d->arena, ft_buf_str(&d->text)));
    FT_TRY(ft_arena_items(&at, d->arena, len + 1));
    memcpy(at, d->at.at, len * sizeof *at);
    at[len] = d->end;
    piece.at = at;
    const ft_document *out = d->out;
    const ft_piece *last = out->count ? &out->pieces[out->count - 1] : NULL;
    piece.word_glued = last && last->kind == FT_PIECE_TEXT &&
                       !is_blank(ft_str_from(last->text, last->text.len - 1)) &&
                       !is_blank(ft_str_slice(piece.text, 0, 1));
    ft_buf_reset(&d->text);
    ft_buf_reset(&d->at);
    return ft_drafting_add(d, piece);
}

ft_err ft_drafting_end(ft_drafting *d, ft_piece_kind kind) {
    FT_TRY(ft_drafting_flush(d));
    ft_document *out = d->out;
    if (d->said) return ft_drafting_add(d, (ft_piece){ .kind = kind });
    /* A paragraph whose last sentence has ended. */
    if (kind != FT_PIECE_PARAGRAPH) return FT_OK;
    for (; d->widened < out->count; d->widened++)
        if (out->pieces[d->widened].kind == FT_PIECE_SENTENCE)
            out->pieces[d->widened].kind = FT_PIECE_PARAGRAPH;
    return FT_OK;
}

ft_err ft_drafting_text(ft_drafting *d, ft_str text, bool literal, uint32_t from) {
    for (size_t i = 0; i < text.len; i++) {
        uint32_t at = literal ? from + (uint32_t)i : from;
        FT_TRY(ft_buf_add_n(&d->at, &at, sizeof at));
        /* Of a character's bytes the first counts. */
        d->out->billed_chars += ((unsigned char)text.at[i] & 0xc0) != 0x80;
    }
    FT_TRY(ft_buf_add(&d->text, text));
    d->end = literal ? from + (uint32_t)text.len : from;
    if (!literal && from < d->out->input.len && d->out->input.at[from] == '&')
        d->end += (uint32_t)ft_str_find(ft_str_from(d->out->input, from), ';') + 1;
    return FT_OK;
}

/* ---- plain text */

static ft_err refuse_at(ft_str input, size_t byte, const char *what) {
    size_t line = 1, begin = 0;
    for (size_t i = 0; i < byte; i++)
        if (input.at[i] == '\n') {
            line++;
            begin = i + 1;
        }
    return FT_FAIL(FT_EPARSE, "line %zu, column %zu: %s", line, byte - begin + 1, what);
}

static ft_err check_plain(ft_str input) {
    size_t good = ft_str_utf8_valid_len(input);
    if (good < input.len) return refuse_at(input, good, "this is not UTF-8");
    for (size_t i = 0; i < input.len; i++) {
        unsigned char c = (unsigned char)input.at[i];
        if ((c < ' ' && c != '\n' && c != '\r' && c != '\t') || c == 0x7f)
            return refuse_at(input, i, "control characters cannot be spoken");
    }
    return FT_OK;
}

/* The end of the blank lines at `at`: 0 when there is no blank line. */
static size_t blank_lines(ft_str s, size_t at) {
    size_t lines = 0, end = 0;
    for (; at < s.len && strchr(" \t\r\n", s.at[at]); at++)
        if (s.at[at] == '\n' && ++lines > 1) end = at + 1;
    return end;
}

static ft_err read_plain(ft_drafting *d, ft_str input) {
    FT_TRY(check_plain(input));
    size_t from = 0;
    for (size_t i = 0; i < input.len; i++) {
        size_t end = input.at[i] == '\n' ? blank_lines(input, i) : 0;
        if (!end) continue;
        FT_TRY(ft_drafting_text(d, ft_str_slice(input, from, end - from), true, (uint32_t)from));
        FT_TRY(ft_drafting_end(d, FT_PIECE_PARAGRAPH));
        from = end;
        i = end - 1;
    }
    FT_TRY(ft_drafting_text(d, ft_str_from(input, from), true, (uint32_t)from));
    return ft_drafting_end(d, FT_PIECE_PARAGRAPH);
}

/* ---- any */

static bool looks_like_ssml(ft_str input) {
    ft_str rest = ft_str_trim(input);
    if (ft_str_starts(rest, FT_STR("\xef\xbb\xbf"))) rest = ft_str_from(rest, 3);
    if (ft_str_starts(rest, FT_STR("<?xml")) || ft_str_starts(rest, FT_STR("<!DOCTYPE")))
        return true;
    if (!ft_str_starts(rest, FT_STR("<speak"))) return false;
    char next = rest.len > 6 ? rest.at[6] : 0;
    return next == '>' || next == '/' || is_blank(ft_str_n(&next, 1));
}

static ft_err read_any(ft_drafting *d, ft_str input) {
    return d->out->ssml ? ft_ssml_read(d, input) : read_plain(d, input);
}

ft_err ft_document_read(ft_document *out, ft_arena *arena, ft_str input,
                        const ft_document_opts *opts) {
    size_t bytes_max = opts->bytes_max ? opts->bytes_max : FT_SPEECH_BYTES_MAX;
    *out = (ft_document){ .input = input };
    if (input.len > bytes_max)
        return FT_FAIL(FT_ETOOBIG, "a text of %zu bytes; %zu are the most", input.len, bytes_max);
    out->ssml =
        opts->type == FT_SPEECH_SSML || (opts->type == FT_SPEECH_AUTO && looks_like_ssml(input));
    ft_manner *plain;
    FT_TRY(ft_arena_items(&plain, arena, 1));
    *plain = (ft_manner){ .rate = 1, .pitch = 1, .range = 1, .tract = 1, .domain = opts->domain };
    ft_drafting d = { .out = out, .opts = opts, .arena = arena, .manner = plain };
    ft_err err = read_any(&d, input);
    ft_buf_fini(&d.text);
    ft_buf_fini(&d.at);
    return err;
}
