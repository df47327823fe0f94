/* image_oracle_test.c -- our pixels beside Pillow's: files of every kind that it writes, read here;
 * files written here, read by it. */
#include "base/files.h"
#include "media/image_test.h"
#include "tests/oracle.h"

#define FILES_MAX 256

/* Writes 0, 1, 2 … in every mode, and <i>.rgb, <i>.l: what Pillow makes of them. Prints per file:
 * width, height, tolerance. */
static const char make_files[] =
    "import io, struct, zlib, random\n"
    "from PIL import Image, ImageOps\n"
    "import numpy as np\n"
    "rng = np.random.default_rng(7)\n"
    "n = 0\n"
    "def photo(w, h):\n"
    "    y, x = np.mgrid[0:h, 0:w]\n"
    "    a = np.stack([128 + 100 * np.sin(x / 9 + k) * np.cos(y / (7 + k)) for k in range(3)], 2)\n"
    "    return np.clip(a + rng.normal(0, 12, (h, w, 3)), 0, 255).astype(np.uint8)\n"
    "def put(data):\n"
    "    global n\n"
    "    open(d + f'{n}', 'wb').write(data)\n"
    "    im = Image.open(io.BytesIO(data))\n"
    "    if im.mode.startswith('I'):\n" /* Pillow clips 16-bit grey; the high byte is wanted */
    "        im = Image.fromarray((np.asarray(im).astype(int) >> 8).astype(np.uint8))\n"
    "    rgb = im.convert('RGB')\n"
    "    rgb.save(d + f'{n}.rgb.ppm')\n"
    "    im.convert('L').save(d + f'{n}.l.pgm')\n"
    "    print(im.width, im.height)\n"
    "    n += 1\n"
    "def save(im, fmt, **kw):\n"
    "    b = io.BytesIO(); im.save(b, fmt, **kw); put(b.getvalue())\n"
    "sizes = [(1, 1), (7, 5), (16, 16), (33, 65), (130, 97), (301, 200)]\n"
    "for w, h in sizes:\n"
    "    im = Image.fromarray(photo(w, h))\n"
    "    for sub in (0, 1, 2):\n"
    "        for prog in (False, True):\n"
    "            save(im, 'JPEG', quality=88, subsampling=sub, progressive=prog)\n"
    "    save(im, 'JPEG', quality=35, optimize=True)\n"
    "    save(im.convert('L'), 'JPEG', quality=92)\n"
    "    save(im.convert('CMYK'), 'JPEG', quality=92)\n"
    "    for mode in ('RGB', 'L', 'LA', 'RGBA', 'P', '1'):\n"
    "        save(im.convert(mode), 'PNG')\n"
    "    for colours in (2, 4, 16):\n" /* palettes of 1, 2 and 4 bits */
    "        save(im.quantize(colours), 'PNG')\n"
    "    save(im, 'PPM'); save(im.convert('L'), 'PPM')\n"
    /* PNG by hand: depths, interlacing, every filter, many IDAT chunks */
    "def chunk(name, body):\n"
    "    return struct.pack('>I', len(body)) + name + body + struct.pack('>I', zlib.crc32(name + "
    "body))\n"
    "def paeth(a, b, c):\n"
    "    p = a + b - c; pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)\n"
    "    return a if pa <= pb and pa <= pc else b if pb <= pc else c\n"
    "def filtered(rows, bpp):\n"
    "    out = bytearray(); above = bytes(len(rows[0]) if rows else 0)\n"
    "    for i, row in enumerate(rows):\n"
    "        f = random.Random(i).randrange(5); out.append(f)\n"
    "        for k, v in enumerate(row):\n"
    "            a = row[k - bpp] if k >= bpp else 0; b = above[k]; c = above[k - bpp] if k >= bpp "
    "else 0\n"
    "            out.append((v - (0, a, b, (a + b) // 2, paeth(a, b, c))[f]) & 255)\n"
    "        above = row\n"
    "    return bytes(out)\n"
    "def packed(px, bits):\n" /* one row of samples */
    "    if bits == 16: return b''.join(struct.pack('>H', v) for v in px)\n"
    "    s = ''.join(format(v, f'0{bits}b') for v in px); s += '0' * (-len(s) % 8)\n"
    "    return bytes(int(s[i:i + 8], 2) for i in range(0, len(s), 8))\n"
    "def png(w, h, colour, bits, adam7):\n"
    "    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]\n"
    "    px = rng.integers(0, 1 << bits, (h, w, samples))\n"
    "    bpp = max(1, samples * bits // 8)\n"
    "    passes = [(0,0,8,8),(4,0,8,8),(0,4,4,8),(2,0,4,4),(0,2,2,4),(1,0,2,2),(0,1,1,2)] if adam7 "
    "else [(0, 0, 1, 1)]\n"
    "    data = b''\n"
    "    for x0, y0, dx, dy in passes:\n"
    "        sub = px[y0::dy, x0::dx]\n"
    "        if sub.size: data += filtered([packed(r.ravel().tolist(), bits) for r in sub], bpp)\n"
    "    z = zlib.compress(data)\n"
    "    out = b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', w, h, bits, "
    "colour, 0, "
    "0, adam7))\n"
    "    if colour == 3: out += chunk(b'PLTE', rng.bytes(3 << bits))\n"
    "    for i in range(0, len(z), 100): out += chunk(b'IDAT', z[i:i + 100])\n"
    "    put(out + chunk(b'IEND', b''))\n"
    "for colour, depths in ((0, (1, 2, 4, 8, 16)), (2, (8, 16)), (3, (1, 2, 4, 8)), (4, (8, 16)), "
    "(6, "
    "(8, 16))):\n"
    "    for bits in depths:\n"
    "        for adam7 in (0, 1):\n"
    "            png(21, 19, colour, bits, adam7)\n"
    "            png(3, 2, colour, bits, adam7)\n"
    "px = photo(9, 6)\n"
    "put(b'P6 # words\\n9 6\\n200\\n' + np.minimum(px, 200).tobytes())\n"
    "put(b'P3\\n9 6\\n255\\n' + ' '.join(str(v) for v in px.ravel()).encode())\n"
    "put(b'P2\\n9\\n#c\\n6 100\\n' + '\\n'.join(str(v % 101) for v in px[:, :, "
    "0].ravel()).encode())\n";

