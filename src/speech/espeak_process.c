/* espeak_process.c -- our side of the pipe: start the process, ask, hear, start it again. See
 * espeak_in.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/proc.h"
#include "speech/espeak_in.h"

#define TRIES         3
#define SILENT_MS     10000              /* it says thousands of words a second */
#define SAMPLES_MAX   ((size_t)96 << 20) /* bytes of an answer: 38 minutes */
#define PROGRAM_BYTES 4096

extern char **environ;

/* ---- bytes */

ft_err ft_espeak_send(int fd, const void *at, size_t len) {
    const char *from = at;
    while (len > 0) {
        ssize_t n = ft_fault_here() ? (errno = EPIPE, -1) : send(fd, from, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return FT_FAIL(FT_EPEER, "espeak-ng's process is gone");
        from += n;
        len -= (size_t)n;
    }
    return FT_OK;
}

ft_err ft_espeak_receive(int fd, void *at, size_t len, int timeout_ms) {
    char *to = at;
    while (len > 0) {
        struct pollfd ready = { .fd = fd, .events = POLLIN };
        int found = poll(&ready, 1, timeout_ms);
        if (found < 0 && errno == EINTR) continue;
        if (found == 0) return FT_FAIL(FT_ETIMEOUT, "espeak-ng was silent for %d ms", timeout_ms);
        ssize_t n = ft_fault_here() ? 0 : recv(fd, to, len, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return FT_FAIL(FT_EPEER, "espeak-ng's process ended in mid-sentence");
        to += n;
        len -= (size_t)n;
    }
    return FT_OK;
}

/* ---- the process */

static ft_err program_path(char *out, size_t size) {
    const char *other = getenv("FETTLE_PROGRAM");
    if (!other || !*other) return ft_self_path(out, size);
    if (strlen(other) >= size) return FT_FAIL(FT_ETOOBIG, "FETTLE_PROGRAM is too long");
    memcpy(out, other, strlen(other) + 1);
    return FT_OK;
}

/* Its standard input is the socket; it prints nothing. In a group of its own: what the terminal
 * interrupts is us. */
static int spawn(pid_t *pid, char *program, int socket) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none;
    char verb[] = "run-espeak";
    char *argv[] = { program, verb, NULL };
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, socket, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&files, 3); /* no port, no file of ours outlives us */
    posix_spawnattr_init(&how);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    int code = posix_spawn(pid, program, &files, &how, argv, environ);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return code;
}

static ft_err start(ft_espeak_process *p) {
    char program[PROGRAM_BYTES];
    int ends[2];
    if (p->pid) return FT_OK;
    FT_TRY(program_path(program, sizeof program));
    if (ft_fault_here() || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return FT_FAIL(FT_EIO, "no socket for espeak-ng's process");
    int code = ft_fault_here() ? EAGAIN : spawn(&p->pid, program, ends[1]);
    close(ends[1]);
    if (code != 0) {
        close(ends[0]);
        p->pid = 0;
        return FT_FAIL(FT_EPEER, "%s run-espeak does not start: %s", program, strerror(code));
    }
    p->fd = ends[0];
    p->starts++;
    return FT_OK;
}

void ft_espeak_process_end(ft_espeak_process *p) {
    if (!p->pid) return;
    close(p->fd);
    kill(p->pid, SIGKILL);
    while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR) continue;
    p->pid = 0;
}

/* ---- asking */

static ft_err ask(const ft_espeak_process *p, const char *voice, ft_str text, ft_espeak_how how) {
    ft_espeak_ask head = { (uint32_t)strlen(voice), (uint32_t)text.len, (uint32_t)how };
    FT_TRY(ft_espeak_send(p->fd, &head, sizeof head));
    FT_TRY(ft_espeak_send(p->fd, voice, strlen(voice)));
    return ft_espeak_send(p->fd, text.at, text.len);
}

