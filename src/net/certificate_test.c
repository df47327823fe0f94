/* certificate_test.c -- an own certificate: made once, made again for other names, read when given;
 * what is missing is said. The openssl program itself is the oracle of what is in it. */
#include "net/certificate.h"

#include <sys/stat.h>

#include "base/files.h"
#include "tests/test.h"

static char folder[128];
static ft_arena arena = FT_ARENA_INIT(0);

static bool have_openssl(void) { return system("command -v openssl >/dev/null") == 0; }

static int begin(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ft-certificate-%d", (int)getpid());
    return ft_dir_remove(folder) == FT_OK ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    ft_arena_fini(&arena);
    return ft_dir_remove(folder) == FT_OK ? 0 : -1;
}

static bool names_hold(const char *word) {
    char command[512];
    snprintf(command, sizeof command,
             "openssl x509 -in %s/cert.pem -noout -ext subjectAltName | grep -q '%s'", folder,
             word);
    return system(command) == 0;
}

static void test_made_once(void **state) {
    (void)state;
    ft_certificate first, again, other;
    struct stat st;
    char path[256];
    if (!have_openssl()) SKIP("no openssl command");
    EXPECT_OK(ft_certificate_make(&first, &arena, folder, NULL, 0));
    EXPECT_OK(ft_certificate_make(&again, &arena, folder, NULL, 0));
    EXPECT(ft_str_eq(first.cert_pem, again.cert_pem) && ft_str_eq(first.key_pem, again.key_pem));
    EXPECT(names_hold("DNS:localhost") && names_hold("127.0.0.1") && names_hold("amazonaws"));
    ft_str names[] = { FT_STR("gpu-box.lan"), FT_STR("10.1.2.3") };
    EXPECT_OK(ft_certificate_make(&other, &arena, folder, names, 2));
    EXPECT(!ft_str_eq(first.cert_pem, other.cert_pem));
    EXPECT(names_hold("DNS:gpu-box.lan") && names_hold("10.1.2.3"));
    snprintf(path, sizeof path, "%s/key.pem", folder);
    EXPECT(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    EXPECT(stat(folder, &st) == 0 && (st.st_mode & 0777) == 0700);
    EXPECT_OK(ft_certificate_read(&again, &arena, other.cert_path, path));
    EXPECT_ERR(FT_EINVAL, ft_certificate_read(&again, &arena, path, path));
    EXPECT_WHY("expected a PEM file with a CERTIFICATE");
    EXPECT_ERR(FT_ENOTFOUND, ft_certificate_read(&again, &arena, "/no/such/file", path));
}

static void test_bad_names(void **state) {
    (void)state;
    ft_certificate c;
    static const char *const bad[] = { "", "a b", "a,DNS:b", "a\nb", "-subj /CN=x" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ft_str name = ft_str_of(bad[i]);
        EXPECT_ERR(FT_EINVAL, ft_certificate_make(&c, &arena, folder, &name, 1));
        EXPECT_WHY("expected a host name");
    }
}

static void test_no_program(void **state) {
    (void)state;
    ft_certificate c;
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nowhere", 1);
    ft_err err = ft_certificate_make(&c, &arena, folder, NULL, 0);
    setenv("PATH", path, 1);
    free(path);
    EXPECT(err == FT_EABSENT);
    EXPECT_WHY("package openssl");
}

TEST_MAIN(cmocka_unit_test_setup_teardown(test_made_once, begin, end),
          cmocka_unit_test_setup_teardown(test_bad_names, begin, end),
          cmocka_unit_test_setup_teardown(test_no_program, begin, end))
