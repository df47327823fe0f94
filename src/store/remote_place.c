/* remote_place.c -- where an S3 server is and who asks it: settings of the home, the environment,
 * AWS's own files, in this order; see ft_remote_place_find. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/files.h"
#include "net/sigv4.h"
#include "store/remote_in.h"

#define FILE_MAX ((size_t)1 << 20)

/* ---- INI, as AWS's files and ours have it: [section], name = value, # and ; begin comments.
 * Deeper lines belong to the member above them and are none of ours. */

static ft_str section_of(ft_str line) {
    size_t end = ft_str_find(line, ']');
    return end == line.len ? (ft_str){ 0 } : ft_str_trim(ft_str_slice(line, 1, end - 1));
}

ft_str ft_ini_find(ft_str text, ft_str section, const char *name) {
    ft_str found = { 0 };
    bool here = false;
    while (text.at) {
        ft_str raw = ft_str_cut(&text, '\n'), line = ft_str_trim(raw);
        if (!line.len || line.at[0] == '#' || line.at[0] == ';') continue;
        if (line.at[0] == '[') {
            here = ft_str_eq(section_of(line), section);
            continue;
        }
        ft_str value = line, key = ft_str_trim(ft_str_cut(&value, '='));
        bool nested = raw.at[0] == ' ' || raw.at[0] == '\t';
        if (here && !nested && value.at && ft_str_is(key, name)) found = ft_str_trim(value);
    }
    return found;
}

/* ---- the places where something may be told */

typedef struct told {
    ft_arena *arena;
    ft_str ours, config, credentials; /* files; empty: none */
    ft_str bucket, profile, config_section;
} told;

static ft_err file_take(ft_str *out, ft_arena *arena, const char *path) {
    *out = FT_STR("");
    if (!path || !ft_file_exists(path)) return FT_OK;
    return ft_file_read(out, arena, path, FILE_MAX);
}

static ft_str env(const char *name) {
    const char *value = getenv(name);
    return value && *value ? ft_str_of(value) : (ft_str){ 0 };
}

static ft_err aws_file(ft_str *out, ft_arena *arena, const char *variable, const char *name) {
    const char *given = getenv(variable), *user = getenv("HOME");
    ft_str path;
    if (given && *given) return file_take(out, arena, given);
    *out = FT_STR("");
    if (!user || !*user) return FT_OK;
    FT_TRY(ft_arena_printf(&path, arena, "%s/.aws/%s", user, name));
    return file_take(out, arena, path.at);
}

static ft_err told_open(told *t, ft_arena *arena, const char *home, ft_str bucket) {
    const char *path = NULL;
    *t = (told){ .arena = arena, .bucket = bucket };
    if (home) FT_TRY(ft_path_join(&path, arena, home, "remote.ini"));
    FT_TRY(file_take(&t->ours, arena, path));
    FT_TRY(aws_file(&t->config, arena, "AWS_CONFIG_FILE", "config"));
    FT_TRY(aws_file(&t->credentials, arena, "AWS_SHARED_CREDENTIALS_FILE", "credentials"));
    t->profile = env("AWS_PROFILE");
    if (!t->profile.len) t->profile = FT_STR("default");
    t->config_section = t->profile;
    if (!ft_str_is(t->profile, "default"))
        FT_TRY(ft_arena_printf(&t->config_section, arena, "profile %.*s", FT_STR_ARG(t->profile)));
    return FT_OK;
}

static ft_str ours(const told *t, const char *name) {
    ft_str value = ft_ini_find(t->ours, t->bucket, name);
    return value.len ? value : ft_ini_find(t->ours, FT_STR("default"), name);
}

static ft_str first(ft_str a, ft_str b) { return a.len ? a : b; }

static ft_str endpoint_told(const told *t) {
    ft_str e = ours(t, "endpoint_url");
    e = first(e, env("FETTLE_S3_ENDPOINT"));
    e = first(e, env("AWS_ENDPOINT_URL_S3"));
    e = first(e, env("AWS_ENDPOINT_URL"));
    return first(e, ft_ini_find(t->config, t->config_section, "endpoint_url"));
}

static ft_str region_told(const told *t) {
    ft_str r = ours(t, "region");
    r = first(r, env("AWS_REGION"));
    r = first(r, env("AWS_DEFAULT_REGION"));
    return first(r, ft_ini_find(t->config, t->config_section, "region"));
}

/* The pair comes from one place: a key of one and a secret of another sign nothing. */
static void keys_from_file(ft_remote_place *p, ft_str file, ft_str section) {
    ft_str key = ft_ini_find(file, section, "aws_access_key_id"),
           secret = ft_ini_find(file, section, "aws_secret_access_key");
    if (p->access_key.len || !key.len || !secret.len) return;
    p->access_key = key, p->secret = secret;
    p->token = ft_ini_find(file, section, "aws_session_token");
}

static void keys_told(ft_remote_place *p, const told *t) {
    keys_from_file(p, t->ours, t->bucket);
    keys_from_file(p, t->ours, FT_STR("default"));
    if (!p->access_key.len && env("AWS_ACCESS_KEY_ID").len && env("AWS_SECRET_ACCESS_KEY").len) {
        p->access_key = env("AWS_ACCESS_KEY_ID");
        p->secret = env("AWS_SECRET_ACCESS_KEY");
        p->token = env("AWS_SESSION_TOKEN");
    }
    keys_from_file(p, t->credentials, t->profile);
    keys_from_file(p, t->config, t->config_section);
}

/* Amazon's own: the bucket in the host's name, where the certificate allows it. */
static ft_err amazon(ft_remote_place *p, const told *t) {
    p->host_style = ft_str_find(t->bucket, '.') == t->bucket.len;
    return ft_arena_printf(&p->endpoint, t->arena, "https://s3.%.*s.amazonaws.com",
                           FT_STR_ARG(p->region));
}

static ft_err texts_keep(ft_remote_place *p, ft_arena *arena) {
    ft_str *const texts[] = { &p->endpoint, &p->region, &p->access_key,
                              &p->secret,   &p->token,  &p->ca_path };
    while (p->endpoint.len && p->endpoint.at[p->endpoint.len - 1] == '/') p->endpoint.len--;
    for (size_t i = 0; i < FT_COUNT(texts); i++) FT_TRY(ft_arena_str(texts[i], arena, *texts[i]));
    return FT_OK;
}

ft_err ft_remote_place_find(ft_remote_place *out, ft_arena *arena, const char *home,
                            ft_str bucket) {
    told t;
    *out = (ft_remote_place){ 0 };
    FT_TRY(told_open(&t, arena, home, bucket));
    out->endpoint = endpoint_told(&t);
    keys_told(out, &t);
    if (!out->endpoint.len && !out->access_key.len)
        return FT_FAIL(FT_ENOTFOUND,
                       "there is no bucket '%.*s' here, and no other S3 server is told: set "
                       "AWS_ENDPOINT_URL or endpoint_url in remote.ini of the home",
                       FT_STR_ARG(bucket));
    out->region = first(region_told(&t), FT_STR(FT_REGION_DEFAULT));
    out->ca_path = first(ours(&t, "ca_bundle"), env("AWS_CA_BUNDLE"));
    if (ft_str_is(ours(&t, "addressing_style"), "virtual")) out->host_style = true;
    if (!out->endpoint.len) FT_TRY(amazon(out, &t));
    return texts_keep(out, arena);
}
