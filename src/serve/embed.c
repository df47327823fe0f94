/* embed.c -- run by the build: `embed OUT TABLE FILE…` writes files as a C table of bytes
 * (asset.h). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *suffix, *type;
} types[] = {
    { ".html", "text/html; charset=utf-8" },     { ".css", "text/css; charset=utf-8" },
    { ".js", "text/javascript; charset=utf-8" }, { ".svg", "image/svg+xml" },
    { ".py", "text/x-python; charset=utf-8" },
};

static void fail(const char *what, const char *path) {
    fprintf(stderr, "embed: %s %s\n", what, path);
    exit(1);
}

static const char *base_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static const char *type_of(const char *path) {
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot, types[i].suffix) == 0) return types[i].type;
    fail("no content type is known for", path);
    return NULL;
}

/* The bytes as one array; their FNV-1a hash is what the ETag shows. */
static uint64_t write_bytes(FILE *out, const char *path, int number) {
    FILE *in = fopen(path, "rb");
    uint64_t hash = 1469598103934665603u;
    int c, column = 0;
    if (!in) fail("cannot read", path);
    fprintf(out, "static const unsigned char bytes_%d[] = {", number);
    while ((c = fgetc(in)) != EOF) {
        fprintf(out, "%s%d,", column++ % 24 ? "" : "\n", c);
        hash = (hash ^ (uint64_t)c) * 1099511628211u;
    }
    fprintf(out, "\n0};\n");
    if (ferror(in)) fail("cannot read", path);
    fclose(in);
    return hash;
}

int main(int argc, char **argv) {
    if (argc < 4) fail("usage: embed OUT TABLE FILE", "…");
    FILE *out = fopen(argv[1], "wb");
    uint64_t *hashes = calloc((size_t)argc, sizeof *hashes);
    if (!out || !hashes) fail("cannot write", argv[1]);
    fprintf(out, "/* made by embed.c */\n#include \"serve/asset.h\"\n");
    for (int i = 3; i < argc; i++) hashes[i] = write_bytes(out, argv[i], i);
    fprintf(out, "const ft_asset %s[] = {\n", argv[2]);
    for (int i = 3; i < argc; i++)
        fprintf(out, "{ \"%s\", \"%s\", \"\\\"%016llx\\\"\", bytes_%d, sizeof bytes_%d - 1 },\n",
                base_of(argv[i]), type_of(argv[i]), (unsigned long long)hashes[i], i, i);
    fprintf(out, "{ 0 } };\n");
    free(hashes);
    if (fclose(out)) fail("cannot write", argv[1]);
    return 0;
}
