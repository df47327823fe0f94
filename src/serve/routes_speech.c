/* routes_speech.c -- the speech service at the house's own door: Polly's paths without a signature,
 * articles for the player on other people's pages, the player itself. */
#include "base/check.h"
#include "base/json.h"
#include "net/sigv4.h"
#include "serve/asset.h"
#include "serve/serve_in.h"
#include "serve/speech/articles.h"
#include "serve/speech/service.h"

/* ---- doors */

/* As Polly's clients read it, and as ours do. */
static ft_err reply_error(ft_polly *p) {
    ft_polly_reply r;
    *p->resp = (ft_response){ .status = p->status };
    ft_response_header(p->resp, "x-amzn-ErrorType", ft_str_of(p->code));
    if (p->status == 429) ft_response_header(p->resp, "Retry-After", FT_STR("1"));
    ft_polly_begin(&r);
    ft_polly_text(&r, "message", ft_str_of(ft_err_why()));
    ft_json_out_name(&r.json, "error");
    ft_json_out_object(&r.json);
    ft_polly_text(&r, "code", ft_str_of(p->code));
    ft_polly_text(&r, "message", ft_str_of(ft_err_why()));
    ft_json_out_close(&r.json);
    ft_err_clear();
    return ft_polly_end(&r, p);
}

static ft_err run(ft_request *req, ft_response *resp, ft_err (*operation)(ft_polly *p)) {
    ft_polly p = { .req = req,
                   .resp = resp,
                   .name = req->param_count ? req->params[0] : FT_STR(""),
                   .region = FT_STR(FT_REGION_DEFAULT) };
    ft_err err = operation(&p);
    return err && p.code ? reply_error(&p) : err;
}

/* The player runs on pages of other origins. */
static ft_err run_open(ft_request *req, ft_response *resp, ft_err (*operation)(ft_polly *p)) {
    FT_TRY(run(req, resp, operation));
    if (resp->later) return FT_OK;
    ft_response_header(resp, "Access-Control-Allow-Origin", FT_STR("*"));
    ft_response_header(resp, "Cross-Origin-Resource-Policy", FT_STR("cross-origin"));
    ft_response_header(resp, "X-Content-Type-Options", FT_STR("nosniff"));
    return FT_OK;
}

/* clang-format off */
#define HANDLER(name, door, operation) \
    static ft_err name(ft_request *req, ft_response *resp) { return door(req, resp, operation); }
HANDLER(speak, run, ft_polly_speak)
HANDLER(voices, run, ft_polly_voices)
HANDLER(lexicon_put, run, ft_polly_put_lexicon)
HANDLER(lexicon_get, run, ft_polly_get_lexicon)
HANDLER(lexicon_list, run, ft_polly_list_lexicons)
HANDLER(lexicon_delete, run, ft_polly_delete_lexicon)
HANDLER(task_start, run, ft_polly_start_task)
HANDLER(task_get, run, ft_polly_get_task)
HANDLER(task_audio, run, ft_polly_get_task_audio)
HANDLER(task_list, run, ft_polly_list_tasks)
HANDLER(article_post, run_open, ft_article_post)
HANDLER(article_get, run_open, ft_article_get)
/* clang-format on */

/* What a browser asks before it posts from another origin. */
static ft_err article_options(ft_request *req, ft_response *resp) {
    FT_UNUSED(req);
    resp->status = 204;
    ft_response_header(resp, "Access-Control-Allow-Origin", FT_STR("*"));
    ft_response_header(resp, "Access-Control-Allow-Methods", FT_STR("GET, POST"));
    ft_response_header(resp, "Access-Control-Allow-Headers", FT_STR("Content-Type"));
    ft_response_header(resp, "Access-Control-Allow-Private-Network", FT_STR("true"));
    ft_response_header(resp, "Access-Control-Max-Age", FT_STR("86400"));
    return FT_OK;
}

static ft_err player_send(ft_polly *p) {
    for (const ft_asset *a = ft_assets; a->name; a++) {
        if (strcmp(a->name, "player.js") != 0) continue;
        ft_response_header(p->resp, "ETag", ft_str_of(a->etag));
        ft_response_header(p->resp, "Cache-Control", FT_STR("no-cache"));
        p->resp->content_type = ft_str_of(a->content_type);
        if (ft_str_is(ft_request_header(p->req, "If-None-Match"), a->etag))
            p->resp->status = 304;
        else
            p->resp->body = ft_str_n(a->bytes, a->len);
        return FT_OK;
    }
    return FT_FAIL(FT_ENOTFOUND, "the player is not in this program");
}

HANDLER(player, run_open, player_send)

const ft_route ft_routes_speech[] = {
    { .method = "POST",
      .pattern = "/v1/speech",
      .doc = "speak a text (Polly's SynthesizeSpeech)",
      .handle = speak },
    { .method = "GET",
      .pattern = "/v1/speech",
      .doc = "the same by a link: ?Text=…&VoiceId=…",
      .handle = speak },
    { .method = "GET", .pattern = "/v1/voices", .doc = "who speaks", .handle = voices },
    { .method = "GET",
      .pattern = "/v1/lexicons",
      .doc = "pronunciation lexicons",
      .handle = lexicon_list },
    { .method = "PUT",
      .pattern = "/v1/lexicons/{name}",
      .doc = "keep a lexicon: PLS, or JSON with its Content",
      .handle = lexicon_put },
    { .method = "GET",
      .pattern = "/v1/lexicons/{name}",
      .doc = "a lexicon",
      .handle = lexicon_get },
    { .method = "DELETE",
      .pattern = "/v1/lexicons/{name}",
      .doc = "remove a lexicon",
      .handle = lexicon_delete },
    { .method = "POST",
      .pattern = "/v1/synthesisTasks",
      .doc = "speak a long text into the store",
      .handle = task_start },
    { .method = "GET",
      .pattern = "/v1/synthesisTasks",
      .doc = "such tasks, oldest first (?Status=…&MaxResults=100)",
      .handle = task_list },
    { .method = "GET",
      .pattern = "/v1/synthesisTasks/{id}",
      .doc = "how a task stands",
      .handle = task_get },
    { .method = "GET",
      .pattern = "/v1/synthesisTasks/{id}/audio",
      .doc = "its sound",
      .handle = task_audio },
    { .method = "POST",
      .pattern = "/v1/articles",
      .doc = "give the player a text, get the address of its sound",
      .handle = article_post },
    { .method = "OPTIONS",
      .pattern = "/v1/articles",
      .doc = "whether pages of other origins may: yes",
      .handle = article_options },
    { .method = "GET",
      .pattern = "/v1/articles/{id}",
      .doc = "an article's sound: spoken as it is heard, then kept",
      .handle = article_get },
    { .method = "GET",
      .pattern = "/player.js",
      .doc = "the player for other people's pages",
      .handle = player },
    { 0 },
};
