/* s3_attributes.c -- GetObjectAttributes: what is known of an object, as far as it is asked for. */
#include "aws/front_in.h"
#include "aws/s3_in.h"
#include "base/check.h"
#include "store/multipart.h"

typedef enum attribute { ETAG = 1, CHECKSUM = 2, PARTS = 4, CLASS = 8, SIZE = 16 } attribute;

static const struct {
    const char *name;
    attribute bit;
} attributes[] = { { "ETag", ETAG },
                   { "Checksum", CHECKSUM },
                   { "ObjectParts", PARTS },
                   { "StorageClass", CLASS },
                   { "ObjectSize", SIZE } };

static ft_err asked_add(int *asked, ft_aws_call *c, ft_str name) {
    for (size_t i = 0; i < FT_COUNT(attributes); i++)
        if (ft_str_is(name, attributes[i].name)) {
            *asked |= attributes[i].bit;
            return FT_OK;
        }
    return ft_aws_fail(c, 400, "InvalidArgument", "Invalid attribute name specified.");
}

/* A list in one header, or one header for each. */
static ft_err asked_read(int *asked, ft_aws_call *c) {
    ft_str list = ft_aws_header_all(c->req, FT_STR("x-amz-object-attributes"));
    *asked = 0;
    while (list.len) FT_TRY(asked_add(asked, c, ft_str_trim(ft_str_cut(&list, ','))));
    if (*asked) return FT_OK;
    return ft_aws_fail(c, 400, "InvalidRequest",
                       "The x-amz-object-attributes header specifying the attributes to be "
                       "retrieved is either missing or empty");
}

/* Checksums are compared when they come and not kept: nothing is told of them, and of parts, as S3
 * does for such objects, their count. */
ft_err ft_s3_attributes(ft_aws_call *c) {
    ft_object o;
    ft_object_part part;
    ft_str bucket, key, modified;
    int asked;
    FT_TRY(ft_s3_bucket(&bucket, c));
    FT_TRY(ft_s3_key(&key, c));
    FT_TRY(asked_read(&asked, c));
    FT_TRY(ft_s3_error(c, ft_object_head(&o, c->store, c->arena, bucket, key)));
    FT_TRY(ft_s3_error(c, ft_object_part_find(&part, c->store, &o, 1)));
    FT_TRY(ft_s3_time_http(&modified, c, o.modified_us));
    ft_response_header(c->resp, "Last-Modified", modified);
    ft_xml_open_ns(&c->xml, "GetObjectAttributesResponse", FT_S3_XMLNS);
    if (asked & ETAG) ft_xml_text(&c->xml, "ETag", ft_str_of(o.etag)); /* without quotes here */
    if ((asked & PARTS) && part.count) {
        ft_xml_open(&c->xml, "ObjectParts");
        ft_xml_int(&c->xml, "PartsCount", part.count);
        ft_xml_close(&c->xml);
    }
    if (asked & CLASS) ft_xml_text(&c->xml, "StorageClass", FT_STR("STANDARD"));
    if (asked & SIZE) ft_xml_int(&c->xml, "ObjectSize", (int64_t)o.size_bytes);
    ft_xml_close(&c->xml);
    return FT_OK;
}
