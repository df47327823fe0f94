/* articles.h -- what the embedded player (web/player.js) plays: the text of a page is given once,
 * its sound has an address made of the content, streams while it is spoken for the first time and
 * comes from the store ever after. Any page of any site may ask.
 *
 * The store keeps FT_ARTICLES_BYTES_MAX of sound and FT_ARTICLES_MAX texts; those that were asked
 * for longest ago go first.
 *
 * Threads: those of the requests, with their stores. */
#ifndef FT_SPEECH_ARTICLES_H
#define FT_SPEECH_ARTICLES_H

#include "serve/speech/keep.h"
#include "serve/speech/polly.h"

#define FT_ARTICLES_BYTES_MAX ((int64_t)512 << 20)
#define FT_ARTICLES_MAX       2000

ft_err ft_articles_prepare(ft_store *s);
/* The sound of the article is whole: it becomes an object; old ones go. */
ft_err ft_article_keep(ft_store *s, ft_str id, ft_keep *k, ft_str media_type);

/* Articles that are asked for longest ago go until so much, and so many, are left. */
ft_err ft_articles_trim(ft_store *s, int64_t bytes_max, int64_t count_max);

ft_err ft_article_post(ft_polly *p); /* POST /v1/articles */
ft_err ft_article_get(ft_polly *p);  /* GET /v1/articles/{id}.mp3; p->name is "<id>.mp3" */

#endif
