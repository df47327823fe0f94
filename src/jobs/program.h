/* program.h -- jobs that run a program of the user's, as SageMaker's training and processing
 * containers do. Two rows of the table of algorithms; status, log, stop, model, lineage and rules
 * are every job's.
 *
 * Parameters, each a text: `script` (in the source archive, run by python3 with the hyperparameters
 * as --name value) or `command` and `arguments` (JSON arrays); `image`, which podman runs, with the
 * command instead of its own entry point; `hyperparameters` and `environment` (JSON objects of
 * texts), `config` (a JSON object: each member becomes input/config/<name>.json), `places` (a JSON
 * object: channel -> path below /opt/ml), `outputs` (a JSON array of {"path", "uri"}: folders that
 * become objects when the program has ended well), `hosts` (how many processes share the work, each
 * with a tree of its own), `checkpoint_uri` and `checkpoint_path` (a folder below /opt/ml that is
 * filled from objects at the start and kept as objects while the program runs).
 *
 * What the program leaves in /opt/ml/output/tensors by smdebug's own hook becomes the job's trial
 * while it runs, so that rules see it. A requirements.txt beside a script is fulfilled before it
 * (ft_container_require).
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
 * `outputs` become objects. What it left in output/message and output/metrics/cloudwatch is kept in
 * the job's folder. */
ft_err ft_program_upload(ft_store *s, ft_arena *arena, const char *model_dir, ft_str output_uri,
                         const ft_params *params);
/* /opt/ml/output/message, trimmed, at most 1,024 characters; empty: none. */
ft_err ft_program_message(ft_str *out, ft_store *s, ft_arena *arena, ft_str job);
/* The lines of /opt/ml/output/metrics/cloudwatch/ (.jsonl), one JSON object each; empty: none. */
ft_err ft_program_metrics(ft_str *out, ft_store *s, ft_arena *arena, ft_str job);
/* What is left of the tree goes. */
ft_err ft_program_clean(ft_arena *arena, const char *model_dir);

#endif
