/* words.c -- see words.h: pieces cut into tokens, tokens said by their language's classes,
 * sentences. */
#include "speech/words.h"

#include "base/check.h"
#include "speech/words_in.h"

#define SPOKEN_BYTES_MAX 48 /* of a spoken word: the longest of dictionaries have 45 letters */
#define LONG_BYTES       20

static const ft_language *const languages[] = { &ft_language_english, &ft_language_spanish, NULL };

const ft_language *ft_language_find(ft_str lang) {
    for (const ft_language *const *l = languages; *l; l++) {
        ft_str code = ft_str_of((*l)->code);
        if (!ft_str_ieq(ft_str_slice(lang, 0, code.len), code)) continue;
        if (lang.len == code.len || lang.at[code.len] == '-') return *l;
    }
    return NULL;
}

/* ---- what classes use */

const ft_token *ft_saying_token(const ft_saying *s, int ahead) {
    size_t at = s->at + (size_t)ahead;
    return at < s->count ? &s->tokens[at] : NULL; /* below 0 wraps past the end */
}

void ft_say_str(ft_saying *s, ft_str words) {
    if (words.len == 0) return;
    if (s->words.len) ft_buf_byte(&s->words, ' ');
    ft_buf_add(&s->words, words);
}

void ft_say(ft_saying *s, const char *words) { ft_say_str(s, ft_str_of(words)); }

/* Behind a word in `words`; no text holds such characters: documents refuse them. */
#define SOUNDS '\x1f' /* then its sounds */
#define PAUSE  '\x1e'

void ft_say_sounds(ft_saying *s, ft_str word, const char *ipa) {
    ft_say_str(s, word);
    ft_buf_byte(&s->words, SOUNDS);
    ft_buf_add(&s->words, ft_str_of(ipa));
}

void ft_say_pause(ft_saying *s) {
    if (s->words.len) ft_buf_byte(&s->words, PAUSE);
}

static void say_by_class(ft_saying *s) {
    const ft_token *t = &s->tokens[s->at];
    s->taken = 1;
    ft_buf_reset(&s->words);
    if (!s->language) {
        ft_say_str(s, t->text);
        return;
    }
    for (const ft_word_class *const *c = s->language->classes; t->text.len && *c; c++) {
        ft_buf_reset(&s->words);
        s->taken = 1;
        s->part = (ft_str){ 0 };
        if ((*c)->say(s)) return;
    }
}

static void say_tokens(ft_saying *s, ft_saying *own) {
    own->arena = s->arena;
    own->language = s->language;
    own->address = s->address;
    own->depth = s->depth + 1;
    for (; own->at < own->count; own->at += own->taken) {
        say_by_class(own);
        ft_say_str(s, ft_buf_str(&own->words));
        if (own->words.err && !s->words.err) s->words.err = own->words.err;
    }
    ft_buf_fini(&own->words);
}

static const ft_manner plain_manner = { .rate = 1, .pitch = 1, .range = 1, .tract = 1 };

void ft_say_part(ft_saying *s, ft_str text) {
    ft_token t = { .text = text, .manner = &plain_manner };
    ft_saying own = { .tokens = &t, .count = text.len > 0 };
    say_tokens(s, &own);
}

static ft_err say_text(ft_saying *s, ft_str text) {
    ft_piece piece = { .kind = FT_PIECE_TEXT, .text = text, .manner = &plain_manner };
    ft_saying own = { 0 };
    ft_token *tokens;
    uint32_t *at;
    FT_TRY(ft_arena_items(&at, s->arena, text.len + 1));
    piece.at = at;
    FT_TRY(ft_tokens_cut(&tokens, &own.count, s->arena, &piece));
    own.tokens = tokens;
    say_tokens(s, &own);
    return FT_OK;
}

void ft_say_text(ft_saying *s, ft_str text) {
    ft_err err = say_text(s, text);
    if (err != FT_OK && !s->words.err) s->words.err = err;
}

/* ---- a script in the making */

