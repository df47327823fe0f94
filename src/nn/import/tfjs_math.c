/* tfjs_math.c -- what TensorFlow's operations on numbers become: those of each item by itself. See
 * tfjs_in.h. */
#include "base/check.h"
#include "nn/import/tfjs_in.h"

/* ---- as they are */

static void turn_unary(tf_model *m) { tf_out(m, 0, tf_write1(m, m->op->ours, tf_in(m, 0))); }
static void turn_binary(tf_model *m) {
    tf_out(m, 0, tf_write2(m, m->op->ours, tf_in(m, 0), tf_in(m, 1)));
}
static void turn_identity(tf_model *m) { tf_out(m, 0, tf_in(m, 0)); }

int tf_clip(tf_model *m, int x, float low, float high) {
    return tf_write(m, "Clip", (int[]){ x, tf_f32(m, low), tf_f32(m, high) }, 3, NULL);
}
static void turn_relu6(tf_model *m) { tf_out(m, 0, tf_clip(m, tf_in(m, 0), 0, 6)); }

int tf_leaky(tf_model *m, int x, const char *attr) {
    tf_attrs a = { 0 };
    tf_float(&a, "alpha", tf_attr_float(m, attr, 0.2));
    return tf_write(m, "LeakyRelu", &x, 1, &a);
}
static void turn_leaky(tf_model *m) { tf_out(m, 0, tf_leaky(m, tf_in(m, 0), "alpha")); }

static void turn_square(tf_model *m) {
    int x = tf_in(m, 0);
    tf_out(m, 0, tf_write2(m, "Mul", x, x));
}
static void turn_squared_difference(tf_model *m) {
    int d = tf_write2(m, "Sub", tf_in(m, 0), tf_in(m, 1));
    tf_out(m, 0, tf_write2(m, "Mul", d, d));
}
static void turn_rsqrt(tf_model *m) {
    tf_out(m, 0, tf_write1(m, "Reciprocal", tf_write1(m, "Sqrt", tf_in(m, 0))));
}
static void turn_not_equal(tf_model *m) {
    tf_out(m, 0, tf_write1(m, "Not", tf_write2(m, "Equal", tf_in(m, 0), tf_in(m, 1))));
}

static bool is_float(tf_model *m) { return tf_attr_type(m, "T", FT_F32) == FT_F32; }

/* Towards minus infinity; for integers by what is left: (x - x mod y) / y. */
static void turn_floor_div(tf_model *m) {
    int x = tf_in(m, 0), y = tf_in(m, 1);
    if (is_float(m))
        tf_out(m, 0, tf_write1(m, "Floor", tf_write2(m, "Div", x, y)));
    else
        tf_out(m, 0, tf_write2(m, "Div", tf_write2(m, "Sub", x, tf_write2(m, "Mod", x, y)), y));
}
static void turn_floor_mod(tf_model *m) {
    int x = tf_in(m, 0), y = tf_in(m, 1);
    if (!is_float(m)) {
        tf_out(m, 0, tf_write2(m, "Mod", x, y));
        return;
    }
    int whole = tf_write1(m, "Floor", tf_write2(m, "Div", x, y));
    tf_out(m, 0, tf_write2(m, "Sub", x, tf_write2(m, "Mul", whole, y)));
}
static void turn_add_n(tf_model *m) {
    int sum = tf_in(m, 0);
    for (size_t i = 1; i < m->node->input_count; i++) sum = tf_write2(m, "Add", sum, tf_in(m, i));
    tf_out(m, 0, sum);
}
static void turn_cast(tf_model *m) {
    tf_out(m, 0, tf_cast(m, tf_in(m, 0), tf_attr_type(m, "DstT", FT_F32)));
}
static void turn_select(tf_model *m) {
    tf_out(m, 0, tf_write(m, "Where", (int[]){ tf_in(m, 0), tf_in(m, 1), tf_in(m, 2) }, 3, NULL));
}
static void turn_softmax(tf_model *m) {
    tf_attrs a = { 0 };
    tf_int(&a, "axis", -1);
    int x = tf_in(m, 0);
    tf_out(m, 0, tf_write(m, "Softmax", &x, 1, &a));
}
static void turn_clip(tf_model *m) {
    tf_out(m, 0, tf_write(m, "Clip", (int[]){ tf_in(m, 0), tf_in(m, 1), tf_in(m, 2) }, 3, NULL));
}

/* ---- the table */

const tf_op tf_ops_math[] = {
    { "Identity", turn_identity, NULL },    { "StopGradient", turn_identity, NULL },
    { "Sigmoid", turn_unary, "Sigmoid" },   { "Relu", turn_unary, "Relu" },
    { "Tanh", turn_unary, "Tanh" },         { "Exp", turn_unary, "Exp" },
    { "Log", turn_unary, "Log" },           { "Sqrt", turn_unary, "Sqrt" },
    { "Abs", turn_unary, "Abs" },           { "Neg", turn_unary, "Neg" },
    { "Floor", turn_unary, "Floor" },       { "Ceil", turn_unary, "Ceil" },
    { "Round", turn_unary, "Round" },       { "Reciprocal", turn_unary, "Reciprocal" },
    { "Inv", turn_unary, "Reciprocal" },    { "Softplus", turn_unary, "Softplus" },
    { "Softsign", turn_unary, "Softsign" }, { "LogicalNot", turn_unary, "Not" },
    { "Elu", turn_unary, "Elu" },           { "Selu", turn_unary, "Selu" },
    { "Erf", turn_unary, "Erf" },           { "Sin", turn_unary, "Sin" },
    { "Cos", turn_unary, "Cos" },           { "Sign", turn_unary, "Sign" },
    { "Add", turn_binary, "Add" },          { "AddV2", turn_binary, "Add" },
    { "BiasAdd", turn_binary, "Add" },      { "Sub", turn_binary, "Sub" },
    { "Mul", turn_binary, "Mul" },          { "RealDiv", turn_binary, "Div" },
    { "Div", turn_binary, "Div" },          { "Maximum", turn_binary, "Max" },
    { "Minimum", turn_binary, "Min" },      { "Pow", turn_binary, "Pow" },
    { "Less", turn_binary, "Less" },        { "LessEqual", turn_binary, "LessOrEqual" },
    { "Greater", turn_binary, "Greater" },  { "GreaterEqual", turn_binary, "GreaterOrEqual" },
    { "Equal", turn_binary, "Equal" },      { "LogicalAnd", turn_binary, "And" },
    { "LogicalOr", turn_binary, "Or" },     { "Prelu", turn_binary, "PRelu" },
    { "NotEqual", turn_not_equal, NULL },   { "Relu6", turn_relu6, NULL },
    { "LeakyRelu", turn_leaky, NULL },      { "ClipByValue", turn_clip, NULL },
    { "Square", turn_square, NULL },        { "SquaredDifference", turn_squared_difference, NULL },
    { "Rsqrt", turn_rsqrt, NULL },          { "FloorDiv", turn_floor_div, NULL },
    { "FloorMod", turn_floor_mod, NULL },   { "Mod", turn_floor_mod, NULL },
    { "AddN", turn_add_n, NULL },           { "Cast", turn_cast, NULL },
    { "Select", turn_select, NULL },        { "SelectV2", turn_select, NULL },
    { "Softmax", turn_softmax, NULL },      { 0 },
};
