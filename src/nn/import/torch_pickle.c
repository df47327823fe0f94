/* torch_pickle.c -- see torch_pickle.h. */
#include "nn/import/torch_pickle.h"

#include <string.h>

#include "base/check.h"

#define STACK_MAX 65536
#define MEMO_MAX  ((size_t)1 << 21)

typedef struct machine {
    ft_arena *arena;
    ft_str bytes;
    size_t at;
    ft_pickle **stack;
    size_t depth;
    ft_pickle **memo;
    size_t memo_room, memo_next;
} machine;

/* ---- bytes */

static ft_err need(const machine *m, uint64_t count) {
    if (count <= m->bytes.len - m->at) return FT_OK;
    return FT_FAIL(FT_ECORRUPT, "byte %zu: the pickle is cut off", m->at);
}

static ft_err take(uint64_t *out, machine *m, int bytes) {
    FT_TRY(need(m, (uint64_t)bytes));
    *out = 0;
    for (int i = bytes - 1; i >= 0; i--) *out = *out << 8 | (uint8_t)m->bytes.at[m->at + (size_t)i];
    m->at += (size_t)bytes;
    return FT_OK;
}

static ft_err take_text(ft_str *out, machine *m, int length_bytes) {
    uint64_t len = 0;
    FT_TRY(take(&len, m, length_bytes));
    FT_TRY(need(m, len));
    *out = ft_str_slice(m->bytes, m->at, (size_t)len);
    m->at += (size_t)len;
    return FT_OK;
}

static ft_err take_line(ft_str *out, machine *m) {
    ft_str rest = ft_str_from(m->bytes, m->at);
    size_t len = ft_str_find(rest, '\n');
    FT_TRY(need(m, (uint64_t)len + 1));
    *out = ft_str_slice(rest, 0, len);
    m->at += len + 1;
    return FT_OK;
}

/* ---- values and the stack */

static ft_err push(machine *m, ft_pickle *v) {
    if (m->depth == STACK_MAX)
        return FT_FAIL(FT_ETOOBIG, "byte %zu: a pickle that piles up more than %d values", m->at,
                       STACK_MAX);
    m->stack[m->depth++] = v;
    return FT_OK;
}

static ft_err push_new(machine *m, ft_pickle value) {
    ft_pickle *v;
    FT_TRY(ft_arena_items(&v, m->arena, 1));
    *v = value;
    return push(m, v);
}

static ft_err pop(ft_pickle **out, machine *m) {
    if (m->depth == 0 || m->stack[m->depth - 1]->kind == FT_PICKLE_MARK)
        return FT_FAIL(FT_ECORRUPT, "byte %zu: the pickle takes a value that is not there", m->at);
    *out = m->stack[--m->depth];
    return FT_OK;
}

