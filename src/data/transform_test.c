/* transform_test.c -- steps read and refused; pixels beside Pillow's on the same boxes; the same
 * choices for the same key; cuts, mirrors, layouts. */
#include "data/transform.h"

#include <math.h>

#include "base/files.h"
#include "tests/oracle.h"

static const ft_field encoded = {
    .name = { "image", 5 }, .kind = FT_FIELD_IMAGE, .dtype = FT_U8, .ndim = 1, .shape = { -1 }
};
static const ft_field raw = {
    .name = { "image", 5 }, .dtype = FT_U8, .ndim = 3, .shape = { 40, 60, 3 }
};

static uint8_t pixels[40 * 60 * 3];
static ft_array raw_value(void) {
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 37 + i / 180 * 11);
    return (ft_array){ FT_U8, 3, { 40, 60, 3 }, pixels };
}

static ft_err new_u8(ft_transform **t, const char *steps, const ft_field *f) {
    return ft_transform_new(t, ft_str_of(steps), f,
                            &(ft_transform_opts){ .dtype = FT_U8, .channels_last = true });
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *steps, *why;
    } rows[] = {
        { "flop", "did you mean 'flip'?" },
        { "resize", "a value is missing: resize=" },
        { "resize=0", "expected sides of 1 to" },
        { "resize=1.5", "expected sides of 1 to" },
        { "resize=a", "'a' is no number" },
        { "resize=1:2:3", "too many values" },
        { "resize=nan", "is no number" },
        { "flip=2,resize=3:3", "is not between 0 and 1" },
        { "jitter=1:1:1:0.6,resize=3:3", "is not between 0 and 0.5" },
        { "resize=64", "pictures of field image differ in size" },
        { "", "pictures of field image differ in size" },
        { "resize=10:10,center_crop=20", "only 10 x 10" },
        { "random_resized_crop=9:9:0:1", "0 < least" },
        { "random_resized_crop=9:9:1:1:2:1", "least <= most" },
        { "resize=9:9,normalise=imagenet", "batches of bytes" },
        { "resize=9:9,orient", "first step" },
        { "flip,flip,flip,flip,flip,flip,flip,flip,flip,flip,flip,flip,flip,flip,flip,flip,flip",
          "more than 16 transforms" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ft_transform *t;
        ft_err err = new_u8(&t, rows[i].steps, &encoded);
        EXPECT(err == FT_EINVAL || err == FT_ETOOBIG);
        EXPECT_WHY(rows[i].why);
        EXPECT(!t);
    }
    static const char *const normals[] = { "1", "0.5:0", "1:2:3", "wrong", "0.5:-1" };
    for (size_t i = 0; i < sizeof normals / sizeof *normals; i++) {
        char steps[80];
        ft_transform *t;
        snprintf(steps, sizeof steps, "resize=9:9,normalise=%s", normals[i]);
        EXPECT_ERR(FT_EINVAL, ft_transform_new(&t, ft_str_of(steps), &encoded,
                                               &(ft_transform_opts){ .dtype = FT_F32 }));
    }
    ft_transform *t;
    EXPECT_ERR(FT_EINVAL, ft_transform_new(&t, FT_STR("normalise=half,flip"), &raw,
                                           &(ft_transform_opts){ .dtype = FT_F32 }));
    EXPECT_WHY("normalise is always last");
    EXPECT_ERR(FT_EINVAL,
               ft_transform_new(&t, FT_STR(""), &raw, &(ft_transform_opts){ .dtype = FT_I64 }));
    ft_field wrong = raw;
    wrong.shape[2] = 4;
    EXPECT_ERR(FT_EINVAL, new_u8(&t, "", &wrong));
    EXPECT_WHY("4 channels");
    wrong.dtype = FT_F32;
    EXPECT_ERR(FT_EINVAL, new_u8(&t, "", &wrong));
    EXPECT_WHY("is no picture");
    EXPECT(strstr(ft_transform_help(0), "random_resized_crop="));
}