static ft_err hear_failure(const ft_espeak_process *p, uint32_t len) {
    char why[1024] = "";
    int32_t code;
    if (len < sizeof code || len - sizeof code >= sizeof why)
        return FT_FAIL(FT_EPEER, "espeak-ng's process answers nonsense");
    FT_TRY(ft_espeak_receive(p->fd, &code, sizeof code, SILENT_MS));
    FT_TRY(ft_espeak_receive(p->fd, why, len - sizeof code, SILENT_MS));
    if (code <= 0 || code >= FT_ERR_COUNT) code = FT_EPEER;
    return FT_FAIL((ft_err)code, "%s", why);
}

static ft_err hear_into(const ft_espeak_process *p, ft_buf *to, uint32_t len) {
    if (to->len + len > SAMPLES_MAX)
        return FT_FAIL(FT_ETOOBIG, "a sentence that takes longer than %zu minutes to say",
                       SAMPLES_MAX / 2 / 22050 / 60);
    FT_TRY(ft_buf_reserve(to, len));
    FT_TRY(ft_espeak_receive(p->fd, to->at + to->len, len, SILENT_MS));
    to->len += len;
    return FT_OK;
}

static ft_err hear(const ft_espeak_process *p, ft_espeak_answer *out) {
    for (;;) {
        ft_espeak_head head;
        FT_TRY(ft_espeak_receive(p->fd, &head, sizeof head, SILENT_MS));
        if (head.kind == FT_ESPEAK_FAILED) return hear_failure(p, head.len);
        if (head.kind == FT_ESPEAK_DONE && head.len == sizeof out->rate_hz)
            return ft_espeak_receive(p->fd, &out->rate_hz, sizeof out->rate_hz, SILENT_MS);
        ft_buf *to = head.kind == FT_ESPEAK_EVENT     ? &out->events
                     : head.kind == FT_ESPEAK_SAMPLES ? &out->samples
                     : head.kind == FT_ESPEAK_IPA     ? &out->ipa
                                                      : NULL;
        if (!to) return FT_FAIL(FT_EPEER, "espeak-ng's process answers nonsense");
        FT_TRY(hear_into(p, to, head.len));
    }
}

static ft_err ask_and_hear(ft_espeak_process *p, ft_espeak_answer *out, const char *voice,
                           ft_str text, ft_espeak_how how) {
    ft_err err = FT_OK;
    if (text.len > FT_ESPEAK_TEXT_MAX)
        return FT_FAIL(FT_ETOOBIG, "a sentence of %zu bytes; %zu are the most", text.len,
                       FT_ESPEAK_TEXT_MAX);
    for (int i = 0; i < TRIES; i++) {
        ft_buf_reset(&out->samples);
        ft_buf_reset(&out->events);
        ft_buf_reset(&out->ipa);
        err = start(p);
        if (err == FT_OK) err = ask(p, voice, text, how);
        /* What was asked by half is never answered: it ends instead of waiting for the rest. */
        if (err == FT_EPEER && p->pid) shutdown(p->fd, SHUT_WR);
        if (err == FT_OK || err == FT_EPEER) {
            ft_err heard = p->pid ? hear(p, out) : err; /* it may have said why it ends */
            err = heard;
        }
        if (err == FT_OK) return FT_OK;
        ft_espeak_process_end(p);
        if (err != FT_EPEER && err != FT_ETIMEOUT) return err;
    }
    return ft_err_prefix(err, "espeak-ng, started %d times", TRIES);
}

ft_err ft_espeak_say(ft_espeak_process *p, ft_espeak_answer *out, const char *voice, ft_str text,
                     bool phonemes) {
    return ask_and_hear(p, out, voice, text, phonemes ? FT_ESPEAK_PHONEMES : FT_ESPEAK_PLAIN);
}

ft_err ft_espeak_spell(ft_espeak_process *p, ft_espeak_answer *out, const char *voice, ft_str text,
                       bool apart) {
    return ask_and_hear(p, out, voice, text, apart ? FT_ESPEAK_SPELL_APART : FT_ESPEAK_SPELL);
}

void ft_espeak_answer_fini(ft_espeak_answer *a) {
    ft_buf_fini(&a->ipa);
    ft_buf_fini(&a->samples);
    ft_buf_fini(&a->events);
}
