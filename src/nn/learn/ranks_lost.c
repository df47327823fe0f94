/* ranks_lost.c -- is a rank of this mpirun gone? mpirun ends the other ranks by the same SIGTERM
 * that it sends when its user interrupts it; a rank that has no process any more tells them apart.
 * Linux's /proc, where a process that has ended has no environment. See ranks.h. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "nn/learn/ranks.h"

#define ENVIRON_BYTES ((size_t)256 << 10)
#define RANKS_MAX     1024

/* The value of NAME= in a process' environment. */
static const char *value_of(const char *all, size_t size, const char *name) {
    size_t len = strlen(name);
    for (const char *at = all; at < all + size; at += strlen(at) + 1)
        if (strncmp(at, name, len) == 0 && at[len] == '=') return at + len + 1;
    return NULL;
}

/* -1: none of this mpirun. */
static int rank_of(const char *pid, const char *space, char *room) {
    char path[300];
    snprintf(path, sizeof path, "/proc/%s/environ", pid);
    FILE *f = fopen(path, "rb");
    if (!f) return -1;
    size_t size = fread(room, 1, ENVIRON_BYTES - 1, f);
    fclose(f);
    room[size] = 0;
    const char *theirs = value_of(room, size, "PMIX_NAMESPACE");
    const char *rank = value_of(room, size, "OMPI_COMM_WORLD_RANK");
    return theirs && rank && strcmp(theirs, space) == 0 ? atoi(rank) : -1;
}

static int seen_count(bool *seen, const char *space, char *room) {
    int count = 0;
    DIR *d = opendir("/proc");
    for (struct dirent *e; d && (e = readdir(d));) {
        int rank =
            e->d_name[0] >= '1' && e->d_name[0] <= '9' ? rank_of(e->d_name, space, room) : -1;
        if (rank < 0 || rank >= RANKS_MAX || seen[rank]) continue;
        seen[rank] = true;
        count++;
    }
    if (d) closedir(d);
    return count;
}

int ft_nn_ranks_lost(void) {
    const char *space = getenv("PMIX_NAMESPACE"), *here = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    const char *all = getenv("OMPI_COMM_WORLD_SIZE");
    bool seen[RANKS_MAX] = { false };
    int lost = -1;
    if (!space || !here || !all || atoi(all) > RANKS_MAX) return -1;
    char *room = malloc(ENVIRON_BYTES);
    if (!room) return -1;
    /* Ranks of other machines are not seen: which one it is, is known with all of them here. */
    if (seen_count(seen, space, room) < atoi(here))
        for (int i = atoi(all) - 1; i >= 0; i--)
            if (!seen[i]) lost = i;
    free(room);
    return lost;
}
