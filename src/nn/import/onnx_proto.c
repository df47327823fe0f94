/* onnx_proto.c -- the messages of an ONNX model as structs. Field numbers: onnx.proto. See
 * onnx_in.h. */
#include "base/check.h"
#include "base/protobuf.h"
#include "nn/import/onnx_in.h"

static ft_err wrong_type(const char *where, const ft_proto_field *f) {
    return FT_FAIL(FT_ECORRUPT, "field %u of %s has another type than the format's", f->number,
                   where);
}
#define WANT(field, kind, where)                                          \
    do {                                                                  \
        if ((field)->type != (kind)) return wrong_type((where), (field)); \
    } while (0)

static ft_err text_of(ft_str *out, const ft_proto_field *f, const char *where) {
    WANT(f, FT_PROTO_BYTES, where);
    if (!ft_str_utf8(f->bytes)) return FT_FAIL(FT_ECORRUPT, "a name in %s is not UTF-8", where);
    *out = f->bytes;
    return FT_OK;
}

/* Number of fields `number` in a message. */
static ft_err fields_count(size_t *out, ft_str bytes, uint32_t number) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    *out = 0;
    while (ft_proto_next(&p, &f)) *out += f.number == number;
    return p.err;
}

/* ---- attributes */

/* A repeated number, packed or one by one. */
static ft_err ints_add(onnx_attr *a, ft_arena *arena, size_t *capacity, const ft_proto_field *f) {
    ft_str rest = f->bytes;
    uint64_t v = f->value;
    if (f->type != FT_PROTO_VARINT && f->type != FT_PROTO_BYTES)
        return wrong_type("an attribute", f);
    bool packed = f->type == FT_PROTO_BYTES;
    while (!packed || rest.len) {
        if (packed && !ft_proto_varint(&v, &rest))
            return FT_FAIL(FT_ECORRUPT, "an attribute ends within a number");
        if (a->count == *capacity) {
            int64_t *more;
            size_t room = *capacity ? *capacity * 2 : 8;
            FT_TRY(ft_arena_items(&more, arena, room));
            if (a->count) memcpy(more, a->ints, a->count * sizeof *more);
            a->ints = more;
            *capacity = room;
        }
        a->ints[a->count++] = (int64_t)v;
        if (!packed) break;
    }
    return FT_OK;
}

static ft_err floats_add(onnx_attr *a, ft_arena *arena, size_t *capacity, const ft_proto_field *f) {
    if (f->type != FT_PROTO_32 && f->type != FT_PROTO_BYTES) return wrong_type("an attribute", f);
    if (f->bytes.len % sizeof(float))
        return FT_FAIL(FT_ECORRUPT, "an attribute ends within a number");
    size_t n = f->bytes.len / sizeof(float);
    if (a->count + n > *capacity) {
        float *more;
        size_t room = (a->count + n) * 2;
        FT_TRY(ft_arena_items(&more, arena, room));
        if (a->count) memcpy(more, a->floats, a->count * sizeof *more);
        a->floats = more;
        *capacity = room;
    }
    if (n) memcpy(a->floats + a->count, f->bytes.at, f->bytes.len);
    a->count += n;
    return FT_OK;
}

/* Files without `type` (IR version 1) tell it by the field that is there. */
static onnx_attr_type type_of_field(uint32_t number) {
    static const onnx_attr_type types[] = {
        [2] = ONNX_FLOAT, [3] = ONNX_INT,    [4] = ONNX_STRING, [5] = ONNX_TENSOR,
        [6] = ONNX_GRAPH, [7] = ONNX_FLOATS, [8] = ONNX_INTS,   [9] = ONNX_STRINGS
    };
    return number >= 2 && number <= 9 ? types[number] : ONNX_OTHER;
}

