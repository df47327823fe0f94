/* ranks.c -- see ranks.h. OpenMPI 4's C interface, whose constants are addresses of its symbols
 * (https://www.open-mpi.org/doc/v4.1/). */
#include "nn/learn/ranks.h"

#include <stdlib.h>

#include "base/lib.h"

#define PIECE ((int64_t)1 << 24) /* items a call */

typedef struct api {
    int (*init)(int *argc, char ***argv);
    int (*finalize)(void);
    int (*comm_rank)(void *comm, int *rank);
    int (*comm_size)(void *comm, int *size);
    int (*allreduce)(const void *from, void *to, int count, void *type, void *op, void *comm);
    int (*bcast)(void *at, int count, void *type, int root, void *comm);
    int (*abort)(void *comm, int code);
    int (*set_errhandler)(void *comm, void *handler);
    void *world, *f32, *f64, *byte, *sum, *errors_return;
} api;

static api mpi;
static void *mpi_handle;
static const ft_lib_symbol symbols[] = {
    { "MPI_Init", offsetof(api, init) },
    { "MPI_Finalize", offsetof(api, finalize) },
    { "MPI_Comm_rank", offsetof(api, comm_rank) },
    { "MPI_Comm_size", offsetof(api, comm_size) },
    { "MPI_Allreduce", offsetof(api, allreduce) },
    { "MPI_Bcast", offsetof(api, bcast) },
    { "MPI_Abort", offsetof(api, abort) },
    { "MPI_Comm_set_errhandler", offsetof(api, set_errhandler) },
    { "ompi_mpi_comm_world", offsetof(api, world) },
    { "ompi_mpi_float", offsetof(api, f32) },
    { "ompi_mpi_double", offsetof(api, f64) },
    { "ompi_mpi_byte", offsetof(api, byte) },
    { "ompi_mpi_op_sum", offsetof(api, sum) },
    { "ompi_mpi_errors_return", offsetof(api, errors_return) },
};

#define IN_PLACE ((void *)1) /* MPI_IN_PLACE */

bool ft_nn_ranks_told(int *rank) {
    const char *size = getenv("OMPI_COMM_WORLD_SIZE"), *mine = getenv("OMPI_COMM_WORLD_RANK");
    *rank = mine ? atoi(mine) : 0;
    return size && atoi(size) > 1;
}

static ft_err ok(int code, const char *what) {
    if (code == 0) return FT_OK;
    return FT_FAIL(FT_EPEER, "MPI: %s failed (%d): another rank may be gone", what, code);
}

ft_err ft_nn_ranks_join(ft_nn_ranks *out) {
    int rank;
    *out = (ft_nn_ranks){ .world = 1 };
    if (!ft_nn_ranks_told(&rank)) return FT_OK;
    FT_TRY(ft_lib_load(&mpi_handle, "libmpi.so.40", "libopenmpi3", &mpi, symbols,
                       sizeof symbols / sizeof *symbols));
    FT_TRY(ok(mpi.init(NULL, NULL), "joining the ranks"));
    FT_TRY(ok(mpi.set_errhandler(mpi.world, mpi.errors_return), "joining the ranks"));
    FT_TRY(ok(mpi.comm_rank(mpi.world, &out->rank), "asking for the rank"));
    FT_TRY(ok(mpi.comm_size(mpi.world, &out->world), "asking for the ranks"));
    out->api = &mpi;
    return FT_OK;
}

void ft_nn_ranks_leave(ft_nn_ranks *r, ft_err failed) {
    if (!r->api) return;
    if (failed != FT_OK && failed != FT_ECANCELED)
        mpi.abort(mpi.world, 1);
    else
        mpi.finalize();
    r->api = NULL;
}

static ft_err reduce(void *at, int64_t count, size_t each, void *type) {
    for (int64_t done = 0; done < count; done += PIECE) {
        int now = (int)(count - done < PIECE ? count - done : PIECE);
        char *to = (char *)at + (size_t)done * each;
        FT_TRY(ok(mpi.allreduce(IN_PLACE, to, now, type, mpi.sum, mpi.world), "a sum"));
    }
    return FT_OK;
}

ft_err ft_nn_ranks_sum(const ft_nn_ranks *r, double *numbers, int64_t count) {
    return r && r->api ? reduce(numbers, count, sizeof *numbers, mpi.f64) : FT_OK;
}

ft_err ft_nn_ranks_average(const ft_nn_ranks *r, float *numbers, int64_t count) {
    if (!r || !r->api) return FT_OK;
    FT_TRY(reduce(numbers, count, sizeof *numbers, mpi.f32));
    for (int64_t i = 0; i < count; i++) numbers[i] /= (float)r->world;
    return FT_OK;
}

ft_err ft_nn_ranks_mean(const ft_nn_ranks *r, double *number) {
    FT_TRY(ft_nn_ranks_sum(r, number, 1));
    if (r && r->api) *number /= r->world;
    return FT_OK;
}

ft_err ft_nn_ranks_share(const ft_nn_ranks *r, void *bytes, int64_t size_bytes) {
    if (!r || !r->api) return FT_OK;
    for (int64_t done = 0; done < size_bytes; done += PIECE) {
        int now = (int)(size_bytes - done < PIECE ? size_bytes - done : PIECE);
        FT_TRY(ok(mpi.bcast((char *)bytes + done, now, mpi.byte, 0, mpi.world), "sharing"));
    }
    return FT_OK;
}
