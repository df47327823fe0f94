/* capture.h -- captured predictions: Model Monitor's JSON lines as the stream kind "capture"
 * (formats.md 3.11).
 *
 * Columns: time_us (order), event_id, inference_id, input_type, input, output_type, output,
 * prediction (first number of the output, or the index of the largest when there are several),
 * confidence (largest of several probabilities, else null), encoding_in, encoding_out. */
#ifndef FT_CAPTURE_H
#define FT_CAPTURE_H

#include "models/predictor.h"
#include "streams/stream.h"

extern const ft_stream_kind ft_kind_capture;

typedef struct ft_capture ft_capture; /* one per serving thread and endpoint */
ft_err ft_capture_open(ft_capture **out, ft_store *s, ft_str endpoint, ft_str variant,
                       const char *uri);
/* Write one pair: when this returns, a killed process does not lose it. `event_id` is a UUID made
 * by the caller. */
ft_err ft_capture_add(ft_capture *c, ft_str event_id, int64_t time_us, const ft_payload *in,
                      const ft_payload *out, ft_str inference_id, ft_str custom_attributes);
ft_err ft_capture_tick(ft_capture *c); /* sync every 100 ms, rotate */
ft_str ft_capture_segment(const ft_capture *c);
ft_err ft_capture_close(ft_capture *c);

#endif