static ft_err attr_field(onnx_attr *a, ft_arena *arena, size_t *capacity, const ft_proto_field *f,
                         size_t strings) {
    switch (f->number) {
    case 1:
        return text_of(&a->name, f, "an attribute");
    case 2:
        WANT(f, FT_PROTO_32, "an attribute");
        memcpy(&a->f, f->bytes.at, sizeof a->f);
        return FT_OK;
    case 3:
        WANT(f, FT_PROTO_VARINT, "an attribute");
        a->i = (int64_t)f->value;
        return FT_OK;
    case 4:
    case 5:
    case 6:
        WANT(f, FT_PROTO_BYTES, "an attribute");
        a->bytes = f->bytes;
        return FT_OK;
    case 7:
        return floats_add(a, arena, capacity, f);
    case 8:
        return ints_add(a, arena, capacity, f);
    case 9:
        WANT(f, FT_PROTO_BYTES, "an attribute");
        if (!a->strings) FT_TRY(ft_arena_items(&a->strings, arena, strings));
        a->strings[a->count++] = f->bytes;
        return FT_OK;
    case 20:
        WANT(f, FT_PROTO_VARINT, "an attribute");
        a->type = f->value >= 1 && f->value <= 8 ? (onnx_attr_type)f->value : ONNX_OTHER;
        return FT_OK;
    case 21:
        return text_of(&a->ref, f, "an attribute");
    default:
        return FT_OK;
    }
}

/* The list that the type does not name must not be there. */
static ft_err attr_read(onnx_attr *a, ft_arena *arena, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    size_t capacity = 0, strings;
    uint32_t list = 0;
    *a = (onnx_attr){ .type = 0 };
    onnx_attr_type seen = ONNX_OTHER;
    FT_TRY(fields_count(&strings, bytes, 9));
    while (ft_proto_next(&p, &f)) {
        if (f.number >= 7 && f.number <= 9) {
            if (list && list != f.number)
                return FT_FAIL(FT_ECORRUPT, "an attribute holds two lists");
            list = f.number;
        }
        FT_TRY(attr_field(a, arena, &capacity, &f, strings));
        if (type_of_field(f.number) != ONNX_OTHER) seen = type_of_field(f.number);
    }
    FT_TRY(p.err);
    if (a->type == 0) a->type = seen;
    if (list && a->type != ONNX_OTHER && type_of_field(list) != a->type)
        return FT_FAIL(FT_ECORRUPT, "attribute '%.*s' does not hold what its type says",
                       FT_STR_ARG(a->name));
    return FT_OK;
}

static ft_err attrs_read(onnx_attr **out, size_t *count, ft_arena *arena, ft_str bytes,
                         uint32_t number) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    size_t at = 0;
    FT_TRY(fields_count(count, bytes, number));
    FT_TRY(ft_arena_items(out, arena, *count));
    while (ft_proto_next(&p, &f)) {
        if (f.number != number) continue;
        WANT(&f, FT_PROTO_BYTES, "a node");
        FT_TRY(attr_read(&(*out)[at++], arena, f.bytes));
    }
    return p.err;
}

/* All texts of one field. */
static ft_err texts_read(ft_str **out, size_t *count, ft_arena *arena, ft_str bytes,
                         uint32_t number, const char *where) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    size_t at = 0;
    FT_TRY(fields_count(count, bytes, number));
    FT_TRY(ft_arena_items(out, arena, *count));
    while (ft_proto_next(&p, &f)) {
        if (f.number == number) FT_TRY(text_of(&(*out)[at++], &f, where));
    }
    return p.err;
}

/* ---- nodes */

static ft_err node_read(onnx_node *n, ft_arena *arena, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    *n = (onnx_node){ 0 };
    FT_TRY(texts_read(&n->in, &n->in_count, arena, bytes, 1, "a node"));
    FT_TRY(texts_read(&n->out, &n->out_count, arena, bytes, 2, "a node"));
    while (ft_proto_next(&p, &f)) {
        if (f.number == 3) FT_TRY(text_of(&n->name, &f, "a node"));
        if (f.number == 4) FT_TRY(text_of(&n->op, &f, "a node"));
        if (f.number == 7) FT_TRY(text_of(&n->domain, &f, "a node"));
    }
    FT_TRY(p.err);
    FT_TRY(attrs_read(&n->attrs, &n->attr_count, arena, bytes, 5));
    while (n->in_count && n->in[n->in_count - 1].len == 0) n->in_count--;
    while (n->out_count > 1 && n->out[n->out_count - 1].len == 0) n->out_count--;
    for (size_t i = 0; n->name.len == 0 && i < n->out_count; i++) n->name = n->out[i];
    if (n->op.len == 0)
        return FT_FAIL(FT_ECORRUPT, "node '%.*s' names no operation", FT_STR_ARG(n->name));
    return FT_OK;
}

