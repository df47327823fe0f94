/* cart.h -- the decision trees of a flite voice, asked with what is known already kept.
 *
 * A node of a tree asks for a feature by the path that leads to it from an item of the utterance
 * ("R:segstate.parent.n.ph_cvox": is the next sound voiced). flite reads the path letter by letter
 * at each node, for 200 frames a second; but most answers belong to the frame's state or its sound
 * and are asked for again and again. Here a feature has one number in all trees of a voice, and its
 * answer is kept as long as what it is about lasts. The leaves are the same.
 *
 * Threads: one at a time. Source: flite's headers cst_cart.h, cst_val.h. */
#ifndef FT_SPEECH_CLUSTERGEN_CART_H
#define FT_SPEECH_CLUSTERGEN_CART_H

#include "speech/flite_in.h"

/* What a feature may be about, the shortest-lived first. */
typedef enum { FT_CART_FRAME, FT_CART_STATE, FT_CART_SOUND, FT_CART_SCOPES } ft_cart_scope;

/* The features of a frame of 5 ms: it is no item of the utterance, only a place in time. */
typedef struct ft_cart_frame {
    const char *state_pos; /* "b", "m" or "e": begin, middle or end of its state */
    float state_place, state_index, state_rindex;
    float phone_place, phone_index, phone_rindex;
    float position_in_phrase; /* the phrase's number, and the share of it that is over */
} ft_cart_frame;

typedef struct ft_carts ft_carts; /* the features of a voice and their answers */
typedef struct ft_cart ft_cart;   /* one tree, owned by them */

ft_err ft_carts_new(ft_carts **out);
void ft_carts_free(ft_carts *c);

/* FT_EUNSUPPORTED: the tree asks in a way that only flite knows. */
ft_err ft_cart_add(const ft_cart **out, ft_carts *c, const cst_cart *tree);

/* Another thing of this scope (and so another of each shorter one) is asked about from here on. */
void ft_carts_next(ft_carts *c, ft_cart_scope scope);

/* The value at the leaf. `state` is an item that paths begin at; `frame` is NULL for a tree that
 * does not ask about one. */
const cst_val *ft_cart_ask(ft_carts *c, const ft_cart *tree, const cst_item *state,
                           const ft_cart_frame *frame);

#endif
