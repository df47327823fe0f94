/* aws_query_fuzz.c -- the Query protocol's form: members, lists and numbers are read as the
 * services do it. */
#include "aws/aws.h"
#include "aws/front_in.h"
#include "aws/services_in.h"
#include "base/check.h"
#include "fuzz/target.h"
#include "net/percent.h"

static const char *const paths[] = { "Action",
                                     "Name",
                                     "Tags.0.Key",
                                     "MetricData.0.Dimensions.1.Name",
                                     "MessageAttributes.0.Value.StringValue",
                                     "max-keys",
                                     "prefix" };

static void read_numbers(ft_aws_call *c, const char *path) {
    int64_t i;
    bool b;
    c->error_code = NULL;
    if (ft_aws_int(&i, c, path, -7) != FT_OK)
        FT_CHECK(c->error_code && c->error_status == 400);
    else if (!ft_aws_str(c, path).len)
        FT_CHECK(i == -7);
    c->error_code = NULL;
    if (ft_aws_bool(&b, c, path, true) != FT_OK)
        FT_CHECK(c->error_code && c->error_status == 400);
    else if (!ft_aws_str(c, path).len)
        FT_CHECK(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_arena arena = FT_ARENA_INIT((size_t)256 << 20);
    ft_aws_call c = { .service = &ft_aws_sts, .arena = &arena, .body = ft_str_n(data, size) };
    int64_t limit;
    ft_str after, decoded;
    if (size > 4096) return 0; /* lists are counted in the square of it */
    for (size_t i = 0; i < FT_COUNT(paths); i++) {
        FT_CHECK(ft_aws_str(&c, paths[i]).len <= size);
        read_numbers(&c, paths[i]);
    }
    size_t count = ft_aws_count(&c, "Tags");
    FT_CHECK(count <= size);
    if (ft_aws_page(&c, "MaxRecords", 100, 1000, &limit, &after) == FT_OK)
        FT_CHECK(limit >= 1 && limit <= 1000);
    c.error_code = NULL;
    if (ft_aws_indices_check(&c) != FT_OK) FT_CHECK(c.error_code && c.error_status == 400);
    if (ft_percent_decode(&decoded, &arena, c.body, FT_PERCENT_FORM | FT_PERCENT_NUL) == FT_OK)
        FT_CHECK(decoded.len <= size);
    ft_arena_fini(&arena);
    ft_err_clear();
    return 0;
}