typedef struct scribe {
    ft_script *out;
    ft_arena *arena;
    const ft_document *document;
    ft_str lang;
    const ft_lexicon *const *lexicons;
    size_t lexicon_count;
    size_t sentence_room, item_room;
    bool open;    /* a sentence is being written: the last one */
    ft_str *seen; /* words that were said before: open addressing, a power of two of places */
    size_t seen_count, seen_room;
} scribe;

static ft_sentence *sentence_of(scribe *k) { return &k->out->sentences[k->out->count - 1]; }

static ft_err sentence_open(scribe *k, const ft_manner *m) {
    ft_str lang = m->lang.len ? m->lang : k->lang;
    if (k->open) {
        const ft_sentence *s = sentence_of(k);
        if (ft_str_eq(s->lang, lang) && ft_str_eq(s->voice, m->voice)) return FT_OK;
        k->open = false; /* another language or voice speaks on */
    }
    if (k->out->count == k->sentence_room) {
        ft_sentence *wider;
        size_t room = k->sentence_room ? 2 * k->sentence_room : 16;
        FT_TRY(ft_arena_items(&wider, k->arena, room));
        if (k->out->count) memcpy(wider, k->out->sentences, k->out->count * sizeof *wider);
        k->out->sentences = wider;
        k->sentence_room = room;
    }
    k->out->sentences[k->out->count++] = (ft_sentence){ .lang = lang, .voice = m->voice };
    k->item_room = 0;
    k->open = true;
    return FT_OK;
}

/* A break or mark right behind a sentence belongs to it: the break takes the place of its pause. */
static ft_err item_add(scribe *k, ft_item item, const ft_manner *m) {
    bool behind = item.kind != FT_ITEM_WORD && !k->open && k->out->count > 0;
    if (!behind) FT_TRY(sentence_open(k, m));
    ft_sentence *s = sentence_of(k);
    if (s->count == k->item_room) {
        ft_item *wider;
        size_t room = k->item_room ? 2 * k->item_room : 32;
        FT_TRY(ft_arena_items(&wider, k->arena, room));
        if (s->count) memcpy(wider, s->items, s->count * sizeof *wider);
        s->items = wider;
        k->item_room = room;
    }
    s->items[s->count++] = item;
    return FT_OK;
}

/* The last word of the open sentence; NULL when there is none. */
static ft_word *last_word(scribe *k) {
    if (!k->open) return NULL;
    ft_sentence *s = sentence_of(k);
    for (size_t i = s->count; i-- > 0;)
        if (s->items[i].kind == FT_ITEM_WORD) return &s->items[i].word;
    return NULL;
}

static void sentence_close(scribe *k, bool paragraph) {
    ft_word *last = last_word(k);
    if (last) {
        last->pause = FT_PAUSE_FULL;
        if (!last->ending) last->ending = '.';
        sentence_of(k)->paragraph_end = paragraph;
        k->open = false;
    } else if (paragraph && !k->open && k->out->count) {
        sentence_of(k)->paragraph_end = true;
    }
}

/* ---- saying a token */

/* A word of `words` with its sounds and pause. */
static ft_err spoken_word(ft_spoken *to, ft_saying *s, ft_str word) {
    if (word.at[word.len - 1] == PAUSE) {
        to->pause = FT_PAUSE_MINOR;
        word.len--;
    }
    ft_str text = ft_str_slice(word, 0, ft_str_find(word, SOUNDS));
    ft_str sounds = ft_str_from(word, text.len + 1);
    to->part = s->part;
    if (sounds.len) {
        to->alphabet = FT_STR("ipa");
        FT_TRY(ft_arena_str(&to->phonemes, s->arena, sounds));
    }
    return ft_arena_str(&to->text, s->arena, text);
}

