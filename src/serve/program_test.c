/* program_test.c -- models that are programs: what a folder is, its specification, a real process
 * that is started, asked, killed and ended, and everything on the way failing once. */
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "jobs/container.h"
#include "jobs/log.h"
#include "serve/program_in.h"
#include "store/store.h"
#include "tests/test.h"

static ft_arena arena;
static const ft_stream_kind *const kinds[] = { &ft_kind_log, NULL };

static const char server[] =
    "#!/usr/bin/python3\n"
    "import http.server, os, sys\n"
    "assert sys.argv[1] == 'serve'\n"
    "class H(http.server.BaseHTTPRequestHandler):\n"
    "    def log_message(self, *a): pass\n"
    "    def reply(self, body):\n"
    "        self.send_response(200); self.send_header('Content-Length', str(len(body)))\n"
    "        self.send_header('Content-Type', 'text/plain'); self.end_headers(); "
    "self.wfile.write(body)\n"
    "    def do_GET(self): self.reply(b'')\n"
    "    def do_POST(self):\n"
    "        body = self.rfile.read(int(self.headers['Content-Length']))\n"
    "        self.reply(str(os.getpid()).encode() if body == b'pid' else body[::-1])\n"
    "print('up', open(os.environ['SM_MODEL_DIR'] + '/word').read(), flush=True)\n"
    "http.server.ThreadingHTTPServer(('127.0.0.1', int(os.environ['SAGEMAKER_BIND_TO_PORT'])), "
    "H).serve_forever()\n";

/* A folder of that name with files "name", "content", …, NULL. */
static const char *folder(const char *name, const char *const *files) {
    const char *path, *file;
    EXPECT_OK(ft_path_join(&path, &arena, test_dir(), name));
    EXPECT_OK(ft_dir_remove(path));
    EXPECT_OK(ft_dir_make(path));
    for (; files && *files; files += 2) {
        ft_str whole;
        EXPECT_OK(ft_path_join(&file, &arena, path, files[0]));
        whole = ft_str_of(file);
        EXPECT_OK(ft_arena_str(&whole, &arena,
                               ft_str_slice(whole, 0, whole.len - ft_path_base(whole).len)));
        EXPECT_OK(ft_dir_make(whole.at));
        EXPECT_OK(ft_file_write_atomic(file, ft_str_of(files[1]), false));
    }
    return path;
}

static const char *serving(void) {
    return folder("serving", (const char *const[]){ "serve", server, "word", "ready", NULL });
}

static void test_sniff(void **state) {
    (void)state;
    static const struct {
        const char *files[5];
        int score;
    } cases[] = { { { "serve", "x", NULL }, 60 },
                  { { "code/serve", "x", NULL }, 60 },
                  { { "code/inference.py", "x", "xgboost-model", "{}", NULL }, 90 },
                  { { FT_PROGRAM_SPEC, "{}", "serve", "x", NULL }, 100 },
                  { { "model.json", "{}", NULL }, 0 },
                  { { "serve/readme", "a folder of that name", NULL }, 0 } };
    for (size_t i = 0; i < FT_COUNT(cases); i++)
        EXPECT(ft_predictor_program.sniff(folder("sniff", cases[i].files)) == cases[i].score);
    EXPECT(ft_predictor_program.sniff("/no/such/folder") == 0);
}

