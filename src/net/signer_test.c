/* signer_test.c -- a key is made once, and openssl finds its signatures good. */
#include "net/signer.h"

#include <sys/stat.h>

#include "base/buf.h"
#include "base/files.h"
#include "base/hash.h"
#include "tests/test.h"

static char folder[300];

static void write_file(const char *name, ft_str bytes) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    EXPECT_OK(ft_file_write_atomic(path, bytes, false));
}

/* Does the openssl program find the signature of `text` good? */
static bool verified(const ft_signer *s, ft_str text, ft_str base64, const char *digest) {
    char command[1200];
    ft_buf raw = { 0 };
    EXPECT_OK(ft_base64_decode(&raw, base64));
    write_file("cert", s->cert_pem);
    write_file("text", text);
    write_file("signature", ft_buf_str(&raw));
    ft_buf_fini(&raw);
    snprintf(command, sizeof command,
             "cd '%s' && openssl x509 -pubkey -noout -in cert >public && "
             "openssl dgst %s -verify public -signature signature text >/dev/null 2>&1",
             test_dir(), digest);
    return system(command) == 0;
}

static void test_signatures(void **state) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_signer s, again;
    ft_str signature;
    struct stat st;
    char path[400];
    (void)state;
    snprintf(folder, sizeof folder, "%s/signer", test_dir());
    ft_err err = ft_signer_open(&s, &arena, folder);
    if (err == FT_EABSENT) SKIP("the openssl program is not installed");
    EXPECT_OK(err);
    EXPECT_OK(ft_signer_open(&again, &arena, folder));
    EXPECT(ft_str_eq(s.key_pem, again.key_pem));
    snprintf(path, sizeof path, "%s/key.pem", folder);
    EXPECT(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    EXPECT_OK(ft_signer_sign(&signature, &arena, &s, FT_STR("words"), false));
    EXPECT(verified(&s, FT_STR("words"), signature, "-sha256"));
    EXPECT(!verified(&s, FT_STR("other words"), signature, "-sha256"));
    EXPECT_OK(ft_signer_sign(&signature, &arena, &s, FT_STR("words"), true));
    EXPECT(verified(&s, FT_STR("words"), signature, "-sha1"));
    ft_signer none = { .key_pem = FT_STR("no key") };
    EXPECT_ERR(FT_EINVAL, ft_signer_sign(&signature, &arena, &none, FT_STR("x"), false));
    EACH_FAULT {
        ft_arena once = FT_ARENA_INIT(0);
        err = ft_signer_open(&again, &once, folder);
        if (err == FT_OK) err = ft_signer_sign(&signature, &once, &again, FT_STR("w"), false);
        ft_arena_fini(&once);
    }
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_signatures))
