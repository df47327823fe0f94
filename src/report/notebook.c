/* notebook.c -- see notebook.h. */
#include "report/notebook.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/xml.h"

static void text(ft_json_out *w, const char *name, const char *value) {
    ft_json_out_name(w, name);
    ft_json_out_text(w, value);
}

static ft_err frame(ft_buf *out, ft_str html) {
    ft_buf_add(out, FT_STR("<iframe style=\"width:100%;height:85vh;border:0\" srcdoc=\""));
    ft_xml_escape(out, html);
    return ft_buf_add(out, FT_STR("\"></iframe>"));
}

static void empty_object(ft_json_out *w, const char *name) {
    ft_json_out_name(w, name);
    ft_json_out_object(w);
    ft_json_out_close(w);
}

static void title_cell(ft_json_out *w, ft_str title) {
    ft_json_out_object(w);
    text(w, "cell_type", "markdown");
    text(w, "id", "title");
    empty_object(w, "metadata");
    ft_json_out_name(w, "source");
    ft_json_out_str(w, title);
    ft_json_out_close(w);
}

static void page_cell(ft_json_out *w, ft_str shown) {
    ft_json_out_object(w);
    text(w, "cell_type", "code");
    text(w, "id", "page");
    ft_json_out_name(w, "execution_count"), ft_json_out_i64(w, 1);
    empty_object(w, "metadata");
    text(w, "source", "# The report as it was written when the job had ended.");
    ft_json_out_name(w, "outputs");
    ft_json_out_array(w);
    ft_json_out_object(w);
    text(w, "output_type", "display_data");
    empty_object(w, "metadata");
    ft_json_out_name(w, "data");
    ft_json_out_object(w);
    ft_json_out_name(w, "text/html"), ft_json_out_str(w, shown);
    for (int i = 0; i < 4; i++) ft_json_out_close(w);
}

ft_err ft_notebook(ft_buf *out, ft_str title, ft_str html) {
    ft_buf shown = { 0 };
    ft_json_out w;
    ft_str heading;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_err err;
    FT_GOTO(err, frame(&shown, html));
    FT_GOTO(err, ft_arena_printf(&heading, &arena, "# %.*s", FT_STR_ARG(title)));
    ft_json_out_init(&w, out, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "nbformat"), ft_json_out_i64(&w, 4);
    ft_json_out_name(&w, "nbformat_minor"), ft_json_out_i64(&w, 5);
    empty_object(&w, "metadata");
    ft_json_out_name(&w, "cells");
    ft_json_out_array(&w);
    title_cell(&w, heading);
    page_cell(&w, ft_buf_str(&shown));
    ft_json_out_close(&w);
    ft_json_out_close(&w);
    err = out->err;
done:
    ft_arena_fini(&arena);
    ft_buf_fini(&shown);
    return err;
}