static void test_specification(void **state) {
    (void)state;
    ft_program_spec spec = { .run = FT_PROGRAM_FILE,
                             .image = FT_STR("me/mine:1"),
                             .program = FT_STR("/bin/\"x\""),
                             .data = FT_STR("../data"),
                             .environment_json = FT_STR("{\"A\":\"b\"}"),
                             .start_s = 7 };
    ft_str json;
    ft_model *m;
    EXPECT_OK(ft_program_spec_write(&json, &arena, &spec));
    const char *path = folder("spec", (const char *const[]){ FT_PROGRAM_SPEC, json.at, NULL });
    EXPECT_OK(ft_predictor_program.load(&m, path));
    const ft_program_spec *got = &((ft_program_model *)m)->spec;
    EXPECT(got->run == FT_PROGRAM_FILE && got->start_s == 7);
    EXPECT_STR("/bin/\"x\"", got->program);
    EXPECT_STR("{\"A\":\"b\"}", got->environment_json);
    ft_program_spec read;
    int64_t start_us;
    EXPECT_OK(ft_program_spec_read(&read, &arena, path));
    EXPECT_OK(ft_program_start_time(&start_us, &read));
    EXPECT(start_us == 7 * FT_SECOND_US);
    ft_payload out, in = { .bytes = FT_STR("x") };
    EXPECT_ERR(FT_EUNSUPPORTED,
               ft_predictor_program.predict(m, &out, &in, FT_STR(""), NULL, &arena));
    EXPECT_WHY("answers in a server only");
    ft_predictor_program.free(m);
    static const char *const bad[] = { "{", "[]", "{\"run\":\"later\"}", "{\"start_s\":\"x\"}",
                                       "{\"program\":5}" };
    for (size_t i = 0; i < FT_COUNT(bad); i++) {
        path = folder("spec", (const char *const[]){ FT_PROGRAM_SPEC, bad[i], NULL });
        EXPECT_ERR(FT_EPARSE, ft_predictor_program.load(&m, path));
        EXPECT(m == NULL);
    }
}

/* ---- a running one */

static ft_model *started(const char *path) {
    ft_model *m;
    EXPECT_OK(ft_predictor_program.load(&m, path));
    EXPECT_OK(ft_predictor_program.start(m, &(ft_serving){ .home = test_dir(),
                                                           .endpoint = FT_STR("e"),
                                                           .variant = FT_STR("v"),
                                                           .version = 3 }));
    return m;
}

static ft_err settled(ft_model *m) {
    ft_err err;
    int64_t end = ft_clock_monotonic_us() + 30 * FT_SECOND_US;
    while ((err = ft_predictor_program.ready(m)) == FT_EBUSY && ft_clock_monotonic_us() < end)
        ft_clock_sleep_us(5000);
    return err;
}

static ft_err asked(ft_str *out, ft_model *m, const char *body) {
    ft_asking a = { .in = { .bytes = ft_str_of(body), .content_type = FT_STR("text/plain") },
                    .arena = &arena };
    ft_err err = ft_predictor_program.ask(m, &a);
    *out = a.out.bytes;
    return err;
}

static void test_answers(void **state) {
    (void)state;
    ft_str out;
    uint64_t pid;
    EXPECT_OK(ft_programs_begin(test_dir()));
    ft_model *m = started(serving());
    EXPECT_OK(settled(m));
    EXPECT_OK(asked(&out, m, "abc"));
    EXPECT_STR("cba", out);
    setenv("FETTLE_MODEL_ASK", "0s", 1); /* no time left is not time without end */
    EXPECT_ERR(FT_ETIMEOUT, asked(&out, m, "abc"));
    unsetenv("FETTLE_MODEL_ASK");
    EXPECT_OK(asked(&out, m, "pid"));
    EXPECT(ft_str_u64(&pid, out));
    EXPECT(kill((pid_t)pid, SIGKILL) == 0);
    /* The one that meets the death may fail; those after it wait. */
    ft_err err = asked(&out, m, "abc");
    EXPECT(err == FT_OK || err == FT_EPEER);
    EXPECT_OK(asked(&out, m, "def"));
    EXPECT_STR("fed", out);
    ft_predictor_program.free(m);
    ft_programs_end();
    EXPECT(kill((pid_t)pid, 0) != 0);
    m = NULL;
    EXPECT_OK(ft_predictor_program.load(&m, serving()));
    EXPECT_ERR(FT_EBUSY, ft_predictor_program.start(
                             m, &(ft_serving){ .home = test_dir(), .endpoint = FT_STR("e") }));
    ft_predictor_program.free(m);
    EXPECT_OK(ft_programs_begin(test_dir()));
}

