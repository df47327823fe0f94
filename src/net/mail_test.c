/* mail_test.c -- letters by a program and by a server that is not there; what is an address. */
#include "net/mail.h"

#include <sys/stat.h>

#include "base/arena.h"
#include "base/files.h"
#include "tests/test.h"

static const ft_mail mail = { .from = { "a@here", sizeof("a@here") - 1 },
                              .to = { "b@there", sizeof("b@there") - 1 },
                              .subject = { "Sit \xc3\xbc"
                                           "p",
                                           sizeof("Sit \xc3\xbc"
                                                  "p") -
                                               1 },
                              .text = { ".\nwords\n", sizeof(".\nwords\n") - 1 },
                              .id = { "7", sizeof("7") - 1 } };

static void test_addresses(void **state) {
    static const char *const good[] = { "a@b", "first.last+tag@host.example" }, *const bad[] = {
        "", "a", "@b", "a@", "a b@c", "a@b@c", "-f@x", "a@b\nBcc: c@d", "<a@b>", "a,b@c"
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        EXPECT_OK(ft_mail_address_check(ft_str_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        EXPECT_ERR(FT_EINVAL, ft_mail_address_check(ft_str_of(bad[i])));
    EXPECT_OK(ft_mail_server_check(FT_STR("smtp://u:p@host:25")));
    EXPECT_OK(ft_mail_server_check(FT_STR("/usr/sbin/sendmail")));
    EXPECT_ERR(FT_EINVAL, ft_mail_server_check(FT_STR("http://host")));
    EXPECT_ERR(FT_EINVAL, ft_mail_server_check(FT_STR("smtp://")));
    EXPECT_ERR(FT_EINVAL, ft_mail_server_check(FT_STR("sendmail -t")));
}

/* A program that keeps what it is given. */
static ft_str program(const char *tail) {
    static char path[300];
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str text;
    snprintf(path, sizeof path, "%s/program", test_dir());
    EXPECT_OK(ft_arena_printf(&text, &arena, "#!/bin/sh\ncat >%s/letter\n%s\n", test_dir(), tail));
    EXPECT_OK(ft_file_write_atomic(path, text, false));
    EXPECT(chmod(path, 0755) == 0);
    ft_arena_fini(&arena);
    return ft_str_of(path);
}

static void test_program(void **state) {
    char path[300];
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str letter;
    (void)state;
    EXPECT_OK(ft_mail_send(program("exit 0"), &mail));
    snprintf(path, sizeof path, "%s/letter", test_dir());
    EXPECT_OK(ft_file_read(&letter, &arena, path, 10000));
    EXPECT(strstr(letter.at, "From: <a@here>\r\nTo: <b@there>\r\nMessage-ID: <7@fettle>\r\n"));
    EXPECT(strstr(letter.at, "Subject: =?UTF-8?B?U2l0IMO8cA==?=\r\n"));
    EXPECT(strstr(letter.at, "\r\n\r\nLgp3b3Jkcwo=\r\n"));
    EXPECT_ERR(FT_EPEER, ft_mail_send(program("echo no room >&2; exit 75"), &mail));
    EXPECT_WHY("no room");
    EXPECT_ERR(FT_EABSENT, ft_mail_send(FT_STR("/no/such/program"), &mail));
    EXPECT_ERR(FT_EPEER, ft_mail_send(FT_STR("smtp://127.0.0.1:1"), &mail));
    ft_arena_fini(&arena);
}

static void test_faults(void **state) {
    ft_str good = program("exit 0");
    (void)state;
    EACH_FAULT { ft_mail_send(good, &mail); }
    EACH_FAULT { EXPECT(ft_mail_send(FT_STR("smtp://127.0.0.1:1"), &mail) != FT_OK); }
}

TEST_MAIN(cmocka_unit_test(test_addresses), cmocka_unit_test(test_program),
          cmocka_unit_test(test_faults))
