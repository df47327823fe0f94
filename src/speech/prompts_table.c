/* prompts_table.c -- the table of prompts, what is known of them, and the page. See prompts_in.h.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/files.h"
#include "base/json.h"
#include "data/csv.h"
#include "speech/prompts_in.h"

enum { COLUMN_ID, COLUMN_TEXT, COLUMN_VOICE, COLUMN_STYLE, COLUMN_FILE, COLUMNS };

typedef struct reader {
    ft_prompt_list *out;
    ft_arena *arena;
    const char *name, *ending;
    ft_csv_dialect dialect;
    ft_buf scratch;
    int at[COLUMNS]; /* which cell; -1: the table has none */
    int columns;
    size_t room;
} reader;

/* ---- the table */

static ft_err read_header(reader *r, ft_str record) {
    static const char *const names[] = { "id", "text", "voice", "style", "file" };
    ft_csv_cells cells;
    ft_csv_cells_init(&cells, &r->dialect, record, &r->scratch);
    for (int i = 0; i < COLUMNS; i++) r->at[i] = -1;
    for (int i = 0; cells.more; i++, r->columns++) {
        ft_str cell;
        FT_TRY(ft_csv_cell(&cell, &cells));
        for (int k = 0; k < COLUMNS; k++)
            if (ft_str_ieq(cell, ft_str_of(names[k]))) r->at[k] = i;
        if (ft_str_ieq(cell, FT_STR("ssml"))) r->at[COLUMN_TEXT] = i;
    }
    if (r->at[COLUMN_ID] < 0 || r->at[COLUMN_TEXT] < 0)
        return FT_FAIL(FT_EPARSE,
                       "%s:1: the first line names the columns; id and text must be among them",
                       r->name);
    return FT_OK;
}

/* A name that stays in the folder. */
static bool is_file_name(ft_str s) {
    if (s.len == 0 || s.len > 200 || s.at[0] == '.') return false;
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] < ' ' || strchr("/\\:*?\"<>|", s.at[i])) return false;
    return true;
}

/* What is wrong with one row is no fault of the others. */
ft_err ft_prompt_failed(ft_prompt *p, ft_arena *arena, ft_err err, const char *table) {
    if (err == FT_ENOMEM || p->err) return err;
    p->err = err;
    if (p->id.len)
        return ft_arena_printf(&p->why, arena, "%s:%d: prompt '%.*s': %s", table, p->line,
                               FT_STR_ARG(ft_str_slice(p->id, 0, 100)), ft_err_why());
    return ft_arena_printf(&p->why, arena, "%s:%d: %s", table, p->line, ft_err_why());
}

static ft_err check_prompt(const ft_prompt *p, ft_str stem) {
    if (p->id.len == 0) return FT_FAIL(FT_EPARSE, "no id");
    if (ft_str_trim(p->text).len == 0) return FT_FAIL(FT_EPARSE, "no text");
    if (!is_file_name(stem))
        return FT_FAIL(FT_EPARSE, "'%.*s' cannot be the name of a file", FT_STR_ARG(stem));
    return FT_OK;
}

/* "bye" or "bye.wav" -> "bye.wav" */
static ft_err name_file(const reader *r, ft_prompt *p, ft_str stem) {
    ft_str base, ending = ft_str_of(r->ending);
    FT_TRY(check_prompt(p, stem));
    if (ft_str_ends(stem, ending) && stem.len > ending.len + 1) {
        base = ft_str_slice(stem, 0, stem.len - ending.len);
        if (ft_str_ends(base, FT_STR("."))) stem = ft_str_slice(base, 0, base.len - 1);
    }
    return ft_arena_printf(&p->file, r->arena, "%.*s.%s", FT_STR_ARG(stem), r->ending);
}

static ft_err read_cells(reader *r, ft_str cells[COLUMNS], ft_str record) {
    ft_csv_cells walk;
    ft_csv_cells_init(&walk, &r->dialect, record, &r->scratch);
    for (int i = 0; walk.more; i++) {
        ft_str cell;
        FT_TRY(ft_csv_cell(&cell, &walk));
        if (i == r->columns)
            return FT_FAIL(FT_EPARSE,
                           "more cells than the first line has (%d); a text with a comma stands in "
                           "quotes",
                           r->columns);
        for (int k = 0; k < COLUMNS; k++)
            if (r->at[k] == i) FT_TRY(ft_arena_str(&cells[k], r->arena, cell));
    }
    return FT_OK;
}

static ft_err read_prompt(reader *r, ft_str record, int line) {
    ft_str cells[COLUMNS] = { 0 };
    if (r->out->count == r->room || r->out->count >= FT_PROMPTS_MAX)
        return FT_FAIL(FT_ETOOBIG, "%s:%d: more than %d prompts", r->name, line, FT_PROMPTS_MAX);
    ft_prompt *p = &r->out->prompts[r->out->count++];
    ft_err err = read_cells(r, cells, record);
    *p = (ft_prompt){ .id = cells[COLUMN_ID],
                      .text = cells[COLUMN_TEXT],
                      .voice = cells[COLUMN_VOICE],
                      .style = cells[COLUMN_STYLE],
                      .line = line };
    if (err == FT_OK)
        err = name_file(r, p, cells[COLUMN_FILE].len ? cells[COLUMN_FILE] : cells[COLUMN_ID]);
    return err == FT_OK ? FT_OK : ft_prompt_failed(p, r->arena, err, r->name);
}

