/* signer.c -- see signer.h. The library's functions are declared here, by its manual
 * (EVP_DigestSign(3)): its headers are not needed to build. */
#include "net/signer.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/lib.h"
#include "net/certificate_in.h"

#define PEM_BYTES_MAX       ((size_t)1 << 20)
#define SIGNATURE_BYTES_MAX 1024

static struct {
    void *(*bio_new)(const void *at, int len);
    int (*bio_free)(void *bio);
    void *(*key_read)(void *bio, void **out, void *password, void *ctx);
    void (*key_free)(void *key);
    void *(*ctx_new)(void);
    void (*ctx_free)(void *ctx);
    int (*begin)(void *ctx, void **pkey_ctx, const void *digest, void *engine, void *key);
    int (*sign)(void *ctx, unsigned char *out, size_t *len, const unsigned char *at, size_t n);
    const void *(*sha1)(void);
    const void *(*sha256)(void);
} api;

#define SYMBOL(member, name) \
    { name, (size_t)((char *)&api.member - (char *)&api) }

static ft_err load(void) {
    static void *handle;
    const ft_lib_symbol symbols[] = {
        SYMBOL(bio_new, "BIO_new_mem_buf"),
        SYMBOL(bio_free, "BIO_free"),
        SYMBOL(key_read, "PEM_read_bio_PrivateKey"),
        SYMBOL(key_free, "EVP_PKEY_free"),
        SYMBOL(ctx_new, "EVP_MD_CTX_new"),
        SYMBOL(ctx_free, "EVP_MD_CTX_free"),
        SYMBOL(begin, "EVP_DigestSignInit"),
        SYMBOL(sign, "EVP_DigestSign"),
        SYMBOL(sha1, "EVP_sha1"),
        SYMBOL(sha256, "EVP_sha256"),
    };
    return ft_lib_load(&handle, "libcrypto.so.3|libcrypto.so.1.1", "libssl3", &api, symbols,
                       FT_COUNT(symbols));
}

/* ---- the folder */

static ft_err pair_make(ft_arena *arena, const char *folder) {
    const char *cert, *key;
    int code = 1;
    FT_TRY(ft_path_join(&cert, arena, folder, "cert.pem"));
    FT_TRY(ft_path_join(&key, arena, folder, "key.pem"));
    FT_TRY(ft_openssl_run((const char *const[]){ "openssl", "req", "-x509", "-newkey", "rsa:2048",
                                                 "-nodes", "-days", "3650", "-subj",
                                                 "/CN=Fettle on this machine", "-keyout", key,
                                                 "-out", cert, NULL },
                          &code));
    if (code != 0) return FT_FAIL(FT_EPEER, "the openssl program could not make a key at %s", key);
    if (chmod(key, 0600) != 0) return FT_FAIL_ERRNO("cannot protect %s", key);
    return FT_OK;
}

/* Made aside and put in its place whole: who comes second finds the first one's. */
static ft_err folder_make(ft_arena *arena, const char *folder) {
    ft_str aside;
    FT_TRY(ft_arena_printf(&aside, arena, "%s.XXXXXX", folder));
    char *path = (char *)(uintptr_t)aside.at;
    if (ft_fault_here() || !mkdtemp(path)) return FT_FAIL_ERRNO("cannot make a folder at %s", path);
    ft_err err = pair_make(arena, path);
    if (err == FT_OK && rename(path, folder) == 0) return FT_OK;
    if (err == FT_OK && !ft_file_exists(folder)) err = FT_FAIL_ERRNO("cannot make %s", folder);
    ft_dir_remove(path);
    return err;
}

ft_err ft_signer_open(ft_signer *out, ft_arena *arena, const char *folder) {
    const char *cert, *key;
    FT_TRY(ft_path_join(&cert, arena, folder, "cert.pem"));
    FT_TRY(ft_path_join(&key, arena, folder, "key.pem"));
    if (!ft_file_exists(cert)) FT_TRY(folder_make(arena, folder));
    FT_TRY(ft_file_read(&out->cert_pem, arena, cert, PEM_BYTES_MAX));
    return ft_file_read(&out->key_pem, arena, key, PEM_BYTES_MAX);
}

/* ---- signing */

ft_err ft_signer_sign(ft_str *out, ft_arena *arena, const ft_signer *s, ft_str text, bool sha1) {
    unsigned char raw[SIGNATURE_BYTES_MAX];
    size_t len = sizeof raw;
    ft_buf b64 = { 0 };
    ft_err err;
    FT_TRY(load());
    void *bio = api.bio_new(s->key_pem.at, (int)s->key_pem.len),
         *key = bio ? api.key_read(bio, NULL, NULL, NULL) : NULL, *ctx = key ? api.ctx_new() : NULL;
    bool good = ctx && !ft_fault_here() &&
                api.begin(ctx, NULL, sha1 ? api.sha1() : api.sha256(), NULL, key) == 1 &&
                api.sign(ctx, raw, &len, (const unsigned char *)text.at, text.len) == 1;
    if (!good) FT_GOTO(err, FT_FAIL(FT_EINVAL, "a message could not be signed with our key"));
    FT_GOTO(err, ft_base64_add(&b64, ft_str_n((const char *)raw, len)));
    err = ft_arena_str(out, arena, ft_buf_str(&b64));
done:
    ft_buf_fini(&b64);
    if (ctx) api.ctx_free(ctx);
    if (key) api.key_free(key);
    if (bio) api.bio_free(bio);
    return err;
}
