/* mhd.c -- see mhd_in.h. */
#include "net/mhd_in.h"

#include "base/check.h"
#include "base/lib.h"

ft_mhd ft_mhd_api;

#define SYMBOL(member) \
    { "MHD_" #member, offsetof(ft_mhd, member) }
static const ft_lib_symbol symbols[] = {
    SYMBOL(start_daemon),
    SYMBOL(stop_daemon),
    SYMBOL(quiesce_daemon),
    SYMBOL(run_wait),
    SYMBOL(get_daemon_info),
    SYMBOL(get_connection_values_n),
    SYMBOL(get_connection_info),
    SYMBOL(suspend_connection),
    SYMBOL(resume_connection),
    SYMBOL(create_response_from_buffer),
    SYMBOL(create_response_from_fd_at_offset64),
    SYMBOL(create_response_from_callback),
    SYMBOL(add_response_header),
    SYMBOL(queue_response),
    SYMBOL(destroy_response),
};
_Static_assert(FT_COUNT(symbols) * sizeof(void (*)(void)) == sizeof(ft_mhd), "one row a member");

ft_err ft_mhd_load(void) {
    static void *handle;
    return ft_lib_load(&handle, "libmicrohttpd.so.12", "libmicrohttpd12", &ft_mhd_api, symbols,
                       FT_COUNT(symbols));
}