static int by_file(const void *a, const void *b) {
    const ft_prompt *const *x = a, *const *y = b;
    int order = ft_str_cmp((*x)->file, (*y)->file);
    return order ? order : (*x)->line - (*y)->line;
}

/* Two prompts of one file would be one prompt. Ids need no look: a file's name comes from them, or
 * from a column that says otherwise on purpose. */
static ft_err check_twins(const reader *r) {
    ft_prompt **sorted;
    size_t count = 0;
    FT_TRY(ft_arena_items(&sorted, r->arena, r->out->count + 1));
    for (size_t i = 0; i < r->out->count; i++)
        if (r->out->prompts[i].file.len) sorted[count++] = &r->out->prompts[i];
    if (count) qsort(sorted, count, sizeof *sorted, by_file);
    for (size_t first = 0, i = 1; i < count; i++) {
        if (!ft_str_eq(sorted[first]->file, sorted[i]->file)) {
            first = i;
            continue;
        }
        ft_err err = FT_FAIL(FT_EPARSE, "%.*s is already made by line %d",
                             FT_STR_ARG(sorted[i]->file), sorted[first]->line);
        FT_TRY(ft_prompt_failed(sorted[i], r->arena, err, r->name));
        sorted[i]->file = (ft_str){ 0 };
    }
    ft_err_clear();
    return FT_OK;
}

static size_t lines_in(ft_str s) {
    size_t lines = 0;
    for (size_t i = 0; i < s.len; i++) lines += s.at[i] == '\n' || s.at[i] == '\r';
    return lines;
}

static ft_err read_records(reader *r, ft_str rest) {
    bool whole = true, in_quotes = false, header = true;
    int line = 1;
    while (rest.len > 0) {
        size_t len = ft_csv_record(&r->dialect, rest, &whole, &in_quotes);
        ft_str record = ft_str_slice(rest, 0, len);
        if (!whole && in_quotes)
            return FT_FAIL(FT_EPARSE, "%s:%d: a quote is opened and never closed", r->name, line);
        if (header)
            FT_TRY(read_header(r, record));
        else if (ft_str_trim(record).len > 0)
            FT_TRY(read_prompt(r, record, line));
        header = false;
        size_t used = whole ? len + 1 : len;
        line += (int)lines_in(ft_str_slice(rest, 0, used));
        rest = ft_str_from(rest, used);
    }
    if (header) return FT_FAIL(FT_EPARSE, "%s: an empty table", r->name);
    return check_twins(r);
}

ft_err ft_prompts_read(ft_prompt_list *out, ft_arena *arena, ft_str table, const char *name,
                       const char *ending) {
    *out = (ft_prompt_list){ 0 };
    reader r = { .out = out, .arena = arena, .name = name, .ending = ending };
    if (ft_str_starts(table, FT_STR("\xef\xbb\xbf"))) table = ft_str_from(table, 3);
    if (!ft_str_utf8(table))
        return FT_FAIL(FT_EPARSE, "%s: byte %zu is no UTF-8", name, ft_str_utf8_valid_len(table));
    r.dialect = FT_CSV_DIALECT; /* a text is full of the marks that a guess would go by */
    if (ft_str_find(table, '\n') == table.len) r.dialect.newline = '\r';
    r.room = lines_in(table) + 1;
    FT_TRY(ft_arena_items(&out->prompts, arena, r.room));
    ft_err err = read_records(&r, table);
    ft_buf_fini(&r.scratch);
    return err;
}

/* ---- prompts.json */

static ft_err path_in(const char **out, ft_arena *arena, const char *folder, const char *name) {
    return ft_path_join(out, arena, folder, name);
}

static ft_err known_one(ft_prompt *p, ft_arena *arena, ft_json *j) {
    ft_str name, key = { 0 }, file = { 0 }, sha256 = { 0 };
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "id")) FT_TRY(ft_json_string(j, &p->id));
        if (ft_str_is(name, "file")) FT_TRY(ft_json_string(j, &file));
        if (ft_str_is(name, "key")) FT_TRY(ft_json_string(j, &key));
        if (ft_str_is(name, "sha256")) FT_TRY(ft_json_string(j, &sha256));
        if (ft_str_is(name, "seconds")) FT_TRY(ft_json_f64(j, &p->seconds));
    }
    if (key.len && key.len < sizeof p->key) memcpy(p->key, key.at, key.len);
    if (sha256.len && sha256.len < sizeof p->sha256) memcpy(p->sha256, sha256.at, sha256.len);
    return ft_arena_str(&p->file, arena, file);
}

