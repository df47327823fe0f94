/* inputs.c -- see inputs_in.h. The home is $FETTLE_HOME's, as everywhere in a job's process. */
#include "jobs/inputs_in.h"

#include <stdio.h>

#include "base/files.h"
#include "base/hash.h"

bool ft_job_input_is_pipe(const ft_channel *channel) {
    return channel->source && channel->source->mode == FT_INPUT_PIPE;
}

static ft_err pipe_start(ft_feeder **feeder, const char *folder, ft_str name,
                         const ft_channel_source *source) {
    if (!*feeder) FT_TRY(ft_feeder_new(feeder, NULL));
    return ft_feeder_start(*feeder, folder, name, source);
}

ft_err ft_job_input_deliver(ft_channel *channel, ft_feeder **feeder, ft_arena *arena,
                            const char *folder) {
    const char *to;
    ft_str name;
    FT_TRY(ft_dir_make(folder));
    if (ft_job_input_is_pipe(channel)) {
        FT_TRY(pipe_start(feeder, folder, channel->name, channel->source));
        FT_TRY(ft_pipe_path(&to, arena, folder, channel->name, 0));
    } else {
        FT_TRY(ft_arena_str(&name, arena, channel->name));
        FT_TRY(ft_path_join(&to, arena, folder, name.at));
        FT_TRY(ft_dir_remove(to));
        FT_TRY(ft_dir_make(to));
        FT_TRY(ft_channel_fill(channel->source, to, false, NULL));
    }
    channel->path = ft_str_of(to);
    return FT_OK;
}

static ft_channel_source of_host(const ft_channel *channel, int host, int hosts) {
    ft_channel_source source = *channel->source;
    source.rank = (uint32_t)(host - 1);
    source.world = (uint32_t)hosts;
    return source;
}

ft_err ft_job_input_place(const ft_channel *channel, const char *to, int host, int hosts,
                          bool image) {
    ft_channel_source source = of_host(channel, host, hosts);
    if (image) source.mode = FT_INPUT_FILE;
    FT_TRY(ft_dir_make(to));
    return ft_channel_fill(&source, to, true, NULL);
}

ft_err ft_job_input_pipe(const ft_channel *channel, ft_feeder **feeder, const char *data, int host,
                         int hosts) {
    ft_channel_source source = of_host(channel, host, hosts);
    return pipe_start(feeder, data, channel->name, &source);
}

/* ---- what it is made of */

static ft_err part_add(ft_hasher *h, ft_source *s, const ft_part *part, size_t number) {
    char text[96], sha256[FT_SHA256_HEX];
    const char *path;
    ft_str version = part->etag;
    if (!version.len && !part->inlined.at && part->size_bytes != FT_SOURCE_SIZE_UNKNOWN) {
        FT_TRY(ft_source_path(&path, s, number));
        FT_TRY(ft_sha256_file(sha256, path));
        version = ft_str_of(sha256);
    }
    int n = snprintf(text, sizeof text, " %llu ", (unsigned long long)part->size_bytes);
    FT_TRY(ft_hasher_add(h, part->name.at, part->name.len));
    FT_TRY(ft_hasher_add(h, text, (size_t)n));
    FT_TRY(ft_hasher_add(h, version.at ? version.at : "", version.len));
    if (part->inlined.at) FT_TRY(ft_hasher_add(h, part->inlined.at, part->inlined.len));
    return ft_hasher_add(h, "\n", 1);
}

ft_err ft_job_input_identify(ft_job_input_identity *out, const ft_channel *channel) {
    ft_source *s = NULL;
    ft_hasher *h = NULL;
    ft_err err;
    *out = (ft_job_input_identity){ 0 };
    FT_GOTO(err, ft_channel_list(&s, channel->source, NULL));
    FT_GOTO(err, ft_hasher_new(&h, false));
    const ft_part *parts = ft_source_parts(s, &out->parts);
    for (size_t i = 0; i < out->parts; i++) {
        FT_GOTO(err, part_add(h, s, &parts[i], i));
        if (parts[i].size_bytes != FT_SOURCE_SIZE_UNKNOWN) out->size_bytes += parts[i].size_bytes;
    }
    FT_GOTO(err, ft_hasher_end(h, out->sha256, NULL));
done:
    ft_hasher_free(h);
    ft_source_free(s);
    return err;
}
