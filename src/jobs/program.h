/* program.h -- jobs that run a program of the user's, as SageMaker's training and processing
 * containers do. Two rows of the table of algorithms; status, log, stop, model, lineage and rules
 * are every job's.
 *
 * Parameters, each a text: `script` (in the source archive, run by python3 with the hyperparameters
 * as --name value) or `command` (a JSON array); `hyperparameters` and `environment` (JSON objects
 * of texts), `config` (a JSON object: each member becomes input/config/<name>.json), `places` (a
 * JSON object: channel -> path below /opt/ml), `outputs` (a JSON array of {"path", "uri"}: folders
 * that become objects when the program has ended well).
 *
 * A program that ends with another code than 0 makes the job Failed; the reason is what it left in
 * /opt/ml/output/failure (1,024 characters), else the last line it printed. It is told to stop by
 * SIGTERM and killed FT_PROGRAM_KILL_US later ($FETTLE_PROGRAM_GRACE, "2s"). */
#ifndef FT_PROGRAM_H
#define FT_PROGRAM_H

#include "models/algorithm.h"
#include "store/store.h"

#define FT_PROGRAM_KILL_US ((int64_t)120000000)

extern const ft_algorithm ft_algorithm_program;    /* training */
extern const ft_algorithm ft_algorithm_processing; /* processing */

/* Between SIGTERM and SIGKILL. FT_EPARSE. */
ft_err ft_program_grace(int64_t *out_us);
/* After the program: output/data becomes <output_uri>/<job>/output/output.tar.gz (training), the
 * `outputs` become objects. */
ft_err ft_program_upload(ft_store *s, ft_arena *arena, const char *model_dir, ft_str output_uri,
                         const ft_params *params);
/* What is left of the tree goes. */
ft_err ft_program_clean(ft_arena *arena, const char *model_dir);

#endif
