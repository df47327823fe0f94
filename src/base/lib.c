/* lib.c -- see lib.h. */
#include "base/lib.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"

#define SONAME_MAX 256

static pthread_mutex_t load_lock = PTHREAD_MUTEX_INITIALIZER;

/* The first of "a.so.1|a.so.0" that opens; NULL when none does. */
static void *open_first(const char *sonames, char opened[SONAME_MAX]) {
    for (const char *at = sonames; *at;) {
        size_t len = strcspn(at, "|");
        snprintf(opened, SONAME_MAX, "%.*s", (int)len, at);
        void *lib = ft_fault_here() ? NULL : dlopen(opened, RTLD_NOW | RTLD_LOCAL);
        if (lib) return lib;
        at += len + (at[len] == '|');
    }
    return NULL;
}

static ft_err load(void **handle, const char *sonames, const char *package, void *api,
                   const ft_lib_symbol *symbols, size_t count) {
    char opened[SONAME_MAX] = "";
    void *lib = open_first(sonames, opened);
    if (!lib)
        return FT_FAIL(FT_EABSENT, "%s is not installed: install the Debian package %s", opened,
                       package);
    for (size_t i = 0; i < count; i++) {
        void *symbol = ft_fault_here() ? NULL : dlsym(lib, symbols[i].name);
        if (!symbol) {
            dlclose(lib);
            return FT_FAIL(FT_EABSENT,
                           "%s has no function %s: install the version that the Debian package %s "
                           "has",
                           opened, symbols[i].name, package);
        }
        memcpy((char *)api + symbols[i].offset, &symbol, sizeof symbol);
    }
    __atomic_store_n(handle, lib, __ATOMIC_RELEASE); /* after the table is filled */
    return FT_OK;
}

ft_err ft_lib_load(void **handle, const char *sonames, const char *package, void *api,
                   const ft_lib_symbol *symbols, size_t count) {
    if (__atomic_load_n(handle, __ATOMIC_ACQUIRE)) return FT_OK;
    pthread_mutex_lock(&load_lock);
    ft_err err = *handle ? FT_OK : load(handle, sonames, package, api, symbols, count);
    pthread_mutex_unlock(&load_lock);
    return err;
}