/* What no dictionary has is read in pieces: an engine takes a word whole, or letter by letter. */
static ft_err spoken_pieces(ft_word *w, ft_saying *s, ft_str word) {
    while (word.len > SPOKEN_BYTES_MAX && ft_str_find(word, SOUNDS) == word.len) {
        size_t len = SPOKEN_BYTES_MAX;
        while (((unsigned char)word.at[len] & 0xc0) == 0x80) len--; /* whole characters */
        FT_TRY(spoken_word(&w->spoken[w->spoken_count++], s, ft_str_slice(word, 0, len)));
        word = ft_str_from(word, len);
    }
    return spoken_word(&w->spoken[w->spoken_count++], s, word);
}

static ft_err spoken_words(ft_word *w, ft_saying *s) {
    ft_str rest = ft_buf_str(&s->words);
    size_t count = 1 + rest.len / (SPOKEN_BYTES_MAX / 2);
    for (size_t i = 0; i < rest.len; i++) count += rest.at[i] == ' ';
    FT_TRY(s->words.err);
    FT_TRY(ft_arena_items(&w->spoken, s->arena, count));
    if (s->phonemes.len) {
        w->spoken[w->spoken_count++] =
            (ft_spoken){ .phonemes = s->phonemes, .alphabet = s->alphabet };
        return FT_OK;
    }
    while (rest.at && rest.len) {
        ft_str word = ft_str_cut(&rest, ' ');
        if (word.len && word.at[0] != PAUSE) FT_TRY(spoken_pieces(w, s, word));
    }
    return FT_OK;
}

static const ft_lexeme *lexeme_of(const scribe *k, ft_str word, ft_str lang, ft_str *alphabet) {
    for (size_t i = 0; i < k->lexicon_count; i++) {
        ft_str own = ft_lexicon_lang(k->lexicons[i]);
        if (!ft_str_ieq(own, lang)) continue;
        const ft_lexeme *found = ft_lexicon_find(k->lexicons[i], word);
        if (!found) continue;
        *alphabet = ft_lexicon_alphabet(k->lexicons[i]);
        return found;
    }
    return NULL;
}

static ft_err say(scribe *k, ft_saying *s, ft_str lang) {
    const ft_token *t = &s->tokens[s->at];
    ft_str alphabet = { 0 };
    s->taken = 1;
    ft_buf_reset(&s->words);
    s->phonemes = s->alphabet = s->part = (ft_str){ 0 };
    if (t->manner->phonemes.len) {
        s->phonemes = t->manner->phonemes;
        s->alphabet = t->manner->alphabet;
        return FT_OK;
    }
    if (t->manner->alias.len) return say_text(s, t->manner->alias);
    const ft_lexeme *lexeme = lexeme_of(k, t->text, lang, &alphabet);
    if (lexeme && lexeme->phonemes.len) {
        s->phonemes = lexeme->phonemes;
        s->alphabet = alphabet;
        return FT_OK;
    }
    if (lexeme) return say_text(s, lexeme->alias);
    say_by_class(s);
    return FT_OK;
}

/* ---- pauses and ends */

static bool holds_any(ft_str s, const char *const *marks) {
    for (; *marks; marks++)
        for (size_t i = 0; i + strlen(*marks) <= s.len; i++)
            if (memcmp(s.at + i, *marks, strlen(*marks)) == 0) return true;
    return false;
}

static ft_pause pause_behind(const ft_token *t, const ft_token *next) {
    static const char *const major[] = { ";", ":", "…", "...", NULL };
    static const char *const minor[] = { ",", ")", "]", "}", "—", "–", "!", "?", "--", NULL };
    static const char *const opening[] = { "(", "[", "{", "—", "–", NULL };
    if (holds_any(t->after, major)) return FT_PAUSE_MAJOR;
    if (holds_any(t->after, minor)) return FT_PAUSE_MINOR;
    if (next && holds_any(next->before, opening)) return FT_PAUSE_MINOR;
    bool dash = next && (ft_str_is(next->text, "-") || ft_str_is(next->text, "—") ||
                         ft_str_is(next->text, "–") || ft_str_is(next->after, "--"));
    return dash ? FT_PAUSE_MINOR : FT_PAUSE_NONE;
}

