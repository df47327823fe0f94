/* sanitizer_test.h -- for tests that load oneDNN under AddressSanitizer: its leak checker dies
 * while it walks the thread-local storage of libraries that were opened late (glibc 2.36, gcc 12),
 * so it leaves that out; what glibc itself holds there (the last dlerror) and OpenMP (its threads)
 * is then no leak of ours. Include once a test program. */
#ifndef FT_NN_SANITIZER_TEST_H
#define FT_NN_SANITIZER_TEST_H

#if defined __SANITIZE_ADDRESS__
const char *__lsan_default_options(void);
const char *__lsan_default_options(void) { return "use_tls=0"; }
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:_dlerror_run\nleak:libgomp.so\n"; }
#endif

#endif