static ft_err known_all(ft_prompt_list *out, ft_arena *arena, ft_json *j) {
    size_t room = 0;
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        if (out->count == room) {
            ft_prompt *wider;
            room = room ? 2 * room : 64;
            FT_TRY(ft_arena_items(&wider, arena, room));
            if (out->count) memcpy(wider, out->prompts, out->count * sizeof *wider);
            out->prompts = wider;
        }
        FT_TRY(known_one(&out->prompts[out->count++], arena, j));
    }
    return ft_json_end(j);
}

ft_err ft_prompts_known(ft_prompt_list *out, ft_arena *arena, const char *folder) {
    const char *path;
    ft_str text = { 0 };
    ft_json j;
    *out = (ft_prompt_list){ 0 };
    FT_TRY(path_in(&path, arena, folder, "prompts.json"));
    if (!ft_file_exists(path)) return FT_OK;
    FT_TRY(ft_file_read(&text, arena, path, FT_PROMPTS_BYTES_MAX));
    ft_json_init(&j, text, arena, &(ft_json_opts){ .name = path });
    return known_all(out, arena, &j);
}

static void put_known(ft_json_out *w, const ft_prompt *p) {
    bool there = p->seconds > 0;
    ft_json_out_object(w);
    ft_json_out_name(w, "id"), ft_json_out_str(w, p->id);
    ft_json_out_name(w, "file"), ft_json_out_str(w, p->file);
    ft_json_out_name(w, "key"), ft_json_out_text(w, there ? p->key : "");
    ft_json_out_name(w, "sha256"), ft_json_out_text(w, there ? p->sha256 : "");
    ft_json_out_name(w, "seconds"), ft_json_out_f64(w, there ? p->seconds : 0);
    ft_json_out_close(w);
}

ft_err ft_prompts_remember(const ft_prompt_list *now, const ft_prompt_list *gone,
                           const char *folder) {
    ft_buf b = { 0 };
    ft_json_out w;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/prompts.json", folder);
    ft_json_out_init(&w, &b, true);
    ft_json_out_array(&w);
    for (size_t i = 0; i < now->count; i++)
        if (now->prompts[i].file.len) put_known(&w, &now->prompts[i]);
    for (size_t i = 0; i < gone->count; i++) put_known(&w, &gone->prompts[i]);
    ft_json_out_close(&w);
    ft_buf_byte(&b, '\n');
    ft_err err = b.err ? b.err : ft_file_write_atomic(path, ft_buf_str(&b), false);
    ft_buf_fini(&b);
    return err;
}

/* ---- the page */

static void add_html(ft_buf *b, ft_str s) {
    for (size_t i = 0; i < s.len; i++) {
        const char *name = s.at[i] == '&'   ? "&amp;"
                           : s.at[i] == '<' ? "&lt;"
                           : s.at[i] == '>' ? "&gt;"
                           : s.at[i] == '"' ? "&quot;"
                                            : NULL;
        name ? ft_buf_add(b, ft_str_of(name)) : ft_buf_byte(b, s.at[i]);
    }
}

/* A file's name as a link: what a URL does not hold is escaped. */
static void add_link(ft_buf *b, ft_str s) {
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     strchr("-_.~", c);
        plain ? ft_buf_byte(b, (char)c) : ft_buf_printf(b, "%%%02X", c);
    }
}

static const char page_head[] =
    "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Prompts</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<style>body{font:16px system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em}"
    "table{border-collapse:collapse;width:100%}td,th{border-top:1px solid #8884;padding:.5em;"
    "text-align:left;vertical-align:top}audio{width:16em}code{white-space:pre-wrap}"
    ":root{color-scheme:light dark}</style>\n<h1>Prompts</h1>\n<table>\n"
    "<tr><th>id<th>text<th>seconds<th>listen\n";

ft_err ft_prompts_page(const ft_prompt_list *l, const char *folder) {
    ft_buf b = { 0 };
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/index.html", folder);
    ft_buf_add(&b, ft_str_of(page_head));
    for (size_t i = 0; i < l->count; i++) {
        const ft_prompt *p = &l->prompts[i];
        if (p->err) {
            ft_buf_add(&b, FT_STR("<tr><td>"));
            add_html(&b, p->id);
            ft_buf_add(&b, FT_STR("<td><code>"));
            add_html(&b, p->text);
            ft_buf_add(&b, FT_STR("</code><td><td><strong>"));
            add_html(&b, p->why);
            ft_buf_add(&b, FT_STR("</strong>\n"));
            continue;
        }
        ft_buf_printf(&b, "<tr id=\"p%zu\"><td>", i + 1);
        add_html(&b, p->id);
        ft_buf_add(&b, FT_STR("<td><code>"));
        add_html(&b, p->text);
        ft_buf_printf(&b, "</code><td>%.2f<td><audio controls preload=\"none\" src=\"", p->seconds);
        add_link(&b, p->file);
        ft_buf_add(&b, FT_STR("\"></audio> <a download href=\""));
        add_link(&b, p->file);
        ft_buf_add(&b, FT_STR("\">file</a>\n"));
    }
    ft_buf_add(&b, FT_STR("</table>\n</html>\n"));
    ft_err err = b.err ? b.err : ft_file_write_atomic(path, ft_buf_str(&b), false);
    ft_buf_fini(&b);
    return err;
}
