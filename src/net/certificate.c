/* certificate.c -- see certificate.h. */
#include "net/certificate.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/proc.h"
#include "net/certificate_in.h"

#define PEM_BYTES_MAX ((size_t)1 << 20)
#define NAME_MAX_LEN  253
#define OPENSSL_US    (30 * FT_SECOND_US)
#define SPARE_SECONDS "604800" /* a week */

/* The hosts of the services that Fettle speaks, as clients of the default region ask for them. */
static const char own_names[] =
    "DNS:localhost,IP:127.0.0.1,IP:::1,DNS:*.amazonaws.com,DNS:*.us-east-1.amazonaws.com,"
    "DNS:*.s3.amazonaws.com,DNS:*.s3.us-east-1.amazonaws.com,DNS:*.sagemaker.us-east-1.amazonaws."
    "com,DNS:*.iot.us-east-1.amazonaws.com";

ft_err ft_openssl_run(const char *const *argv, int *exit_code) {
    ft_supervisor *s;
    ft_proc *p;
    FT_TRY(ft_supervisor_new(&s));
    ft_err err = ft_proc_start(
        &p, s, &(ft_proc_spec){ .name = "openssl", .argv = argv, .deadline_us = OPENSSL_US });
    if (err == FT_ENOTFOUND)
        err = FT_FAIL(FT_EABSENT, "a certificate is made by the openssl program, which is not "
                                  "installed (package openssl); or give --tls-cert and --tls-key");
    if (err == FT_OK) err = ft_proc_wait(p, -1);
    if (err == FT_OK) {
        ft_proc_end end = ft_proc_result(p);
        *exit_code = end.signal || end.by_deadline ? -1 : end.exit_code;
    }
    ft_supervisor_free(s);
    return err;
}

/* ---- names */

static bool is_host(ft_str name) {
    for (size_t i = 0; i < name.len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-*",
                    name.at[i]) ||
            !name.at[i])
            return false;
    return name.len > 0 && name.len <= NAME_MAX_LEN;
}

static bool is_address(ft_str name) {
    char text[INET6_ADDRSTRLEN];
    unsigned char raw[16];
    if (name.len >= sizeof text) return false;
    memcpy(text, name.at, name.len);
    text[name.len] = '\0';
    return inet_pton(AF_INET, text, raw) == 1 || inet_pton(AF_INET6, text, raw) == 1;
}

/* "DNS:…,IP:…" in the arena. */
static ft_err names_text(ft_str *out, ft_arena *arena, const ft_str *names, size_t count) {
    FT_TRY(ft_arena_str(out, arena, ft_str_of(own_names)));
    for (size_t i = 0; i < count; i++) {
        bool address = is_address(names[i]);
        if (!address && !is_host(names[i]))
            return FT_FAIL(FT_EINVAL, "'%.*s': expected a host name or an address",
                           FT_STR_ARG(names[i]));
        FT_TRY(ft_arena_printf(out, arena, "%s,%s:%.*s", out->at, address ? "IP" : "DNS",
                               FT_STR_ARG(names[i])));
    }
    return FT_OK;
}

/* ---- the files */

typedef struct places {
    const char *cert, *key, *names, *cert_new, *key_new;
} places;

static ft_err places_find(places *p, ft_arena *arena, const char *folder) {
    FT_TRY(ft_path_join(&p->cert, arena, folder, "cert.pem"));
    FT_TRY(ft_path_join(&p->key, arena, folder, "key.pem"));
    FT_TRY(ft_path_join(&p->names, arena, folder, "names"));
    FT_TRY(ft_path_join(&p->cert_new, arena, folder, "cert.new"));
    return ft_path_join(&p->key_new, arena, folder, "key.new");
}

/* Is there one for exactly these names that lives for another week? */
static ft_err still_good(bool *out, ft_arena *arena, const places *p, ft_str names) {
    ft_str kept;
    int code = 1;
    *out = false;
    if (!ft_file_exists(p->cert) || !ft_file_exists(p->key) || !ft_file_exists(p->names))
        return FT_OK;
    FT_TRY(ft_file_read(&kept, arena, p->names, PEM_BYTES_MAX));
    if (!ft_str_eq(kept, names)) return FT_OK;
    FT_TRY(ft_openssl_run((const char *const[]){ "openssl", "x509", "-checkend", SPARE_SECONDS,
                                                 "-noout", "-in", p->cert, NULL },
                          &code));
    *out = code == 0;
    return FT_OK;
}

/* The names are written last: a half-made pair is made again. */
static ft_err make(ft_arena *arena, const places *p, ft_str names) {
    ft_str san;
    int code = 1;
    FT_TRY(ft_arena_printf(&san, arena, "subjectAltName=%s", names.at));
    FT_TRY(ft_file_remove(p->names));
    FT_TRY(ft_openssl_run((const char *const[]){ "openssl",
                                                 "req",
                                                 "-x509",
                                                 "-newkey",
                                                 "ec",
                                                 "-pkeyopt",
                                                 "ec_paramgen_curve:prime256v1",
                                                 "-nodes",
                                                 "-days",
                                                 "825",
                                                 "-subj",
                                                 "/CN=Fettle on this machine",
                                                 "-addext",
                                                 san.at,
                                                 "-addext",
                                                 "extendedKeyUsage=serverAuth",
                                                 "-keyout",
                                                 p->key_new,
                                                 "-out",
                                                 p->cert_new,
                                                 NULL },
                          &code));
    if (code != 0)
        return FT_FAIL(FT_EPEER, "the openssl program could not make a certificate at %s",
                       p->cert_new);
    if (chmod(p->key_new, 0600) != 0) return FT_FAIL_ERRNO("cannot protect %s", p->key_new);
    FT_TRY(ft_file_rename(p->key_new, p->key));
    FT_TRY(ft_file_rename(p->cert_new, p->cert));
    return ft_file_write_atomic(p->names, names, false);
}

static ft_err pem_read(ft_str *out, ft_arena *arena, const char *path, const char *what) {
    FT_TRY(ft_file_read(out, arena, path, PEM_BYTES_MAX));
    if (strlen(out->at) != out->len || !strstr(out->at, "-----BEGIN ") || !strstr(out->at, what))
        return FT_FAIL(FT_EINVAL, "%s: expected a PEM file with a %s", path, what);
    return FT_OK;
}

ft_err ft_certificate_read(ft_certificate *out, ft_arena *arena, const char *cert_path,
                           const char *key_path) {
    *out = (ft_certificate){ .cert_path = cert_path };
    FT_TRY(pem_read(&out->cert_pem, arena, cert_path, "CERTIFICATE"));
    return pem_read(&out->key_pem, arena, key_path, "PRIVATE KEY");
}

ft_err ft_certificate_make(ft_certificate *out, ft_arena *arena, const char *folder,
                           const ft_str *names, size_t name_count) {
    places p;
    ft_str text;
    bool good;
    FT_TRY(names_text(&text, arena, names, name_count));
    FT_TRY(ft_dir_make(folder));
    if (chmod(folder, 0700) != 0) return FT_FAIL_ERRNO("cannot protect %s", folder);
    FT_TRY(places_find(&p, arena, folder));
    FT_TRY(still_good(&good, arena, &p, text));
    if (!good) FT_TRY(make(arena, &p, text));
    return ft_certificate_read(out, arena, p.cert, p.key);
}
