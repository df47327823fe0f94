/* mail.c -- see mail.h. */
#include "net/mail.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/lib.h"
#include "base/proc.h"

#define ADDRESS_MAX 254

typedef struct curl_api {
    __typeof__(&curl_easy_init) easy_init;
    __typeof__(&curl_easy_setopt) easy_setopt;
    __typeof__(&curl_easy_perform) easy_perform;
    __typeof__(&curl_easy_strerror) easy_strerror;
    __typeof__(&curl_easy_cleanup) easy_cleanup;
    __typeof__(&curl_slist_append) slist_append;
    __typeof__(&curl_slist_free_all) slist_free_all;
} curl_api;

#define SYMBOL(member) \
    { "curl_" #member, offsetof(curl_api, member) }
static const ft_lib_symbol symbols[] = {
    SYMBOL(easy_init),    SYMBOL(easy_setopt),  SYMBOL(easy_perform),   SYMBOL(easy_strerror),
    SYMBOL(easy_cleanup), SYMBOL(slist_append), SYMBOL(slist_free_all),
};
static curl_api api;

/* ---- what is an address, what a server */

ft_err ft_mail_address_check(ft_str address) {
    size_t at = ft_str_find(address, '@');
    bool good = at > 0 && at + 1 < address.len && address.len <= ADDRESS_MAX &&
                ft_str_find(ft_str_from(address, at + 1), '@') == address.len - at - 1;
    for (size_t i = 0; good && i < address.len; i++)
        good = (unsigned char)address.at[i] > ' ' && !strchr("<>()[],;:\\\"\x7f", address.at[i]);
    if (good && address.at[0] != '-') return FT_OK;
    return FT_FAIL(FT_EINVAL, "mail address '%.*s': expected name@host", FT_STR_ARG(address));
}

static bool is_program(ft_str server) { return ft_str_starts(server, FT_STR("/")); }

ft_err ft_mail_server_check(ft_str server) {
    ft_str rest = server;
    bool good = is_program(server);
    if (ft_str_starts(server, FT_STR("smtp://")) || ft_str_starts(server, FT_STR("smtps://")))
        good = ft_str_from(rest, ft_str_find(rest, '/') + 2).len > 0;
    for (size_t i = 0; good && i < server.len; i++) good = (unsigned char)server.at[i] > ' ';
    if (good) return FT_OK;
    return FT_FAIL(FT_EINVAL, "mail server: expected smtp://[user:password@]host[:port], smtps://… "
                              "or the full path of a program that takes letters as sendmail does");
}

/* ---- the letter */

/* A header's text: lines end it, so there are none in it; beyond ASCII as RFC 2047 says. */
static ft_err subject_add(ft_buf *out, ft_str subject) {
    bool plain = subject.len < 200;
    for (size_t i = 0; plain && i < subject.len; i++)
        plain = subject.at[i] >= ' ' && (unsigned char)subject.at[i] < 127;
    ft_buf_add(out, FT_STR("Subject: "));
    if (plain) {
        ft_buf_add(out, subject);
    } else
        while (subject.len) { /* encoded words of at most 75 characters; never half a letter */
            size_t n = subject.len < 42 ? subject.len : 42;
            while (n < subject.len && n > 0 && ((unsigned char)subject.at[n] & 0xc0) == 0x80) n--;
            ft_buf_add(out, FT_STR("=?UTF-8?B?"));
            FT_TRY(ft_base64_add(out, ft_str_slice(subject, 0, n ? n : 1)));
            subject = ft_str_from(subject, n ? n : 1);
            ft_buf_add(out, subject.len ? FT_STR("?=\r\n ") : FT_STR("?="));
        }
    return ft_buf_add(out, FT_STR("\r\n"));
}

/* Base64 in lines of 76: no line is too long, and none begins with a dot. */
static ft_err text_add(ft_buf *out, ft_str text) {
    while (text.len) {
        FT_TRY(ft_base64_add(out, ft_str_slice(text, 0, 57)));
        FT_TRY(ft_buf_add(out, FT_STR("\r\n")));
        text = ft_str_from(text, text.len < 57 ? text.len : 57);
    }
    return FT_OK;
}

static ft_err letter(ft_buf *out, const ft_mail *m) {
    char date[64];
    struct tm tm;
    time_t now = (time_t)(ft_clock_now_us() / FT_SECOND_US);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", gmtime_r(&now, &tm));
    ft_buf_printf(out, "Date: %s\r\nFrom: <%.*s>\r\nTo: <%.*s>\r\n", date, FT_STR_ARG(m->from),
                  FT_STR_ARG(m->to));
    if (m->id.len) ft_buf_printf(out, "Message-ID: <%.*s@fettle>\r\n", FT_STR_ARG(m->id));
    FT_TRY(subject_add(out, m->subject));
    ft_buf_add(out, FT_STR("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                           "Content-Transfer-Encoding: base64\r\n\r\n"));
    return text_add(out, m->text);
}

/* ---- by a server */

typedef struct reading {
    ft_str rest;
} reading;

static size_t give(char *at, size_t size, size_t count, void *ctx) {
    reading *r = ctx;
    size_t n = size * count < r->rest.len ? size * count : r->rest.len;
    if (n) memcpy(at, r->rest.at, n);
    r->rest = ft_str_from(r->rest, n);
    return n;
}

static ft_err by_server(ft_arena *arena, ft_str server, const ft_mail *m, ft_str text) {
    static void *handle;
    char why[CURL_ERROR_SIZE] = "";
    ft_str from, to;
    reading r = { text };
    FT_TRY(ft_lib_load(&handle, "libcurl.so.4|libcurl-gnutls.so.4", "libcurl4", &api, symbols,
                       FT_COUNT(symbols)));
    FT_TRY(ft_arena_printf(&from, arena, "<%.*s>", FT_STR_ARG(m->from)));
    FT_TRY(ft_arena_printf(&to, arena, "<%.*s>", FT_STR_ARG(m->to)));
    FT_TRY(ft_arena_str(&server, arena, server));
    CURL *easy = ft_fault_here() ? NULL : api.easy_init();
    struct curl_slist *list = easy ? api.slist_append(NULL, to.at) : NULL;
    if (!list) {
        if (easy) api.easy_cleanup(easy);
        return FT_FAIL(FT_ENOMEM, "no memory for a letter");
    }
    api.easy_setopt(easy, CURLOPT_URL, server.at);
    api.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    api.easy_setopt(easy, CURLOPT_USE_SSL, (long)CURLUSESSL_TRY);
    api.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    api.easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(FT_MAIL_TIMEOUT_US / 1000));
    api.easy_setopt(easy, CURLOPT_ERRORBUFFER, why);
    api.easy_setopt(easy, CURLOPT_MAIL_FROM, from.at);
    api.easy_setopt(easy, CURLOPT_MAIL_RCPT, list);
    api.easy_setopt(easy, CURLOPT_READFUNCTION, give);
    api.easy_setopt(easy, CURLOPT_READDATA, &r);
    api.easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    CURLcode code = api.easy_perform(easy);
    api.slist_free_all(list);
    api.easy_cleanup(easy);
    if (code == CURLE_OK) return FT_OK;
    return FT_FAIL(code == CURLE_OPERATION_TIMEDOUT ? FT_ETIMEOUT : FT_EPEER,
                   "the mail server did not take the letter for %.*s: %s", FT_STR_ARG(m->to),
                   why[0] ? why : api.easy_strerror(code));
}

/* ---- by a program */

static void last_line(void *ctx, ft_str line) {
    char *said = ctx;
    snprintf(said, 200, "%.*s", (int)(line.len < 199 ? line.len : 199), line.at);
}

/* A child reads no pipe of ours: the letter stands in a file. */
static ft_err program_run(ft_arena *arena, ft_str program, const char *file) {
    ft_supervisor *s;
    ft_proc *p;
    char said[200] = "";
    ft_str path;
    FT_TRY(ft_arena_str(&path, arena, program));
    if (access(path.at, X_OK) != 0)
        return FT_FAIL(FT_EABSENT, "the mail program %s cannot be run", path.at);
    const char *argv[] = { "/bin/sh", "-c", "exec \"$0\" -i -t <\"$1\"", path.at, file, NULL };
    FT_TRY(ft_supervisor_new(&s));
    ft_err err = ft_proc_start(&p, s,
                               &(ft_proc_spec){ .name = "mail",
                                                .argv = argv,
                                                .on_line = last_line,
                                                .ctx = said,
                                                .deadline_us = FT_MAIL_TIMEOUT_US });
    if (err == FT_OK) err = ft_proc_wait(p, -1);
    if (err == FT_OK) {
        ft_proc_end end = ft_proc_result(p);
        if (end.exit_code != 0)
            err = FT_FAIL(FT_EPEER, "%s did not take the letter: %s%s%s", path.at,
                          ft_proc_end_text(&end), said[0] ? ": " : "", said);
    }
    ft_supervisor_free(s);
    return err;
}

static ft_err by_program(ft_arena *arena, ft_str program, ft_str text) {
    char file[] = "/tmp/fettle-letter-XXXXXX";
    int fd = ft_fault_here() ? -1 : mkstemp(file); /* readable by its owner alone */
    if (fd < 0) return FT_FAIL(FT_EIO, "cannot make a file for a letter in /tmp");
    ft_err err = ft_fd_write(fd, text.at, text.len, file);
    ft_fd_close(&fd);
    if (err == FT_OK) err = program_run(arena, program, file);
    unlink(file);
    return err;
}

ft_err ft_mail_send(ft_str server, const ft_mail *m) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_buf text = { 0 };
    ft_err err;
    FT_GOTO(err, ft_mail_server_check(server));
    FT_GOTO(err, ft_mail_address_check(m->from));
    FT_GOTO(err, ft_mail_address_check(m->to));
    FT_GOTO(err, letter(&text, m));
    err = is_program(server) ? by_program(&arena, server, ft_buf_str(&text))
                             : by_server(&arena, server, m, ft_buf_str(&text));
done:
    ft_buf_fini(&text);
    ft_arena_fini(&arena);
    return err;
}
