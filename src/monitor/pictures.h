/* pictures.h -- picture endpoints in the monitor's terms: a request with a picture is a row of its
 * measures (media/measure.h) and the confidence of its answer, so that statistics, constraints and
 * drift say of pictures what they say of tables.
 *
 * Threads and memory: as the store and arena that are given. */
#ifndef FT_MONITOR_PICTURES_H
#define FT_MONITOR_PICTURES_H

#include "media/measure.h"
#include "models/predictor.h"
#include "monitor/answer.h"
#include "store/store.h"

#define FT_PICTURE_FEATURES (FT_MEASURES + 1)
/* "brightness" … "colour_grain", "confidence" */
const char *ft_picture_feature(size_t i);

bool ft_is_picture(const ft_payload *in);
/* NaN for a confidence that the answer does not tell. FT_ECORRUPT … for a picture that cannot be
 * read. */
ft_err ft_picture_row(float out[FT_PICTURE_FEATURES], const ft_payload *in,
                      const ft_answer *answer);

/* The endpoint's baseline from a folder of pictures (labels are not needed), as `model` answers
 * them; and the rule PerturbedInputs with the grains that few of them exceed. What is no picture is
 * passed over and counted. FT_EINVAL for a folder without pictures. Pictures that the model was
 * trained on make it look surer than it is: give others. `most` 0: all. */
ft_err ft_monitor_baseline_pictures(ft_store *s, ft_str endpoint, const char *folder,
                                    const ft_model *model, size_t most, size_t *pictures,
                                    size_t *others);

#endif
