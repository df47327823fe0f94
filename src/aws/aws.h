/* aws.h -- the AWS front door: the services that people's code already speaks, on Fettle's one
 * port.
 *
 * This room translates and holds no logic of its own. A service is one row (how its requests are
 * told, its protocol), an operation is one row and one function that calls a room below. Member
 * names, error codes and message texts are AWS's, since clients branch on them
 * (formats.md 1.14, 2.5).
 *
 * A request's way: ft_aws_front (is it for AWS at all?) -> service -> signature -> operation ->
 * required members -> function
 * -> answer or error in the service's protocol. */
#ifndef FT_AWS_H
#define FT_AWS_H

#include "base/xml.h"
#include "base/arena.h"
#include "base/json.h"
#include "net/server.h"
#include "store/store.h"

typedef enum ft_aws_protocol {
    FT_AWS_JSON_1_0,
    FT_AWS_JSON_1_1,
    FT_AWS_REST_JSON,
    FT_AWS_REST_XML,
    FT_AWS_QUERY
} ft_aws_protocol;

typedef struct ft_aws_call ft_aws_call;

typedef struct ft_aws_op {
    const char *name;   /* "CreateModel" */
    const char *method; /* REST: "POST"; NULL otherwise */
    const char *path;   /* REST: "/endpoints/{EndpointName}/invocations" */
    const char
        *query; /* REST: selected by these query names, "uploadId&partNumber"; NULL: none needed */
    const char *header; /* REST: selected by this header, "x-amz-copy-source"; NULL: none needed */
    const char *required; /* members that must be there: "ModelName|ExecutionRoleArn"; NULL: none */
    bool raw;             /* the function fills call->resp itself (bodies that are not documents) */
    ft_err (*run)(ft_aws_call *call);
} ft_aws_op;

typedef struct ft_aws_service {
    const char *name;   /* in the credential scope: "sagemaker" */
    const char *title;  /* for people: "SageMaker" */
    const char *target; /* X-Amz-Target's prefix, "SageMaker"; NULL when it has none */
    ft_aws_protocol protocol;
    const char *xmlns;     /* QUERY and REST_XML */
    const char *version;   /* QUERY: the API version that requests carry */
    const ft_aws_op *ops;  /* ends with a NULL name */
    const ft_aws_op *also; /* a second table, for a service in two halves; NULL: none */
    const char *absent;    /* the service's room does not exist yet: a sentence; ops is NULL then */
    ft_err (*prepare)(ft_store *s); /* makes its tables (ft_db_migrate); NULL: it has none */
    ft_err (*chore)(ft_store *s);   /* done about every 250 ms by the server; NULL: nothing */
    void (*chore_end)(void);        /* after the last, its store still open; NULL: nothing */
} ft_aws_service;

struct ft_aws_call {
    const ft_aws_service *service;
    const ft_aws_op *op;
    ft_request *req;
    ft_response *resp;
    ft_store *store;
    ft_arena *arena; /* the request's */
    void *state;     /* what the op's body receiver made, for streamed bodies */
    ft_str path[8];  /* REST: the pattern's {names} in order, decoded */
    int path_count;
    ft_str region, access_key, secret;
    char request_id[40];
    ft_str body; /* decoded: JSON text or form */
    /* Answers: JSON members go into `json` (an object is open); XML elements into `xml` (the result
     * element is open). */
    ft_json_out json;
    ft_xml_out xml;
    ft_buf out;
    /* Error: set by ft_aws_fail. */
    int error_status;
    const char *error_code;
    ft_str error_message;
    struct {
        const char *name;
        ft_str json;
    } extra[4]; /* further members of a JSON error (ModelError's OriginalStatusCode …) */
    int extra_count;
};

/* ---- request members. JSON and QUERY alike: a member by its path, "PrimaryContainer.Image",
 * "Tags.0.Key" (QUERY's "Tags.member.1.Key" is read by the same path). at == NULL when absent or
 * null. */
ft_str ft_aws_str(ft_aws_call *c, const char *path);
/* Raw JSON text of a member, for what is stored and given back as it was. JSON protocols only. */
ft_str ft_aws_raw(ft_aws_call *c, const char *path);
/* `fallback` when absent; a member of another type is a SerializationException. */
ft_err ft_aws_int(int64_t *out, ft_aws_call *c, const char *path, int64_t fallback);
ft_err ft_aws_bool(bool *out, ft_aws_call *c, const char *path, bool fallback);
/* Number of items of a list member; a form's are counted from 1 to the first that is missing. */
#define FT_AWS_ITEMS_MAX 10000 /* in a form */
size_t ft_aws_count(ft_aws_call *c, const char *path);

/* ---- answers, JSON */
void ft_aws_put(ft_aws_call *c, const char *name, ft_str value); /* omitted when value.at == NULL */
void ft_aws_put_raw(ft_aws_call *c, const char *name, ft_str json); /* omitted when empty */
void ft_aws_put_int(ft_aws_call *c, const char *name, int64_t value);
void ft_aws_put_bool(ft_aws_call *c, const char *name, bool value);
void ft_aws_put_time(ft_aws_call *c, const char *name,
                     int64_t us); /* epoch seconds; omitted when 0 */

/* ---- failing in AWS's words. Returns an ft_err to pass on. */
ft_err ft_aws_fail(ft_aws_call *c, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* "arn:aws:sagemaker:<region>:<account>:endpoint/<name>" in the arena. */
ft_str ft_aws_arn(ft_aws_call *c, const char *service, const char *resource, ft_str name);
/* Paging: NextToken is the last item's name, opaque to clients; `limit` from the member or the
 * default. */
ft_err ft_aws_page(ft_aws_call *c, const char *limit_member, int64_t limit_default,
                   int64_t limit_max, int64_t *limit, ft_str *after);

#define FT_AWS_ACCOUNT "123456789012" /* the one account of this machine */

/* ---- the front. Once before serving: the tables of this room and its services. */
ft_err ft_aws_prepare(ft_store *s);
/* Given to the server as `chore`: what the front door does beside the requests. */
ft_err ft_aws_chore(ft_store *s);
/* Given to the server as `chore_end`. */
void ft_aws_chore_end(void);
/* Given to ft_schedules_use (monitor/schedule.h): schedules with a monitor of the user's. */
struct ft_schedule_program;
extern const struct ft_schedule_program ft_aws_monitor_program;
/* Given to the server as `front`. A route for AWS requests, NULL for others. */
const ft_route *ft_aws_front(const ft_request *req, void *app);
/* Given to the server as `behind`: what asks for a bucket that there is, without a signature. */
const ft_route *ft_aws_behind(const ft_request *req, void *app);
extern const ft_aws_service *const ft_aws_services[]; /* ends with NULL; in services.c */

/* Who may call: access keys are rows. */
typedef struct ft_aws_key {
    ft_str id, secret, note;
    int64_t created_us;
} ft_aws_key;
ft_err ft_aws_key_add(ft_aws_key *out, ft_store *s, ft_arena *arena, ft_str id,
                      ft_str note); /* id empty: made */
/* With its secret; an empty id gives the newest. FT_ENOTFOUND. */
ft_err ft_aws_key_get(ft_aws_key *out, ft_store *s, ft_arena *arena, ft_str id);
/* Without secrets, oldest first. */
ft_err ft_aws_key_list(ft_aws_key **out, size_t *count, ft_store *s, ft_arena *arena);
ft_err ft_aws_key_remove(ft_store *s, ft_str id);

#endif