static ft_str read_file(ft_arena *arena, const char *name, int i, const char *tail) {
    char path[400];
    ft_str bytes;
    snprintf(path, sizeof path, "%s/%s%d%s", test_dir(), name, i, tail);
    EXPECT_OK(ft_file_read(&bytes, arena, path, 1 << 24));
    return bytes;
}

/* One file as colours and grey, whole and in part; the oracle's own picture is a PNM. */
static void compare(ft_arena *arena, int i, int channels, ft_random *r) {
    ft_image ours, theirs, part, cut;
    ft_decode_opts opts = { .channels = channels };
    ft_str file = read_file(arena, "", i, "");
    ft_str want = read_file(arena, "", i, channels == 3 ? ".rgb.ppm" : ".l.pgm");
    EXPECT_OK(ft_image_decode(&theirs, arena, want, NULL));
    EXPECT(theirs.channels == channels);
    EXPECT_OK(ft_image_decode(&ours, arena, file, &opts));
    int distance = test_distance(&ours, &theirs);
    if (distance) print_message("# file %d, %d channels: %d levels apart\n", i, channels, distance);
    EXPECT(distance <= 1);
    for (int k = 0; k < 8; k++) {
        opts.region = test_box(r, ours.width, ours.height);
        EXPECT_OK(ft_image_crop(&cut, &ours, opts.region));
        EXPECT_OK(ft_image_decode(&part, arena, file, &opts));
        EXPECT(test_equal(&part, &cut));
    }
}

static void test_reads_what_pillow_writes(void **state) {
    (void)state;
    if (!oracle_has("PIL,numpy")) SKIP("no python3-pil");
    ft_arena arena = FT_ARENA_INIT(0);
    double size[2 * FILES_MAX];
    int count = oracle_read(size, 2 * FILES_MAX, make_files) / 2;
    ft_random r;
    ft_random_seed(&r, 3);
    EXPECT(count > 150 && count < FILES_MAX);
    for (int i = 0; i < count; i++) {
        ft_image_info info;
        EXPECT_OK(ft_image_probe(&info, read_file(&arena, "", i, "")));
        EXPECT(info.width == (int)size[2 * i] && info.height == (int)size[2 * i + 1]);
        EXPECT(info.orientation == 1);
        compare(&arena, i, 3, &r);
        compare(&arena, i, 1, &r);
        ft_arena_reset(&arena);
    }
    ft_arena_fini(&arena);
}