static void test_shapes(void **state) {
    (void)state;
    static const struct {
        const char *steps;
        ft_transform_opts opts;
        int64_t shape[3];
    } rows[] = {
        { "random_resized_crop=32", { .dtype = FT_F32 }, { 3, 32, 32 } },
        { "random_resized_crop=32:16", { .dtype = FT_BF16, .channels_last = true }, { 16, 32, 3 } },
        { "resize=20,center_crop=16,normalise=imagenet", { .dtype = FT_F32 }, { 3, 16, 16 } },
        { "resize=30:20,grey", { .dtype = FT_U8 }, { 1, 20, 30 } },
        { "resize=30:20", { .dtype = FT_U8, .channels = 1 }, { 1, 20, 30 } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ft_transform *t;
        EXPECT_OK(ft_transform_new(&t, ft_str_of(rows[i].steps), &encoded, &rows[i].opts));
        const ft_array *a = ft_transform_shape(t);
        EXPECT(a->ndim == 3 && a->dtype == rows[i].opts.dtype);
        EXPECT(memcmp(a->shape, rows[i].shape, sizeof rows[i].shape) == 0);
        ft_transform_free(t);
    }
    ft_transform *t; /* a raw picture has its own size */
    EXPECT_OK(new_u8(&t, "resize=20", &raw));
    EXPECT(ft_transform_shape(t)->shape[0] == 20 && ft_transform_shape(t)->shape[1] == 30);
    ft_transform_free(t);
    ft_transform_free(NULL);
    ft_transform_work_free(NULL);
}

/* Cuts of raw pixels, mirrored: every pixel is where the cut says. */
static void test_raw(void **state) {
    (void)state;
    ft_transform *t;
    ft_transform_work *w;
    ft_transform_cut cut, again;
    uint8_t out[24 * 16 * 3], same[24 * 16 * 3];
    int places = 0, flips[4] = { 0 };
    ft_array value = raw_value();
    EXPECT_OK(new_u8(&t, "flip,random_crop=24:16,vflip", &raw));
    EXPECT_OK(ft_transform_work_new(&w, t));
    for (uint64_t key = 0; key < 200; key++) {
        EXPECT_OK(ft_transform_run(out, &cut, &value, key, w, NULL));
        EXPECT_OK(ft_transform_run(same, &again, &value, key, w, NULL)); /* a pure function */
        EXPECT(memcmp(out, same, sizeof out) == 0 && memcmp(&cut, &again, sizeof cut) == 0);
        EXPECT(cut.width == 24 && cut.height == 16 && cut.x >= 0 && cut.x <= 36 && cut.y <= 24);
        for (int y = 0; y < 16; y++)
            for (int x = 0; x < 24; x++) {
                int fx = cut.x + (cut.flip & 1 ? 23 - x : x),
                    fy = cut.y + (cut.flip & 2 ? 15 - y : y);
                EXPECT(memcmp(out + (y * 24 + x) * 3, pixels + (fy * 60 + fx) * 3, 3) == 0);
            }
        places += cut.x;
        flips[cut.flip]++;
    }
    EXPECT(places > 200 * 12 && places < 200 * 24); /* mean 18 */
    for (int i = 0; i < 4; i++) EXPECT(flips[i] > 25 && flips[i] < 80);
    ft_transform_work_free(w);
    ft_transform_free(t);
}

static void test_layouts(void **state) {
    (void)state;
    static const ft_dtype types[] = { FT_F32, FT_BF16 };
    ft_array value = raw_value();
    for (int type = 0; type < 2; type++)
        for (int last = 0; last < 2; last++) {
            ft_transform *t;
            ft_transform_work *w;
            ft_transform_cut cut;
            static float out[40 * 60 * 3];
            EXPECT_OK(ft_transform_new(
                &t, FT_STR("normalise=imagenet"), &raw,
                &(ft_transform_opts){ .dtype = types[type], .channels_last = last }));
            EXPECT_OK(ft_transform_work_new(&w, t));
            EXPECT_OK(ft_transform_run(out, &cut, &value, 0, w, NULL));
            static const double mean[] = { 0.485, 0.456, 0.406 }, std[] = { 0.229, 0.224, 0.225 };
            ft_array got = { types[type], 1, { 40 * 60 * 3 }, out };
            for (int i = 0; i < 40 * 60; i++)
                for (int c = 0; c < 3; c++) {
                    double want = (pixels[i * 3 + c] / 255.0 - mean[c]) / std[c];
                    double is = ft_array_f64(&got, last ? i * 3 + c : c * 2400 + i);
                    EXPECT(fabs(is - want) < (type ? 0.012 : 2e-6)); /* bf16 has 8 bits */
                }
            ft_transform_work_free(w);
            ft_transform_free(t);
        }
}

/* ---- beside Pillow */
static const char paint[] =
    "from PIL import Image\n"
    "import numpy as np\n"
    "rng = np.random.default_rng(3)\n"
    "y, x = np.mgrid[0:190, 0:250]\n"
    "a = np.stack([128 + 90 * np.sin(x / 17 + k) * np.cos(y / (11 + k)) for k in range(3)], 2)\n"
    "im = Image.fromarray(np.clip(a + rng.normal(0, 9, a.shape), 0, 255).astype(np.uint8))\n"
    "im.save(d + 'p.jpg', quality=90); im.save(d + 'p.png')\n"
    "print(1)\n";

static const char compare[] =
    "from PIL import Image\n"
    "import numpy as np, json\n"
    "worst = 0\n"
    "for line in open(d + 'cuts'):\n"
    "    f, kind, x, y, w, h, flip, ow, oh, n = line.split()\n"
    "    x, y, w, h, flip, ow, oh = map(int, (x, y, w, h, flip, ow, oh))\n"
    "    im = Image.open(d + f).convert('RGB')\n"
    "    if kind == 'crop': im = im.crop((x, y, x + w, y + h)).resize((ow, oh), Image.BILINEAR)\n"
    "    else:\n"
    "        s = 64 / min(im.size); im = im.resize((int(64 * im.width / min(im.size)), int(64 * "
    "im.height / min(im.size))), Image.BILINEAR)\n"
    "        l, t = round((im.width - ow) / 2), round((im.height - oh) / 2); im = im.crop((l, t, l "
    "+ "
    "ow, t + oh))\n"
    "    if flip: im = im.transpose(Image.FLIP_LEFT_RIGHT)\n"
    "    got = np.fromfile(d + n, np.uint8).reshape(oh, ow, 3).astype(int)\n"
    "    worst = max(worst, np.abs(got - np.asarray(im).astype(int)).max())\n"
    "print(worst)\n";

static void test_pillow(void **state) {
    (void)state;
    double got = -1;
    ft_arena arena = FT_ARENA_INIT(1 << 24);
    static uint8_t out[64 * 64 * 3];
    char path[400], name[40], lines[8192] = "";
    size_t at = 0;
    if (!oracle_has("PIL,numpy")) SKIP("no python3-pil");
    EXPECT(oracle_ask(&got, 1, paint));
    static const char *const files[] = { "p.jpg", "p.png" };
    static const char *const steps[] = { "random_resized_crop=48:40,flip",
                                         "resize=64,center_crop=56" };
    for (int i = 0; i < 40; i++) {
        ft_transform *t;
        ft_transform_work *w;
        ft_transform_cut cut;
        ft_str bytes;
        int kind = i % 2, ow = kind ? 56 : 48, oh = kind ? 56 : 40;
        const char *file = files[i / 2 % 2];
        snprintf(path, sizeof path, "%s/%s", test_dir(), file);
        EXPECT_OK(ft_file_read(&bytes, &arena, path, 1 << 20));
        EXPECT_OK(new_u8(&t, steps[kind], &encoded));
        EXPECT_OK(ft_transform_work_new(&w, t));
        ft_array value = { FT_U8, 1, { (int64_t)bytes.len }, (void *)bytes.at };
        ft_transform_time time = { 0 };
        EXPECT_OK(ft_transform_run(out, &cut, &value, (uint64_t)i, w, &time));
        EXPECT(time.decode > 0 && time.transform > 0 && time.copy > 0);
        EXPECT(cut.x >= 0 && cut.y >= 0 && cut.x + cut.width <= 250 && cut.y + cut.height <= 190);
        snprintf(name, sizeof name, "o%d", i);
        oracle_put(name, out, (size_t)(ow * oh * 3));
        at += (size_t)snprintf(lines + at, sizeof lines - at, "%s %s %d %d %d %d %d %d %d %s\n",
                               file, kind ? "resize" : "crop", cut.x, cut.y, cut.width, cut.height,
                               cut.flip, ow, oh, name);
        ft_transform_work_free(w);
        ft_transform_free(t);
    }
    oracle_put("cuts", lines, at);
    EXPECT(oracle_ask(&got, 1, compare));
    print_message("# largest difference to Pillow: %g\n", got);
    EXPECT(got <= 1);
    ft_arena_fini(&arena);
}

/* Draft decodes smaller: near, not equal; a value that is damaged is told. */
static void test_draft_and_damage(void **state) {
    (void)state;
    double made = 0;
    ft_arena arena = FT_ARENA_INIT(1 << 24);
    char path[400];
    ft_str bytes;
    static uint8_t exact[32 * 32 * 3], draft[32 * 32 * 3];
    if (!oracle_has("PIL,numpy")) SKIP("no python3-pil");
    EXPECT(oracle_ask(&made, 1, paint));
    snprintf(path, sizeof path, "%s/p.jpg", test_dir());
    EXPECT_OK(ft_file_read(&bytes, &arena, path, 1 << 20));
    ft_array value = { FT_U8, 1, { (int64_t)bytes.len }, (void *)bytes.at };
    for (int d = 0; d < 2; d++) {
        ft_transform *t;
        ft_transform_work *w;
        ft_transform_cut cut;
        EXPECT_OK(ft_transform_new(
            &t, FT_STR("resize=32:32"), &encoded,
            &(ft_transform_opts){ .dtype = FT_U8, .channels_last = true, .draft = d }));
        EXPECT_OK(ft_transform_work_new(&w, t));
        EXPECT_OK(ft_transform_run(d ? draft : exact, &cut, &value, 1, w, NULL));
        EXPECT(cut.width == 250 && cut.height == 190);
        ft_array cut_short = value;
        cut_short.shape[0] /= 2;
        EXPECT_ERR(FT_ECORRUPT, ft_transform_run(draft + 0 * d, &cut, &cut_short, 1, w, NULL));
        cut_short.shape[0] = 0;
        EXPECT(ft_transform_run(exact + 0 * d, &cut, &cut_short, 1, w, NULL) != FT_OK);
        cut_short.data = NULL;
        EXPECT_ERR(FT_ECORRUPT, ft_transform_run(exact, &cut, &cut_short, 1, w, NULL));
        EXPECT_OK(ft_transform_run(d ? draft : exact, &cut, &value, 1, w, NULL)); /* still works */
        ft_transform_work_free(w);
        ft_transform_free(t);
    }
    double sum = 0;
    for (size_t i = 0; i < sizeof exact; i++) sum += abs(exact[i] - draft[i]);
    print_message("# draft is %.2f grey levels away on average\n", sum / sizeof exact);
    EXPECT(sum > 0 && sum / sizeof exact < 6);
    ft_arena_fini(&arena);
}

static void test_jitter_and_grey(void **state) {
    (void)state;
    ft_transform *t;
    ft_transform_work *w;
    ft_transform_cut cut;
    static uint8_t a[40 * 60 * 3], b[40 * 60 * 3], before[sizeof pixels];
    ft_array value = raw_value();
    memcpy(before, pixels, sizeof pixels);
    EXPECT_OK(new_u8(&t, "jitter=0.4:0.4:0.4:0.1", &raw));
    EXPECT_OK(ft_transform_work_new(&w, t));
    EXPECT_OK(ft_transform_run(a, &cut, &value, 1, w, NULL));
    EXPECT_OK(ft_transform_run(b, &cut, &value, 2, w, NULL));
    EXPECT(memcmp(a, b, sizeof a) != 0 && memcmp(a, pixels, sizeof a) != 0);
    EXPECT(memcmp(before, pixels, sizeof before) == 0); /* the record's own bytes stay */
    ft_transform_work_free(w);
    ft_transform_free(t);
    EXPECT_OK(new_u8(&t, "grey,vflip=1", &raw));
    EXPECT_OK(ft_transform_work_new(&w, t));
    EXPECT_OK(ft_transform_run(a, &cut, &value, 1, w, NULL));
    for (int i = 0; i < 60; i++) {
        const uint8_t *p = pixels + (39 * 60 + i) * 3;
        EXPECT(abs(a[i] - (int)lround(0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2])) <= 1);
    }
    ft_array small = value;
    small.shape[0] = 0;
    EXPECT_ERR(FT_ECORRUPT, ft_transform_run(a, &cut, &small, 1, w, NULL));
    ft_transform_work_free(w);
    ft_transform_free(t);
    ft_field differs = raw; /* pictures of several sizes: the small one cannot be cut */
    differs.shape[0] = differs.shape[1] = -1;
    EXPECT_OK(new_u8(&t, "center_crop=50:41", &differs));
    EXPECT_OK(ft_transform_work_new(&w, t));
    EXPECT_ERR(FT_EINVAL, ft_transform_run(a, &cut, &value, 1, w, NULL));
    EXPECT_WHY("the picture is 60 x 40, smaller than center_crop=50:41");
    ft_transform_work_free(w);
    ft_transform_free(t);
}

static void test_faults(void **state) {
    (void)state;
    static uint8_t out[20 * 20 * 3];
    ft_array value = raw_value();
    EACH_FAULT {
        ft_transform *t;
        ft_transform_work *w = NULL;
        ft_transform_cut cut;
        ft_err err = new_u8(&t, "jitter=0.1,resize=20:20", &raw);
        if (!err) err = ft_transform_work_new(&w, t);
        if (!err) err = ft_transform_run(out, &cut, &value, 1, w, NULL);
        EXPECT(!err || err == FT_ENOMEM);
        ft_transform_work_free(w);
        ft_transform_free(t);
    }
}

TEST_MAIN(cmocka_unit_test(test_refused), cmocka_unit_test(test_shapes), cmocka_unit_test(test_raw),
          cmocka_unit_test(test_layouts), cmocka_unit_test(test_pillow),
          cmocka_unit_test(test_draft_and_damage), cmocka_unit_test(test_jitter_and_grey),
          cmocka_unit_test(test_faults))