static void test_fails_in_words(void **state) {
    (void)state;
    ft_str out;
    setenv("FETTLE_MODEL_START", "1s", 1);
    ft_model *m = started(
        folder("bad", (const char *const[]){ "serve", "#!/bin/sh\necho no key; exit 6\n", NULL }));
    EXPECT_ERR(FT_EPEER, settled(m));
    EXPECT_WHY("ended before it answered GET /ping: exit code 6; it printed last: no key");
    EXPECT_ERR(FT_EPEER, asked(&out, m, "x"));
    ft_predictor_program.free(m);
    m = started(
        folder("bad", (const char *const[]){ "serve", "#!/bin/sh\nexec sleep 50\n", NULL }));
    EXPECT_ERR(FT_EPEER, settled(m));
    EXPECT_WHY("health check");
    ft_predictor_program.free(m);
    m = started(
        folder("bad", (const char *const[]){ FT_PROGRAM_SPEC,
                                             "{\"run\":\"file\",\"program\":\"serve\"}", NULL }));
    EXPECT_ERR(FT_EPEER, settled(m));
    EXPECT_WHY("cannot be started");
    ft_predictor_program.free(m);
    unsetenv("FETTLE_MODEL_START");
    ft_programs_end();
    EXPECT_OK(ft_programs_begin(test_dir()));
}

/* What a killed server left is taken away. */
static void test_leftovers(void **state) {
    (void)state;
    const char *old =
        folder("endpoints/e/program-9-0000", (const char *const[]){ "ml/model/x", "y", NULL });
    const char *other = folder("endpoints/e/other", NULL);
    EXPECT_OK(ft_programs_begin(test_dir()));
    EXPECT(!ft_file_exists(old) && ft_file_exists(other));
}

static void test_faults(void **state) {
    (void)state;
    const char *path = serving();
    int failures = 0;
    EACH_FAULT {
        ft_model *m = NULL;
        ft_err err = ft_predictor_program.load(&m, path);
        if (err == FT_OK)
            err = ft_predictor_program.start(
                m, &(ft_serving){ .home = test_dir(), .endpoint = FT_STR("f"), .version = 1 });
        failures += err != FT_OK;
        ft_fault_off();
        ft_predictor_program.free(m);
    }
    EXPECT(failures >= 5);
    ft_programs_end();
    EXPECT_OK(ft_programs_begin(test_dir()));
    /* The tree: each failure is told, none leaves the next one in the way. */
    ft_model *base;
    EXPECT_OK(ft_predictor_program.load(&base, path));
    ft_program_model *m = (ft_program_model *)base;
    ft_str text;
    EXPECT_OK(ft_arena_printf(&text, &arena, "%s/tree", test_dir()));
    m->folder = strdup(text.at);
    m->endpoint = strdup("f");
    failures = 0;
    EACH_FAULT { failures += ft_program_tree(m, 8080) != FT_OK; }
    EXPECT(failures > 20);
    ft_predictor_program.free(base);
}

int main(int argc, char **argv) {
    static char self[1024];
    if (argc == 3 && strcmp(argv[1], "run-model") == 0)
        return ft_err_exit(ft_container_become(argv[2]));
    if (ft_self_path(self, sizeof self) != FT_OK) return 1;
    setenv("FETTLE_PROGRAM", self, 1);
    ft_streams_use(kinds);
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_sniff),     cmocka_unit_test(test_specification),
        cmocka_unit_test(test_answers),   cmocka_unit_test(test_fails_in_words),
        cmocka_unit_test(test_leftovers), cmocka_unit_test(test_faults),
    };
    int failed = cmocka_run_group_tests(list, NULL, NULL);
    ft_programs_end();
    ft_arena_fini(&arena);
    return test_end(failed);
}