static ft_err nodes_read(onnx_node **out, size_t *count, ft_arena *arena, ft_str bytes,
                         uint32_t number) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    size_t at = 0;
    FT_TRY(fields_count(count, bytes, number));
    if (*count > FT_NN_ONNX_NODES_MAX)
        return FT_FAIL(FT_ETOOBIG, "more than %d nodes", FT_NN_ONNX_NODES_MAX);
    FT_TRY(ft_arena_items(out, arena, *count));
    while (ft_proto_next(&p, &f)) {
        if (f.number != number) continue;
        WANT(&f, FT_PROTO_BYTES, "a graph");
        FT_TRY(node_read(&(*out)[at++], arena, f.bytes));
    }
    return p.err;
}

/* ---- values: inputs and outputs */

static ft_err shape_read(onnx_value *v, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f, size;
    v->ndim = 0;
    while (ft_proto_next(&p, &f)) {
        if (f.number != 1) continue;
        WANT(&f, FT_PROTO_BYTES, "a shape");
        if (v->ndim == FT_ARRAY_DIMS_MAX)
            return FT_FAIL(FT_EUNSUPPORTED, "'%.*s' has more than %d dimensions",
                           FT_STR_ARG(v->name), FT_ARRAY_DIMS_MAX);
        ft_proto dim = { .rest = f.bytes };
        int64_t *to = &v->shape[v->ndim++];
        *to = FT_NN_DIM_ANY;
        while (ft_proto_next(&dim, &size)) {
            if (size.number != 1) continue;
            WANT(&size, FT_PROTO_VARINT, "a shape");
            if ((int64_t)size.value < -1)
                return FT_FAIL(FT_ECORRUPT, "'%.*s' has a size of %lld", FT_STR_ARG(v->name),
                               (long long)size.value);
            *to = (int64_t)size.value;
        }
        FT_TRY(dim.err);
    }
    return p.err;
}

static ft_err type_read(onnx_value *v, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f, t;
    while (ft_proto_next(&p, &f)) {
        if (f.number == 6) continue; /* denotation */
        WANT(&f, FT_PROTO_BYTES, "a type");
        if (f.number != 1) {
            v->type = -1;
            continue;
        }
        ft_proto tensor = { .rest = f.bytes };
        while (ft_proto_next(&tensor, &t)) {
            if (t.number == 1) {
                WANT(&t, FT_PROTO_VARINT, "a type");
                v->type = t.value <= INT16_MAX ? (int)t.value : INT16_MAX;
            } else if (t.number == 2) {
                WANT(&t, FT_PROTO_BYTES, "a type");
                FT_TRY(shape_read(v, t.bytes));
            }
        }
        FT_TRY(tensor.err);
    }
    return p.err;
}

static ft_err value_read(onnx_value *v, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    *v = (onnx_value){ .ndim = -1 };
    while (ft_proto_next(&p, &f)) {
        if (f.number == 1) FT_TRY(text_of(&v->name, &f, "a value"));
    }
    FT_TRY(p.err);
    p = (ft_proto){ .rest = bytes };
    while (ft_proto_next(&p, &f)) {
        if (f.number != 2) continue;
        WANT(&f, FT_PROTO_BYTES, "a value");
        FT_TRY(type_read(v, f.bytes));
    }
    return p.err;
}

static ft_err values_read(onnx_value **out, size_t *count, ft_arena *arena, ft_str bytes,
                          uint32_t number) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    size_t at = 0;
    FT_TRY(fields_count(count, bytes, number));
    FT_TRY(ft_arena_items(out, arena, *count));
    while (ft_proto_next(&p, &f)) {
        if (f.number != number) continue;
        WANT(&f, FT_PROTO_BYTES, "a graph");
        FT_TRY(value_read(&(*out)[at++], f.bytes));
    }
    return p.err;
}

/* ---- graph, function, model */

