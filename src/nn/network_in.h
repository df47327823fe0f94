/* network_in.h -- what the files of network.h share. Private to nn. */
#ifndef FT_NN_NETWORK_IN_H
#define FT_NN_NETWORK_IN_H

#include "nn/network.h"

typedef struct ft_nn_told { /* what network.json says */
    ft_str arch;
    int64_t classes, size, channels;
    bool has_mean, has_std, has_range, has_fit, has_softmax;
} ft_nn_told;

/* network.json and labels.txt beside `file`; FT_EPARSE with line and column. */
ft_err ft_nn_told_read(ft_nn_network *n, ft_nn_told *t, const char *file);
/* What nobody told: the zoo's own; else 0 to 255 for integer inputs and 0 to 1 for others. */
void ft_nn_looks_complete(ft_nn_network *n, const ft_nn_told *t);
/* FT_ECONFLICT: labels that are not as many as the classes name the wrong ones. */
ft_err ft_nn_labels_check(const ft_nn_network *n, const char *file);

#endif
