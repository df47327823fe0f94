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

/* The packed form of `from`: what an earlier call with the same data and key made, or `bytes` of
 * 64-aligned memory that `make` fills. Makers run one at a time. */
ft_err ft_nn_store_packed(const void **out, ft_nn_store *s, const void *from, const void *key,
                          size_t key_bytes, size_t bytes, ft_err (*make)(void *ctx, void *to),
                          void *ctx);
bool ft_nn_store_has(ft_nn_store *s, const void *from, const void *key, size_t key_bytes);
size_t ft_nn_store_bytes(ft_nn_store *s);

#endif