ft_err onnx_graph_read(onnx_graph *out, ft_arena *arena, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    size_t at = 0, sparse;
    *out = (onnx_graph){ 0 };
    FT_TRY(nodes_read(&out->nodes, &out->node_count, arena, bytes, 1));
    FT_TRY(values_read(&out->inputs, &out->input_count, arena, bytes, 11));
    FT_TRY(values_read(&out->outputs, &out->output_count, arena, bytes, 12));
    FT_TRY(fields_count(&out->tensor_count, bytes, 5));
    FT_TRY(fields_count(&sparse, bytes, 15));
    FT_TRY(ft_arena_items(&out->tensors, arena, out->tensor_count));
    while (ft_proto_next(&p, &f)) {
        if (f.number == 2) FT_TRY(text_of(&out->name, &f, "a graph"));
        if (f.number != 5) continue;
        WANT(&f, FT_PROTO_BYTES, "a graph");
        out->tensors[at++] = f.bytes;
    }
    out->sparse = sparse > 0;
    return p.err;
}

/* Version of the default domain in an OperatorSetIdProto; 0 when it is another domain's. */
static ft_err opset_read(int *version, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    ft_str domain = { 0 };
    uint64_t number = 0;
    while (ft_proto_next(&p, &f)) {
        if (f.number == 1) FT_TRY(text_of(&domain, &f, "an opset"));
        if (f.number == 2) {
            WANT(&f, FT_PROTO_VARINT, "an opset");
            number = f.value;
        }
    }
    FT_TRY(p.err);
    *version = 0;
    if (!onnx_default_domain(domain)) return FT_OK;
    if (number < 1 || number > FT_NN_ONNX_OPSET_MAX)
        return FT_FAIL(FT_EUNSUPPORTED, "opset %llu: versions 1 to %d are known",
                       (unsigned long long)number, FT_NN_ONNX_OPSET_MAX);
    *version = (int)number;
    return FT_OK;
}

static ft_err opsets_read(int *out, ft_str bytes, uint32_t number) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    int version = 0;
    while (ft_proto_next(&p, &f)) {
        if (f.number != number) continue;
        WANT(&f, FT_PROTO_BYTES, "a model");
        FT_TRY(opset_read(&version, f.bytes));
        if (version) *out = version;
    }
    return p.err;
}

static ft_err function_read(onnx_function *out, ft_arena *arena, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    *out = (onnx_function){ 0 };
    while (ft_proto_next(&p, &f)) {
        if (f.number == 1) FT_TRY(text_of(&out->name, &f, "a function"));
        if (f.number == 10) FT_TRY(text_of(&out->domain, &f, "a function"));
    }
    FT_TRY(p.err);
    FT_TRY(texts_read(&out->in, &out->in_count, arena, bytes, 4, "a function"));
    FT_TRY(texts_read(&out->out, &out->out_count, arena, bytes, 5, "a function"));
    FT_TRY(nodes_read(&out->nodes, &out->node_count, arena, bytes, 7));
    FT_TRY(opsets_read(&out->opset, bytes, 9));
    return attrs_read(&out->defaults, &out->default_count, arena, bytes, 11);
}

/* A file that was cut off ends within a field of the model itself: say where. */
static ft_err fields_whole(ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    size_t at = 0;
    while (ft_proto_next(&p, &f)) at = bytes.len - p.rest.len;
    if (p.err == FT_OK) return FT_OK;
    return ft_err_prefix(p.err, "the field at byte %zu, in a file that ends at byte %zu", at,
                         bytes.len);
}

ft_err onnx_model_read(onnx_model *out, ft_arena *arena, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    size_t at = 0;
    bool graph = false;
    *out = (onnx_model){ .opset = 1 };
    FT_TRY(fields_whole(bytes));
    FT_TRY(fields_count(&out->function_count, bytes, 25));
    FT_TRY(ft_arena_items(&out->functions, arena, out->function_count));
    FT_TRY(opsets_read(&out->opset, bytes, 8));
    while (ft_proto_next(&p, &f)) {
        if (f.number == 7) {
            WANT(&f, FT_PROTO_BYTES, "a model");
            out->graph = f.bytes;
            graph = true;
        } else if (f.number == 25) {
            WANT(&f, FT_PROTO_BYTES, "a model");
            FT_TRY(function_read(&out->functions[at++], arena, f.bytes));
        }
    }
    FT_TRY(p.err);
    if (!graph) return FT_FAIL(FT_ECORRUPT, "this is not an ONNX model: it has no graph");
    return FT_OK;
}