/* Ours in Pillow: the same pixels (PNG, PNM), the same file's pixels (JPEG). */
static void test_writes_what_pillow_reads(void **state) {
    (void)state;
    if (!oracle_has("PIL,numpy")) SKIP("no python3-pil");
    static const ft_encode_opts kinds[] = {
        { .kind = FT_IMAGE_PNG },
        { .kind = FT_IMAGE_PNG, .level = 1 },
        { .kind = FT_IMAGE_PNM },
        { .kind = FT_IMAGE_JPEG },
        { .kind = FT_IMAGE_JPEG, .quality = 50, .sampling = 444 },
        { .kind = FT_IMAGE_JPEG, .quality = 100, .sampling = 422 },
    };
    ft_arena arena = FT_ARENA_INIT(0);
    char script[800];
    int count = 0;
    for (size_t k = 0; k < FT_COUNT(kinds); k++)
        for (int channels = 1; channels <= 3; channels += 2)
            for (int side = 1; side < 80; side = side * 3 + 1) {
                ft_image image = test_picture(&arena, side + 5, side, channels, k), back;
                ft_buf file = { 0 }, dump = { 0 };
                char name[40];
                EXPECT_OK(ft_image_encode(&file, &image, &kinds[k]));
                EXPECT_OK(ft_image_decode(&back, &arena, ft_buf_str(&file), NULL));
                EXPECT(back.channels == channels);
                EXPECT(kinds[k].kind == FT_IMAGE_JPEG || test_equal(&back, &image));
                EXPECT_OK(
                    ft_image_encode(&dump, &back, &(ft_encode_opts){ FT_IMAGE_PNM, 0, 0, 0 }));
                snprintf(name, sizeof name, "w%d", count);
                oracle_put(name, file.at, file.len);
                snprintf(name, sizeof name, "w%d.pnm", count++);
                oracle_put(name, dump.at, dump.len);
                ft_buf_fini(&file);
                ft_buf_fini(&dump);
            }
    snprintf(script, sizeof script,
             "import numpy as np\nfrom PIL import Image\nmost = 0\n"
             "for i in range(%d):\n"
             "    a, b = Image.open(d + f'w{i}'), Image.open(d + f'w{i}.pnm')\n"
             "    assert a.mode == b.mode and a.size == b.size\n"
             "    most = max(most, np.abs(np.asarray(a).astype(int) - np.asarray(b)).max())\n"
             "print(most)\n",
             count);
    double most = -1;
    EXPECT(oracle_ask(&most, 1, script));
    EXPECT(most == 0);
    ft_arena_fini(&arena);
}

/* Exif orientation as cameras write it, both byte orders; Pillow agrees on the whole picture. */
static void test_orientation(void **state) {
    (void)state;
    if (!oracle_has("PIL")) SKIP("no python3-pil");
    ft_arena arena = FT_ARENA_INIT(0);
    double done = 0;
    EXPECT(oracle_ask(&done, 1,
                      "from PIL import Image\nim = Image.new('RGB', (20, 10))\n"
                      "for o in range(1, 9):\n"
                      "    for k, fmt in enumerate(('JPEG', 'PNG')):\n"
                      "        e = Image.Exif(); e[0x010f] = 'maker'; e[0x0112] = o\n"
                      "        if o % 2: e.endian = '>'\n"
                      "        im.save(d + f'o{2 * o + k}', fmt, exif=e)\n"
                      "print(1)"));
    for (int i = 2; i < 18; i++) {
        ft_image_info info;
        EXPECT_OK(ft_image_probe(&info, read_file(&arena, "o", i, "")));
        EXPECT(info.orientation == i / 2);
        EXPECT(info.kind == (i % 2 ? FT_IMAGE_PNG : FT_IMAGE_JPEG));
    }
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_reads_what_pillow_writes),
          cmocka_unit_test(test_writes_what_pillow_reads), cmocka_unit_test(test_orientation))
