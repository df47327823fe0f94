/* mhd_in.h -- libmicrohttpd by a table of functions, loaded on first use: linked, it and GnuTLS
 * cost every start of the program 1.8 ms (measured: 0.6 ms -> 2.4 ms). */
#ifndef FT_MHD_IN_H
#define FT_MHD_IN_H

#include <microhttpd.h>

#include "base/err.h"

typedef struct ft_mhd {
    __typeof__(&MHD_start_daemon) start_daemon;
    __typeof__(&MHD_stop_daemon) stop_daemon;
    __typeof__(&MHD_quiesce_daemon) quiesce_daemon;
    __typeof__(&MHD_run_wait) run_wait;
    __typeof__(&MHD_get_daemon_info) get_daemon_info;
    __typeof__(&MHD_get_connection_values_n) get_connection_values_n;
    __typeof__(&MHD_get_connection_info) get_connection_info;
    __typeof__(&MHD_suspend_connection) suspend_connection;
    __typeof__(&MHD_resume_connection) resume_connection;
    __typeof__(&MHD_create_response_from_buffer) create_response_from_buffer;
    __typeof__(&MHD_create_response_from_fd_at_offset64) create_response_from_fd_at_offset64;
    __typeof__(&MHD_create_response_from_callback) create_response_from_callback;
    __typeof__(&MHD_add_response_header) add_response_header;
    __typeof__(&MHD_queue_response) queue_response;
    __typeof__(&MHD_destroy_response) destroy_response;
} ft_mhd;

/* Filled by ft_mhd_load; FT_EABSENT names the package. */
extern ft_mhd ft_mhd_api;
ft_err ft_mhd_load(void);

#endif
