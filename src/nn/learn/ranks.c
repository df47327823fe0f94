/* ranks.c -- see ranks.h. OpenMPI 4's C interface, whose constants are addresses of its symbols
 * (https://www.open-mpi.org/doc/v4.1/). */
#include "nn/learn/ranks.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/lib.h"

#define PIECE     ((int64_t)1 << 24) /* items a call */
#define WHY_BYTES 1024               /* of a rank's sentence */

typedef struct api {
    int (*init)(int *argc, char ***argv);
    int (*finalize)(void);
    int (*comm_rank)(void *comm, int *rank);
    int (*comm_size)(void *comm, int *size);
    int (*allreduce)(const void *from, void *to, int count, void *type, void *op, void *comm);
    int (*bcast)(void *at, int count, void *type, int root, void *comm);
    int (*abort)(void *comm, int code);
    int (*set_errhandler)(void *comm, void *handler);
    void *world, *f32, *f64, *byte, *sum, *max, *errors_return;
} api;

/* What a rank that failed tells the others. */
typedef struct failure {
    ft_err code;
    char why[WHY_BYTES];
} failure;

static api mpi;
static ft_err gone; /* a rank's failure, that all have heard of */
static int gone_rank;
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
    { "ompi_mpi_op_max", offsetof(api, max) },
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

/* Before whatever all do together, all say whether they are well: a rank that failed says so here,
 * and its sentence, wherever the others are. Without this they would wait for it for ever. The
 * lowest of several is heard. */
static ft_err agree(const ft_nn_ranks *r, ft_err mine) {
    double who = mine == FT_OK ? 0 : r->world - r->rank;
    failure f = { .code = mine };
    if (gone != FT_OK) return gone;
    FT_TRY(ok(mpi.allreduce(IN_PLACE, &who, 1, mpi.f64, mpi.max, mpi.world), "a step"));
    if (!(who > 0)) return FT_OK;
    gone_rank = r->world - (int)who;
    bool self = gone_rank == r->rank;
    if (self) snprintf(f.why, sizeof f.why, "%s", ft_err_why());
    FT_TRY(ok(mpi.bcast(&f, sizeof f, mpi.byte, gone_rank, mpi.world), "telling a failure"));
    f.why[WHY_BYTES - 1] = 0;
    gone = f.code > FT_OK && f.code < FT_ERR_COUNT ? f.code : FT_EPEER;
    if (self || mine != FT_OK) return mine;
    return FT_FAIL(gone, "rank %d: %s", gone_rank, f.why);
}

ft_err ft_nn_ranks_leave(ft_nn_ranks *r, ft_err failed) {
    if (!r->api) return failed;
    bool fails = failed != FT_OK && failed != FT_ECANCELED;
    ft_err told = gone != FT_OK ? FT_OK : agree(r, fails ? failed : FT_OK);
    if (told == FT_OK || gone != FT_OK)
        mpi.finalize();
    else
        mpi.abort(mpi.world, 1); /* the others cannot be told */
    r->api = NULL;
    if (fails) return r->rank > 0 && gone != FT_OK ? FT_ECANCELED : failed;
    return gone != FT_OK && r->rank == 0 ? told : failed;
}

static ft_err reduce(const ft_nn_ranks *r, void *at, int64_t count, size_t each, void *type) {
    FT_TRY(agree(r, FT_OK));
    for (int64_t done = 0; done < count; done += PIECE) {
        int now = (int)(count - done < PIECE ? count - done : PIECE);
        char *to = (char *)at + (size_t)done * each;
        FT_TRY(ok(mpi.allreduce(IN_PLACE, to, now, type, mpi.sum, mpi.world), "a sum"));
    }
    return FT_OK;
}

ft_err ft_nn_ranks_sum(const ft_nn_ranks *r, double *numbers, int64_t count) {
    return r && r->api ? reduce(r, numbers, count, sizeof *numbers, mpi.f64) : FT_OK;
}

ft_err ft_nn_ranks_average(const ft_nn_ranks *r, float *numbers, int64_t count) {
    if (!r || !r->api) return FT_OK;
    FT_TRY(reduce(r, numbers, count, sizeof *numbers, mpi.f32));
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
    FT_TRY(agree(r, FT_OK));
    for (int64_t done = 0; done < size_bytes; done += PIECE) {
        int now = (int)(size_bytes - done < PIECE ? size_bytes - done : PIECE);
        FT_TRY(ok(mpi.bcast((char *)bytes + done, now, mpi.byte, 0, mpi.world), "sharing"));
    }
    return FT_OK;
}