static ft_err item_add(machine *m, ft_pickle *list, ft_pickle *item) {
    if (list->count == list->capacity) {
        ft_pickle **wider;
        size_t capacity = list->capacity ? 2 * list->capacity : 8;
        FT_TRY(ft_arena_items(&wider, m->arena, capacity));
        if (list->count) memcpy(wider, list->items, list->count * sizeof *wider);
        list->items = wider;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return FT_OK;
}

/* Where the values above the last mark begin; the mark itself stands one below. */
static ft_err find_mark(size_t *first, const machine *m) {
    for (size_t i = m->depth; i-- > 0;)
        if (m->stack[i]->kind == FT_PICKLE_MARK) {
            *first = i + 1;
            return FT_OK;
        }
    return FT_FAIL(FT_ECORRUPT, "byte %zu: the pickle takes a mark that is not there", m->at);
}

/* The values from `first` on as a list in their place. */
static ft_err gather(machine *m, size_t first, size_t drop, ft_pickle_kind kind) {
    ft_pickle *list;
    FT_TRY(ft_arena_items(&list, m->arena, 1));
    list->kind = kind;
    for (size_t i = first; i < m->depth; i++) FT_TRY(item_add(m, list, m->stack[i]));
    m->depth = first - drop;
    return push(m, list);
}

static ft_err gather_last(machine *m, size_t count) {
    if (m->depth < count) return need(m, UINT64_MAX);
    for (size_t i = m->depth - count; i < m->depth; i++)
        if (m->stack[i]->kind == FT_PICKLE_MARK) return need(m, UINT64_MAX);
    return gather(m, m->depth - count, 0, FT_PICKLE_LIST);
}

/* Values above the mark go into the list or dict below it. */
static ft_err append_marked(machine *m, ft_pickle_kind kind) {
    size_t first = 0;
    FT_TRY(find_mark(&first, m));
    ft_pickle *to = first >= 2 ? m->stack[first - 2] : NULL;
    if (!to || to->kind != kind || (kind == FT_PICKLE_DICT && (m->depth - first) % 2))
        return FT_FAIL(FT_ECORRUPT, "byte %zu: the pickle fills what is no container", m->at);
    for (size_t i = first; i < m->depth; i++) FT_TRY(item_add(m, to, m->stack[i]));
    m->depth = first - 1;
    return FT_OK;
}

static ft_err append_last(machine *m, size_t count, ft_pickle_kind kind) {
    ft_pickle *values[2] = { 0 };
    for (size_t i = count; i-- > 0;) FT_TRY(pop(&values[i], m));
    ft_pickle *to = m->depth ? m->stack[m->depth - 1] : NULL;
    if (!to || to->kind != kind)
        return FT_FAIL(FT_ECORRUPT, "byte %zu: the pickle fills what is no container", m->at);
    for (size_t i = 0; i < count; i++) FT_TRY(item_add(m, to, values[i]));
    return FT_OK;
}

static ft_err remember(machine *m, uint64_t slot) {
    if (m->depth == 0 || slot >= MEMO_MAX)
        return FT_FAIL(FT_ECORRUPT, "byte %zu: memo %llu", m->at, (unsigned long long)slot);
    if (slot >= m->memo_room) {
        ft_pickle **wider;
        size_t room = m->memo_room ? m->memo_room : 256;
        while (room <= slot) room *= 2;
        FT_TRY(ft_arena_items(&wider, m->arena, room));
        if (m->memo_room) memcpy(wider, m->memo, m->memo_room * sizeof *wider);
        m->memo = wider;
        m->memo_room = room;
    }
    m->memo[slot] = m->stack[m->depth - 1];
    m->memo_next = slot + 1;
    return FT_OK;
}

static ft_err recall(machine *m, uint64_t slot) {
    if (slot >= m->memo_room || !m->memo[slot])
        return FT_FAIL(FT_ECORRUPT, "byte %zu: memo %llu is empty", m->at,
                       (unsigned long long)slot);
    return push(m, m->memo[slot]);
}

/* ---- the few names that may be called */

static ft_err push_name(machine *m, ft_str module, ft_str name) {
    ft_pickle v = { .kind = FT_PICKLE_NAME };
    FT_TRY(ft_arena_printf(&v.text, m->arena, "%.*s %.*s", FT_STR_ARG(module), FT_STR_ARG(name)));
    return push_new(m, v);
}

static bool storage_type(ft_dtype *out, ft_str name) {
    static const struct {
        const char *name;
        ft_dtype type;
    } rows[] = { { "torch FloatStorage", FT_F32 },         { "torch DoubleStorage", FT_F64 },
                 { "torch HalfStorage", FT_F16 },          { "torch BFloat16Storage", FT_BF16 },
                 { "torch CharStorage", FT_I8 },           { "torch ShortStorage", FT_I16 },
                 { "torch IntStorage", FT_I32 },           { "torch LongStorage", FT_I64 },
                 { "torch ByteStorage", FT_U8 },           { "torch BoolStorage", FT_BOOL },
                 { "torch.storage UntypedStorage", FT_U8 } };
    for (size_t i = 0; i < FT_COUNT(rows); i++)
        if (ft_str_is(name, rows[i].name)) {
            *out = rows[i].type;
            return true;
        }
    return false;
}

static bool is_int(const ft_pickle *v) { return v->kind == FT_PICKLE_INT; }

static ft_err ints_of(int64_t *out, int *count, const ft_pickle *list) {
    if (list->kind != FT_PICKLE_LIST || list->count > FT_ARRAY_DIMS_MAX)
        return FT_FAIL(FT_ECORRUPT, "a tensor's shape is no short list");
    for (size_t i = 0; i < list->count; i++) {
        if (!is_int(list->items[i])) return FT_FAIL(FT_ECORRUPT, "a shape of no integers");
        out[i] = list->items[i]->i;
    }
    *count = (int)list->count;
    return FT_OK;
}

static ft_err rebuild_tensor(machine *m, const ft_pickle *args) {
    ft_pickle v = { .kind = FT_PICKLE_TENSOR };
    int strides = 0;
    if (args->count < 4 || args->items[0]->kind != FT_PICKLE_STORE || !is_int(args->items[1]))
        return FT_FAIL(FT_ECORRUPT, "byte %zu: a tensor without storage", m->at);
    v.store = args->items[0];
    v.offset = args->items[1]->i;
    FT_TRY(ints_of(v.shape, &v.ndim, args->items[2]));
    FT_TRY(ints_of(v.stride, &strides, args->items[3]));
    if (strides != v.ndim)
        return FT_FAIL(FT_ECORRUPT, "byte %zu: %d sizes and %d strides", m->at, v.ndim, strides);
    return push_new(m, v);
}

static ft_err call(machine *m, const ft_pickle *name, const ft_pickle *args) {
    if (args->kind != FT_PICKLE_LIST)
        return FT_FAIL(FT_ECORRUPT, "byte %zu: a call without arguments", m->at);
    if (ft_str_is(name->text, "torch._utils _rebuild_tensor_v2") ||
        ft_str_is(name->text, "torch._utils _rebuild_tensor"))
        return rebuild_tensor(m, args);
    if (ft_str_is(name->text, "torch._utils _rebuild_parameter") && args->count >= 1)
        return push(m, args->items[0]);
    if (ft_str_is(name->text, "collections OrderedDict") && args->count == 0)
        return push_new(m, (ft_pickle){ .kind = FT_PICKLE_DICT });
    if (ft_str_is(name->text, "torch Size") && args->count == 1) return push(m, args->items[0]);
    return FT_FAIL(FT_EDENIED,
                   "byte %zu: the file asks to run '%.*s'; only tensors are read, nothing is run "
                   "(save a state_dict)",
                   m->at, FT_STR_ARG(name->text));
}

static ft_err reduce(machine *m) {
    ft_pickle *args = NULL, *name = NULL;
    FT_TRY(pop(&args, m));
    FT_TRY(pop(&name, m));
    if (name->kind != FT_PICKLE_NAME)
        return FT_FAIL(FT_ECORRUPT, "byte %zu: the pickle calls what is no name", m->at);
    return call(m, name, args);
}

/* State of an object: only an OrderedDict's (its metadata) is passed over. */
static ft_err build(machine *m) {
    ft_pickle *state = NULL, *object = NULL;
    FT_TRY(pop(&state, m));
    FT_TRY(pop(&object, m));
    if (object->kind != FT_PICKLE_DICT && object->kind != FT_PICKLE_TENSOR)
        return FT_FAIL(FT_EDENIED,
                       "byte %zu: the file sets the state of an object; only tensors "
                       "are read",
                       m->at);
    return push(m, object);
}

/* ("storage", type, key, device, count) */
static ft_err persistent(machine *m) {
    ft_pickle *id = NULL, v = { .kind = FT_PICKLE_STORE };
    FT_TRY(pop(&id, m));
    bool good = id->kind == FT_PICKLE_LIST && id->count >= 5 &&
                id->items[0]->kind == FT_PICKLE_TEXT && ft_str_is(id->items[0]->text, "storage") &&
                id->items[1]->kind == FT_PICKLE_NAME && id->items[2]->kind == FT_PICKLE_TEXT &&
                is_int(id->items[4]);
    if (!good)
        return FT_FAIL(FT_EUNSUPPORTED, "byte %zu: a persistent id that is no storage", m->at);
    if (!storage_type(&v.dtype, id->items[1]->text))
        return FT_FAIL(FT_EUNSUPPORTED, "byte %zu: a storage of '%.*s'", m->at,
                       FT_STR_ARG(id->items[1]->text));
    v.key = id->items[2]->text;
    v.length = id->items[4]->i;
    return push_new(m, v);
}

/* ---- instructions */

static ft_err take_long(machine *m, int length_bytes) {
    ft_str digits = { 0 };
    int64_t v = 0;
    FT_TRY(take_text(&digits, m, length_bytes));
    /* Larger ones are only magic numbers: the low bits tell them apart. */
    for (size_t i = digits.len < 8 ? digits.len : 8; i-- > 0;)
        v = (int64_t)((uint64_t)v << 8 | (uint8_t)digits.at[i]);
    if (digits.len > 0 && digits.len < 8 && (digits.at[digits.len - 1] & 0x80))
        v -= (int64_t)1 << (8 * digits.len);
    return push_new(m, (ft_pickle){ .kind = FT_PICKLE_INT, .i = v });
}

static ft_err take_float(machine *m) {
    uint64_t bits = 0, byte = 0;
    double f;
    for (int i = 0; i < 8; i++) {
        FT_TRY(take(&byte, m, 1));
        bits = bits << 8 | byte;
    }
    memcpy(&f, &bits, sizeof f);
    return push_new(m, (ft_pickle){ .kind = FT_PICKLE_FLOAT, .f = f });
}

static ft_err take_int(machine *m, int bytes) {
    uint64_t v = 0;
    FT_TRY(take(&v, m, bytes));
    int64_t i = bytes == 4 ? (int64_t)(int32_t)(uint32_t)v : (int64_t)v;
    return push_new(m, (ft_pickle){ .kind = FT_PICKLE_INT, .i = i });
}

static ft_err push_text(machine *m, int length_bytes) {
    ft_pickle v = { .kind = FT_PICKLE_TEXT };
    FT_TRY(take_text(&v.text, m, length_bytes));
    return push_new(m, v);
}

static ft_err take_global(machine *m) {
    ft_str module = { 0 }, name = { 0 };
    FT_TRY(take_line(&module, m));
    FT_TRY(take_line(&name, m));
    return push_name(m, module, name);
}

static ft_err stack_global(machine *m) {
    ft_pickle *module = NULL, *name = NULL;
    FT_TRY(pop(&name, m));
    FT_TRY(pop(&module, m));
    if (module->kind != FT_PICKLE_TEXT || name->kind != FT_PICKLE_TEXT)
        return FT_FAIL(FT_ECORRUPT, "byte %zu: a global without a name", m->at);
    return push_name(m, module->text, name->text);
}

static ft_err to_mark(machine *m, ft_pickle_kind kind) {
    size_t first = 0;
    FT_TRY(find_mark(&first, m));
    return gather(m, first, 1, kind);
}

static ft_err slot(machine *m, int bytes, bool get) {
    uint64_t v = 0;
    FT_TRY(take(&v, m, bytes));
    return get ? recall(m, v) : remember(m, v);
}

static ft_err empty(machine *m, ft_pickle_kind kind) {
    return push_new(m, (ft_pickle){ .kind = kind });
}

static ft_err boolean(machine *m, int value) {
    return push_new(m, (ft_pickle){ .kind = FT_PICKLE_INT, .i = value });
}

static ft_err skip(machine *m, int bytes) {
    uint64_t v = 0;
    return take(&v, m, bytes);
}

/* Longer than a screen, since there are so many: a line an instruction, and nothing is decided. */
static ft_err step(machine *m, uint8_t op) {
    ft_pickle *dropped = NULL;
    switch (op) {
    case 0x80:
        return skip(m, 1); /* PROTO */
    case 0x95:
        return skip(m, 8); /* FRAME */
    case 'N':
        return empty(m, FT_PICKLE_NONE);
    case 0x88:
        return boolean(m, 1);
    case 0x89:
        return boolean(m, 0);
    case 'J':
        return take_int(m, 4);
    case 'K':
        return take_int(m, 1);
    case 'M':
        return take_int(m, 2);
    case 0x8a:
        return take_long(m, 1);
    case 0x8b:
        return take_long(m, 4);
    case 'G':
        return take_float(m);
    case 'X':
    case 'T':
    case 'B':
        return push_text(m, 4);
    case 0x8c:
    case 'U':
    case 'C':
        return push_text(m, 1);
    case 0x8d:
    case 0x8e:
        return push_text(m, 8);
    case ')':
    case ']':
    case 0x8f:
        return empty(m, FT_PICKLE_LIST);
    case '}':
        return empty(m, FT_PICKLE_DICT);
    case '(':
        return empty(m, FT_PICKLE_MARK);
    case 't':
    case 'l':
        return to_mark(m, FT_PICKLE_LIST);
    case 'd':
        return to_mark(m, FT_PICKLE_DICT);
    case 0x85:
        return gather_last(m, 1);
    case 0x86:
        return gather_last(m, 2);
    case 0x87:
        return gather_last(m, 3);
    case 'a':
        return append_last(m, 1, FT_PICKLE_LIST);
    case 's':
        return append_last(m, 2, FT_PICKLE_DICT);
    case 'e':
    case 0x90:
        return append_marked(m, FT_PICKLE_LIST);
    case 'u':
        return append_marked(m, FT_PICKLE_DICT);
    case 'q':
        return slot(m, 1, false);
    case 'r':
        return slot(m, 4, false);
    case 0x94:
        return remember(m, m->memo_next);
    case 'h':
        return slot(m, 1, true);
    case 'j':
        return slot(m, 4, true);
    case '0':
        return pop(&dropped, m);
    case 'c':
        return take_global(m);
    case 0x93:
        return stack_global(m);
    case 'R':
        return reduce(m);
    case 'b':
        return build(m);
    case 'Q':
        return persistent(m);
    case 0x81:
    case 0x92:
    case 'i':
    case 'o': /* NEWOBJ, NEWOBJ_EX, INST, OBJ */
        return FT_FAIL(FT_EDENIED,
                       "byte %zu: the file asks to make an object of a class; only "
                       "tensors are read, nothing is run (save a state_dict)",
                       m->at - 1);
    default:
        return FT_FAIL(FT_EUNSUPPORTED, "byte %zu: pickle instruction 0x%02x", m->at - 1, op);
    }
}

ft_err ft_pickle_read(ft_pickle **out, ft_arena *arena, ft_str bytes, size_t *at) {
    machine m = { .arena = arena, .bytes = bytes, .at = *at };
    uint64_t op = 0;
    *out = NULL;
    FT_TRY(ft_arena_items(&m.stack, arena, STACK_MAX));
    for (;;) {
        FT_TRY(take(&op, &m, 1));
        if (op == '.') break;
        FT_TRY(step(&m, (uint8_t)op));
    }
    FT_TRY(pop(out, &m));
    *at = m.at;
    return FT_OK;
}