/* A token in small letters behind a mark: "...", a quotation's end and a name's "!" go on. */
static char ends_before_small(const ft_token *t, char mark) {
    static const char *const closing[] = { "\"", "'", "”", "’", "»", "...", "…", ")", "]", NULL };
    bool goes_on = mark == '!' || holds_any(t->after, closing);
    return goes_on ? 0 : mark;
}

/* Does a sentence end behind this token? Gives its mark, or 0. */
static char sentence_ends(const ft_saying *s, const ft_token *t, const ft_token *next) {
    char mark = 0;
    for (size_t i = 0; i < t->after.len; i++) {
        if (strchr(".?!", t->after.at[i])) mark = t->after.at[i];
        if (strchr(",;:", t->after.at[i])) mark = 0; /* "etc.," goes on */
    }
    if (!mark) return 0;
    bool short_form = mark == '.' && t->after.at[0] == '.' && s->language && t->text.len &&
                      s->language->keeps_dot(s->tokens, t, next);
    if (short_form) return 0;
    char first = next && next->text.len && !next->before.len ? next->text.at[0] : ' ';
    bool small = first >= 'a' && first <= 'z';
    if (next && next->text.len == 0) return mark;
    return small ? ends_before_small(t, mark) : mark;
}

/* ---- new information: the first time that a word is said */

static size_t place_of(const ft_str *seen, size_t room, ft_str word) {
    uint64_t hash = 1469598103934665603U; /* FNV-1a */
    for (size_t i = 0; i < word.len; i++)
        hash = (hash ^ (unsigned char)word.at[i]) * 1099511628211U;
    size_t at = (size_t)(hash >> 7) & (room - 1);
    while (seen[at].len && !ft_str_eq(seen[at], word)) at = (at + 1) & (room - 1);
    return at;
}

static ft_err make_room(scribe *k) {
    if (2 * k->seen_count < k->seen_room) return FT_OK;
    size_t room = k->seen_room ? 2 * k->seen_room : 64;
    ft_str *wider;
    FT_TRY(ft_arena_items(&wider, k->arena, room));
    for (size_t i = 0; i < k->seen_room; i++)
        if (k->seen[i].len) wider[place_of(wider, room, k->seen[i])] = k->seen[i];
    k->seen = wider;
    k->seen_room = room;
    return FT_OK;
}

/* "storms" and "storm's" are no news behind "storm". */
static ft_str stem_of(ft_str word) {
    if (ft_str_ends(word, FT_STR("'s"))) word.len -= 2;
    bool plural =
        word.len > 3 && ft_str_ends(word, FT_STR("s")) && !ft_str_ends(word, FT_STR("ss"));
    return ft_str_slice(word, 0, word.len - plural);
}

static ft_err note_new(scribe *k, ft_word *w, const ft_language *language) {
    ft_str word =
        stem_of(w->spoken_count && w->spoken[0].text.len ? w->spoken[0].text : w->written);
    if (word.len == 0 || !language || language->is_function_word(word)) return FT_OK;
    FT_TRY(make_room(k));
    size_t at = place_of(k->seen, k->seen_room, word);
    w->new_information = k->seen[at].len == 0;
    if (!w->new_information) return FT_OK;
    k->seen[at] = word;
    k->seen_count++;
    return FT_OK;
}

size_t ft_spoken_weight(const ft_spoken *spoken) {
    return spoken->text.len <= LONG_BYTES ? 1 : spoken->text.len;
}

size_t ft_word_weight(const ft_word *word) {
    size_t weight = 0;
    for (size_t i = 0; i < word->spoken_count; i++) weight += ft_spoken_weight(&word->spoken[i]);
    return weight;
}

/* Spoken words that are one item's: all of them, but of the longest. */
static size_t part_of(const ft_word *w) {
    size_t count = 1, weight = ft_spoken_weight(&w->spoken[0]);
    for (; count < w->spoken_count; count++) {
        weight += ft_spoken_weight(&w->spoken[count]);
        if (weight > FT_WORD_SPOKEN_MAX) break;
    }
    return count;
}

