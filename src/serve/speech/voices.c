/* voices.c -- DescribeVoices, and Polly's lexicon operations over the stored lexicons. */
#include "base/check.h"
#include "base/clock.h"
#include "serve/speech/lexicons.h"
#include "serve/speech/polly.h"
#include "speech/added.h"

#define ACCOUNT \
    "123456789012" /* the one account of this machine, as the AWS front door tells it \
                    */

/* Everything fits on one page, so no token was ever given out. */
static ft_err no_token(ft_polly *p) {
    if (!ft_request_query(p->req, "NextToken").at) return FT_OK;
    return ft_polly_refuse(p, 400, "InvalidNextTokenException",
                           "The NextToken is invalid: it was not given out here");
}

/* ---- voices */

static void put_voice(ft_polly_reply *r, const ft_polly *p, const ft_voice *v) {
    ft_json_out *j = &r->json;
    ft_json_out_object(j);
    if (*v->sex) ft_polly_text(r, "Gender", ft_str_of(v->sex));
    ft_polly_text(r, "Id", ft_str_of(v->id));
    ft_polly_text(r, "LanguageCode", ft_str_of(v->lang));
    ft_polly_text(r, "LanguageName", ft_str_of(v->lang_name));
    ft_polly_text(r, "Name", ft_str_of(v->id));
    ft_json_out_name(j, "SupportedEngines");
    ft_json_out_array(j);
    if (v->neural) ft_json_out_text(j, "neural");
    if (v->standard) ft_json_out_text(j, "standard");
    ft_json_out_close(j);
    if (!p->aws) {
        ft_polly_text(r, "Speaker", ft_str_of(v->speaker));
        ft_json_out_name(j, "Newscaster");
        ft_json_out_bool(j, v->news || ft_voice_is_added(v));
    }
    ft_json_out_close(j);
}

ft_err ft_polly_voices(ft_polly *p) {
    ft_str engine = ft_request_query(p->req, "Engine"),
           lang = ft_request_query(p->req, "LanguageCode"),
           more = ft_request_query(p->req, "IncludeAdditionalLanguageCodes");
    bool neural = ft_str_is(engine, "neural"), unused;
    const ft_voice **all;
    size_t count;
    ft_polly_reply r;
    FT_TRY(no_token(p));
    bool others = ft_polly_engine_of_others(engine);
    if (engine.len && !neural && !others && !ft_str_is(engine, "standard"))
        return ft_polly_refuse(p, 400, "ValidationException",
                               "1 validation error detected: Value '%.*s' at 'engine' failed to "
                               "satisfy constraint: Member must satisfy enum value set: [standard, "
                               "neural]",
                               FT_STR_ARG(ft_str_slice(engine, 0, 100)));
    if (more.len && !ft_str_bool(&unused, more))
        return ft_polly_refuse(p, 400, "ValidationException",
                               "IncludeAdditionalLanguageCodes: expected true or false");
    FT_TRY(ft_voices_all(&all, &count, p->req->arena));
    ft_polly_begin(&r);
    ft_json_out_name(&r.json, "Voices");
    ft_json_out_array(&r.json);
    for (size_t i = 0; i < count; i++) {
        const ft_voice *v = all[i];
        if (others) break;
        if (engine.len && !(neural ? v->neural : v->standard)) continue;
        if (lang.len && !ft_str_is(lang, v->lang)) continue;
        put_voice(&r, p, v);
    }
    ft_json_out_close(&r.json);
    return ft_polly_end(&r, p);
}

/* ---- lexicons */

static ft_err unknown(ft_polly *p, ft_str name) {
    return ft_polly_refuse(p, 404, "LexiconNotFoundException",
                           "Lexicon not found: there is none of the name '%.*s'",
                           FT_STR_ARG(ft_str_slice(name, 0, 100)));
}

/* The PLS text: JSON's Content, or at our own door the document itself. */
static ft_err content_read(ft_str *out, ft_polly *p) {
    ft_str raw, body = p->req->body;
    ft_json j;
    if (!p->aws && ft_str_starts(ft_str_trim(body), FT_STR("<"))) {
        *out = body;
        return FT_OK;
    }
    ft_err err = body.len ? ft_json_find(&raw, body, "Content") : FT_ENOTFOUND;
    if (err == FT_ENOTFOUND)
        return ft_polly_refuse(p, 400, "ValidationException",
                               "1 validation error detected: Value null at 'content' failed to "
                               "satisfy constraint: Member must not be null");
    if (err == FT_OK) {
        ft_json_init(&j, raw, p->req->arena, NULL);
        err = ft_json_string(&j, out);
    }
    if (err == FT_EPARSE)
        return ft_polly_refuse(p, 400, "SerializationException", "%s", ft_err_why());
    return err;
}

/* A language that some voice speaks, with or without its region. */
static bool is_spoken(const ft_voice *const *all, size_t count, ft_str lang) {
    for (size_t i = 0; i < count; i++) {
        ft_str own = ft_str_of(all[i]->lang);
        if (ft_str_ieq(own, lang) ||
            (ft_str_ieq(ft_str_slice(own, 0, lang.len), lang) && own.at[lang.len] == '-'))
            return true;
    }
    return false;
}

