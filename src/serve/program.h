/* program.h -- models that are programs of the user's: the predictor "program".
 *
 * A program is served by SageMaker's contract of inference containers: it is started with the word
 * "serve", listens on the port $SAGEMAKER_BIND_TO_PORT (another that it listens on is found),
 * answers GET /ping with 200 when it is ready and POST /invocations from then on; its model lies
 * at /opt/ml/model. It runs beside the server under supervision: when it dies it is started again
 * (after 100 ms, doubling to 10 s), requests wait meanwhile; what it prints goes to the stream
 * "log", key "endpoint/<name>". It has a copy of the model's files, so it can change nothing
 * else's.
 *
 * What is one: a folder with FT_PROGRAM_SPEC, which says all; a folder with "serve" or
 * "code/serve", which is run; a folder with "code/inference.py", whose model_fn, input_fn,
 * predict_fn, output_fn or transform_fn are called by our own server (inference.py) in the user's
 * Python.
 *
 * Source: docs.aws.amazon.com/sagemaker, "Use Your Own Inference Code with Hosting Services";
 * sagemaker-inference-toolkit's README. */
#ifndef FT_SERVE_PROGRAM_H
#define FT_SERVE_PROGRAM_H

#include "models/predictor.h"

#define FT_PROGRAM_SPEC  "fettle-program.json"
#define FT_MODEL_START_S 240                 /* from its start to its first answer to /ping */
#define FT_MODEL_ASK_US  ((int64_t)60000000) /* for one answer; $FETTLE_MODEL_ASK ("2s") */

extern const ft_predictor ft_predictor_program;

typedef enum ft_program_run {
    FT_PROGRAM_SCRIPT, /* `program` is a Python file of the code folder */
    FT_PROGRAM_FILE,   /* `program` is run: a path of this machine, or "serve" in the model's folder
                        */
    FT_PROGRAM_IMAGE   /* `image` is run by podman */
} ft_program_run;

typedef struct ft_program_spec {
    ft_program_run run;
    ft_str image; /* as it was asked for */
    ft_str program;
    ft_str framework; /* FT_PROGRAM_SCRIPT: "pytorch", "mxnet", "sklearn", "xgboost" */
    ft_str data;      /* the model's files: a folder, relative to the one of the spec; or empty */
    ft_str source;    /* an archive of code, relative as well; or empty */
    ft_str environment_json; /* an object of texts */
    int64_t start_s;         /* 0: $FETTLE_MODEL_START ("5s"), FT_MODEL_START_S */
} ft_program_spec;
/* As JSON, for FT_PROGRAM_SPEC. */
ft_err ft_program_spec_write(ft_str *json, ft_arena *arena, const ft_program_spec *spec);
/* What the model at `path` says, or what its folder means. Texts in the arena. */
ft_err ft_program_spec_read(ft_program_spec *spec, ft_arena *arena, const char *path);
/* How long it may take to start, and for one answer. FT_EPARSE for a variable that is no time. */
ft_err ft_program_start_time(int64_t *out_us, const ft_program_spec *spec);
ft_err ft_program_ask_time(int64_t *out_us);

/* Folders that a killed server left behind go. Before the first start. */
ft_err ft_programs_begin(const char *home);
/* Every program is told to end; returns when all have. None is started afterwards, until
 * ft_programs_begin. */
void ft_programs_end(void);

#endif