static ft_err add_word(scribe *k, ft_item item, const ft_manner *m) {
    ft_word *w = &item.word;
    for (size_t count; (count = part_of(w)) < w->spoken_count;) {
        ft_item part = item;
        part.word.spoken_count = count;
        part.word.pause = w->spoken[count - 1].pause;
        part.word.ending = 0;
        FT_TRY(item_add(k, part, m));
        w->spoken += count;
        w->spoken_count -= count;
        w->new_information = false;
        w->continued = true;
    }
    return item_add(k, item, m);
}

static ft_err write_token(scribe *k, ft_saying *s, ft_str lang) {
    const ft_token *t = &s->tokens[s->at];
    FT_TRY(say(k, s, lang));
    const ft_token *last = t + s->taken - 1;
    const ft_token *next = ft_saying_token(s, (int)s->taken);
    ft_item item = { .kind = FT_ITEM_WORD };
    ft_word *w = &item.word;
    w->start = t->start;
    w->end = last->end;
    w->written = ft_str_slice(k->document->input, w->start, w->end - w->start);
    w->manner = t->manner;
    w->ending = sentence_ends(s, last, next);
    w->pause = w->ending ? FT_PAUSE_FULL : pause_behind(last, next);
    FT_TRY(spoken_words(w, s));
    if (w->spoken_count == 0) { /* "-", "***": nothing is said, the pause stays */
        ft_word *before = last_word(k);
        if (before && before->pause < w->pause) before->pause = w->pause;
    } else {
        FT_TRY(note_new(k, w, s->language));
        FT_TRY(add_word(k, item, t->manner));
        ft_sentence *sentence = sentence_of(k);
        if (sentence->end == 0) sentence->start = t->first;
        sentence->end = last->stop;
    }
    if (w->ending) sentence_close(k, false);
    return FT_OK;
}

static ft_err write_text(scribe *k, const ft_piece *piece) {
    ft_str lang = piece->manner->lang.len ? piece->manner->lang : k->lang;
    ft_saying s = { .arena = k->arena, .language = ft_language_find(lang) };
    ft_token *tokens = NULL;
    ft_err err = ft_tokens_cut(&tokens, &s.count, k->arena, piece);
    s.tokens = tokens;
    for (; err == FT_OK && s.at < s.count; s.at += s.taken) err = write_token(k, &s, lang);
    ft_buf_fini(&s.words);
    return err;
}

static ft_err write_piece(scribe *k, const ft_piece *p) {
    switch (p->kind) {
    case FT_PIECE_TEXT:
        return write_text(k, p);
    case FT_PIECE_SENTENCE:
        sentence_close(k, false);
        return FT_OK;
    case FT_PIECE_PARAGRAPH:
        sentence_close(k, true);
        return FT_OK;
    case FT_PIECE_BREAK:
        return item_add(k, (ft_item){ .kind = FT_ITEM_BREAK, .ms = p->ms }, p->manner);
    case FT_PIECE_BREATH:
        return item_add(k, (ft_item){ .kind = FT_ITEM_BREATH, .ms = p->ms }, p->manner);
    case FT_PIECE_MARK:
        return item_add(
            k, (ft_item){ .kind = FT_ITEM_MARK, .name = p->text, .start = p->start, .end = p->end },
            p->manner);
    }
    return FT_OK;
}

ft_err ft_script_make(ft_script *out, ft_arena *arena, const ft_document *document, ft_str lang,
                      const ft_lexicon *const *lexicons, size_t lexicon_count) {
    ft_err err = FT_OK;
    *out = (ft_script){ 0 };
    scribe k = { .out = out,
                 .arena = arena,
                 .document = document,
                 .lang = lang,
                 .lexicons = lexicons,
                 .lexicon_count = lexicon_count };
    for (size_t i = 0; err == FT_OK && i < document->count; i++)
        err = write_piece(&k, &document->pieces[i]);
    sentence_close(&k, false);
    if (out->count == 0) return err;
    out->sentences[0].opening = true;
    out->sentences[out->count - 1].paragraph_end = false; /* nobody waits for another one */
    return err;
}
