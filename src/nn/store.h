/* store.h -- weights in the layouts that kernels want, made once a model and shared by its
 * sessions. A packed weight is found by the constant that it was made from and the key that
 * describes the layout.
 *
 * Threads: any. Ownership: the store's; packed weights live until it is freed. */
#ifndef FT_NN_STORE_H
#define FT_NN_STORE_H

#include "base/array.h"
#include "base/err.h"

typedef struct ft_nn_store ft_nn_store;

ft_err ft_nn_store_new(ft_nn_store **out);
void ft_nn_store_free(ft_nn_store *s); /* fine on NULL */

/* How packed weights are made: `make` fills `to` (64-aligned, bytes) and may work in `scratch`
 * (64-aligned, scratch_bytes). Makers run one at a time. */
typedef struct ft_nn_packer {
    size_t bytes, scratch_bytes;
    ft_err (*make)(void *ctx, void *to, void *scratch);
    void *ctx;
} ft_nn_packer;

/* The packed form of `from`: what an earlier call with the same data and key made, or what `packer`
 * makes now. */
ft_err ft_nn_store_packed(const void **out, ft_nn_store *s, const void *from, const void *key,
                          size_t key_bytes, const ft_nn_packer *packer);
void ft_nn_store_settle(ft_nn_store *s); /* scratch is given back: packing is done for now */
size_t ft_nn_store_bytes(ft_nn_store *s);

#endif