static ft_err content_check(ft_lexicon_row *row, ft_polly *p) {
    ft_lexicon *lexicon;
    const ft_voice **all;
    size_t count;
    row->chars = (int64_t)ft_polly_chars(row->content);
    if (row->chars > FT_LEXICON_CHARS_MAX)
        return ft_polly_refuse(p, 400, "LexiconSizeExceededException",
                               "The lexicon has %lld characters; %d are the most",
                               (long long)row->chars, FT_LEXICON_CHARS_MAX);
    ft_err err = ft_lexicon_read(&lexicon, p->req->arena, row->content);
    if (err == FT_EUNSUPPORTED)
        return ft_polly_refuse(p, 400, "UnsupportedPlsAlphabetException", "%s", ft_err_why());
    if (err == FT_ETOOBIG)
        return ft_polly_refuse(p, 400, "MaxLexemeLengthExceededException", "%s", ft_err_why());
    if (err == FT_ENOMEM) return err;
    if (err) return ft_polly_refuse(p, 400, "InvalidLexiconException", "%s", ft_err_why());
    row->lang = ft_lexicon_lang(lexicon);
    row->alphabet = ft_lexicon_alphabet(lexicon);
    row->lexemes = (int64_t)ft_lexicon_count(lexicon);
    FT_TRY(ft_voices_all(&all, &count, p->req->arena));
    if (!is_spoken(all, count, row->lang))
        return ft_polly_refuse(p, 400, "UnsupportedPlsLanguageException",
                               "No voice here speaks the lexicon's language %.*s",
                               FT_STR_ARG(row->lang));
    return FT_OK;
}

ft_err ft_polly_put_lexicon(ft_polly *p) {
    const ft_worker *w = p->req->thread;
    ft_lexicon_row row = { .name = p->name, .modified_us = ft_clock_now_us() };
    if (!ft_lexicon_name_valid(p->name))
        return ft_polly_refuse(p, 400, "ValidationException",
                               "1 validation error detected: Value '%.*s' at 'name' failed to "
                               "satisfy constraint: Member must satisfy regular expression "
                               "pattern: [0-9A-Za-z]{1,20}",
                               FT_STR_ARG(ft_str_slice(p->name, 0, 100)));
    FT_TRY(content_read(&row.content, p));
    FT_TRY(content_check(&row, p));
    ft_err err = ft_lexicon_put(w->store, &row);
    if (err == FT_EFULL)
        return ft_polly_refuse(p, 400, "MaxLexiconsNumberExceededException", "%s", ft_err_why());
    FT_TRY(err);
    if (!p->aws) p->resp->status = 204;
    return FT_OK;
}

static void put_attributes(ft_polly_reply *r, const ft_polly *p, const ft_lexicon_row *row,
                           const char *member) {
    ft_str arn = { 0 };
    ft_json_out_name(&r->json, member);
    ft_json_out_object(&r->json);
    ft_polly_text(r, "Alphabet", row->alphabet);
    ft_polly_text(r, "LanguageCode", row->lang);
    ft_polly_time(r, "LastModified", row->modified_us);
    if (ft_arena_printf(&arn, p->req->arena, "arn:aws:polly:%.*s:" ACCOUNT ":lexicon/%.*s",
                        FT_STR_ARG(p->region), FT_STR_ARG(row->name)) != FT_OK)
        ft_err_clear();
    ft_polly_text(r, "LexiconArn", arn);
    ft_json_out_name(&r->json, "LexemesCount");
    ft_json_out_i64(&r->json, row->lexemes);
    ft_json_out_name(&r->json, "Size");
    ft_json_out_i64(&r->json, row->chars);
    ft_json_out_close(&r->json);
}

ft_err ft_polly_get_lexicon(ft_polly *p) {
    const ft_worker *w = p->req->thread;
    ft_lexicon_row row;
    ft_polly_reply r;
    ft_err err = ft_lexicon_get(&row, w->store, p->req->arena, p->name);
    if (err == FT_ENOTFOUND) return unknown(p, p->name);
    FT_TRY(err);
    ft_polly_begin(&r);
    ft_json_out_name(&r.json, "Lexicon");
    ft_json_out_object(&r.json);
    ft_polly_text(&r, "Content", row.content);
    ft_polly_text(&r, "Name", row.name);
    ft_json_out_close(&r.json);
    put_attributes(&r, p, &row, "LexiconAttributes");
    return ft_polly_end(&r, p);
}

ft_err ft_polly_list_lexicons(ft_polly *p) {
    const ft_worker *w = p->req->thread;
    ft_lexicon_row *rows;
    size_t count;
    ft_polly_reply r;
    FT_TRY(no_token(p));
    FT_TRY(ft_lexicon_list(&rows, &count, w->store, p->req->arena));
    ft_polly_begin(&r);
    ft_json_out_name(&r.json, "Lexicons");
    ft_json_out_array(&r.json);
    for (size_t i = 0; i < count; i++) {
        ft_json_out_object(&r.json);
        ft_polly_text(&r, "Name", rows[i].name);
        put_attributes(&r, p, &rows[i], "Attributes");
        ft_json_out_close(&r.json);
    }
    ft_json_out_close(&r.json);
    return ft_polly_end(&r, p);
}

ft_err ft_polly_delete_lexicon(ft_polly *p) {
    const ft_worker *w = p->req->thread;
    ft_err err = ft_lexicon_remove(w->store, p->name);
    if (err == FT_ENOTFOUND) return unknown(p, p->name);
    FT_TRY(err);
    if (!p->aws) p->resp->status = 204;
    return FT_OK;
}
