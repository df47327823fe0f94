/* answer.h -- what a predictor's answer says, row by row: a number or a class.
 *
 * Reads text/csv (a line a row; several values on a line are the scores of its classes) and JSON:
 * {"predictions":[…]}, [[…]], […], a number, a line of any of these for each row; an item is a
 * number, a list of scores, or an object with "score" or "predicted_label". A plain list of numbers
 * that are probabilities with sum 1 is the scores of one row, any other list one number a row. */
#ifndef FT_ANSWER_H
#define FT_ANSWER_H

#include "models/predictor.h"

typedef struct ft_answer {
    double prediction; /* the number, or the number of the class with the largest score; NaN: not a
                          number */
    double confidence; /* the largest of several scores when they are probabilities, else NaN */
    size_t scores;     /* that it was chosen from; 0: it was told as it is */
} ft_answer;

/* All rows into the arena. What cannot be read gives no rows, never an error; FT_ENOMEM. An empty
 * content type is guessed from the first byte. */
ft_err ft_answer_rows(ft_answer **out, size_t *count, const ft_payload *answer, ft_arena *arena);

/* What a predictor's scores of one row say. */
ft_answer ft_answer_of(const float *scores, size_t count);

/* What the answers of a model mean. */
typedef enum ft_answers {
    FT_ANSWERS_NUMBER,  /* a quantity */
    FT_ANSWERS_BINARY,  /* the probability of class 1 */
    FT_ANSWERS_CLASSES, /* a class, or the scores of classes */
} ft_answers;
/* By the objective that the model describes, else by the number of its scores. */
ft_answers ft_answers_of(const ft_model *m);
/* The class that an answer chooses; -1 when it chooses none. */
int ft_answer_class(ft_answers kind, const ft_answer *answer);

#endif
