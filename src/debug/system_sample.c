/* system_sample.c -- see system_sample.h. The device library's functions are declared here, by its
 * manual (nvml.h of the CUDA toolkit's documentation): its headers are not needed to build. */
#include "debug/system_sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/lib.h"

#define CPUS_MAX     512
#define GPUS_MAX     16
#define FILE_BYTES   ((size_t)1 << 20)
#define SECTOR_BYTES 512 /* of /proc/diskstats, whatever the disk's own are */

/* ---- NVIDIA's devices */

typedef struct gpu_use {
    unsigned gpu, memory; /* percent of the time that each was busy */
} gpu_use;
typedef struct gpu_memory {
    unsigned long long total, free, used;
} gpu_memory;

static struct {
    int (*init)(void);
    int (*count)(unsigned *n);
    int (*at)(unsigned i, void **device);
    int (*use)(void *device, gpu_use *out);
    int (*memory)(void *device, gpu_memory *out);
} nvml;

#define SYMBOL(member, name) \
    { name, (size_t)((char *)&nvml.member - (char *)&nvml) }

/* How many there are; 0 without the library. */
static unsigned gpus_find(void **devices) {
    static void *handle;
    const ft_lib_symbol symbols[] = { SYMBOL(init, "nvmlInit_v2"),
                                      SYMBOL(count, "nvmlDeviceGetCount_v2"),
                                      SYMBOL(at, "nvmlDeviceGetHandleByIndex_v2"),
                                      SYMBOL(use, "nvmlDeviceGetUtilizationRates"),
                                      SYMBOL(memory, "nvmlDeviceGetMemoryInfo") };
    unsigned n = 0;
    if (ft_lib_load(&handle, "libnvidia-ml.so.1", "libnvidia-ml1", &nvml, symbols,
                    FT_COUNT(symbols)) != FT_OK ||
        nvml.init() != 0 || nvml.count(&n) != 0) {
        ft_err_clear();
        return 0;
    }
    if (n > GPUS_MAX) n = GPUS_MAX;
    for (unsigned i = 0; i < n; i++)
        if (nvml.at(i, &devices[i]) != 0) return i;
    return n;
}

/* ---- counters of the kernel */

typedef struct cpu_ticks {
    uint64_t all, idle, wait;
} cpu_ticks;
typedef struct counters {
    int64_t at_us;
    cpu_ticks cpu[CPUS_MAX];
    size_t cpu_count;
    uint64_t operations, read_sectors, written_sectors, received, sent;
} counters;

struct ft_system_sampler {
    counters last;
    bool has_last;
    void *gpu[GPUS_MAX];
    unsigned gpu_count;
};

/* The next word of `line`, as a number. */
static uint64_t number(ft_str *line) {
    uint64_t n = 0;
    *line = ft_str_trim(*line);
    ft_str word = ft_str_cut(line, ' ');
    if (!ft_str_u64(&n, word)) return 0;
    return n;
}

/* "cpu3 user nice system idle iowait irq softirq steal …" */
static void cpu_line(counters *c, ft_str line) {
    cpu_ticks t = { 0 };
    ft_str_cut(&line, ' ');
    for (int i = 0; i < 8 && line.at; i++) {
        uint64_t n = number(&line);
        t.all += n;
        if (i == 3) t.idle = n;
        if (i == 4) t.wait = n;
    }
    if (c->cpu_count < CPUS_MAX) c->cpu[c->cpu_count++] = t;
}

static ft_err cpus_read(counters *c, ft_arena *arena) {
    ft_str text;
    FT_TRY(ft_file_read(&text, arena, "/proc/stat", FILE_BYTES));
    while (text.len) {
        ft_str line = ft_str_cut(&text, '\n');
        if (ft_str_starts(line, FT_STR("cpu")) && line.len > 3 && line.at[3] != ' ')
            cpu_line(c, line);
    }
    return FT_OK;
}

/* Whole disks only: a partition's numbers are in its disk's. */
static bool is_disk(ft_str name) {
    static const char *const parts[] = { "loop", "ram", "dm-", "md", "zram", "sr", "fd" };
    for (size_t i = 0; i < FT_COUNT(parts); i++)
        if (ft_str_starts(name, ft_str_of(parts[i]))) return false;
    bool digit = name.len && name.at[name.len - 1] >= '0' && name.at[name.len - 1] <= '9';
    if (ft_str_starts(name, FT_STR("nvme")) || ft_str_starts(name, FT_STR("mmcblk")))
        return ft_str_find(name, 'p') == name.len;
    return name.len > 0 && !digit;
}

static ft_err disks_read(counters *c, ft_arena *arena) {
    ft_str text;
    if (!ft_file_exists("/proc/diskstats")) return FT_OK;
    FT_TRY(ft_file_read(&text, arena, "/proc/diskstats", FILE_BYTES));
    while (text.len) {
        ft_str line = ft_str_cut(&text, '\n');
        uint64_t n[7];
        number(&line), number(&line);
        line = ft_str_trim(line);
        ft_str name = ft_str_cut(&line, ' ');
        for (int i = 0; i < 7; i++) n[i] = number(&line);
        if (!is_disk(name)) continue;
        c->operations += n[0] + n[4];
        c->read_sectors += n[2];
        c->written_sectors += n[6];
    }
    return FT_OK;
}

static ft_err network_read(counters *c, ft_arena *arena) {
    ft_str text;
    if (!ft_file_exists("/proc/net/dev")) return FT_OK;
    FT_TRY(ft_file_read(&text, arena, "/proc/net/dev", FILE_BYTES));
    while (text.len) {
        ft_str rest = ft_str_cut(&text, '\n'), name = ft_str_trim(ft_str_cut(&rest, ':'));
        if (!rest.at || ft_str_is(name, "lo")) continue;
        c->received += number(&rest);
        for (int i = 0; i < 7; i++) number(&rest);
        c->sent += number(&rest);
    }
    return FT_OK;
}

/* ---- values */

typedef struct sink {
    ft_system_value *at;
    size_t count;
} sink;

static void add(sink *s, const char *type, const char *name, const char *dimension, double value) {
    if (s->count == FT_SYSTEM_VALUES_MAX) return;
    ft_system_value *v = &s->at[s->count++];
    *v = (ft_system_value){ .type = type, .dimension = dimension, .value = value };
    snprintf(v->name, sizeof v->name, "%s", name);
}

static double percent(uint64_t part, uint64_t whole) {
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* A counter that went back (a device left) stands for nothing. */
static double rate(uint64_t now, uint64_t before, double seconds, double scale) {
    return now > before && seconds > 0 ? (double)(now - before) * scale / seconds : 0;
}

static void rates_add(sink *s, const counters *now, const counters *last) {
    double seconds = (double)(now->at_us - last->at_us) / 1e6;
    for (size_t i = 0; i < now->cpu_count && i < last->cpu_count; i++) {
        const cpu_ticks *a = &last->cpu[i], *b = &now->cpu[i];
        uint64_t all = b->all > a->all ? b->all - a->all : 0,
                 idle = b->idle > a->idle ? b->idle - a->idle : 0,
                 wait = b->wait > a->wait ? b->wait - a->wait : 0;
        char name[40];
        snprintf(name, sizeof name, "cpu%zu", i);
        uint64_t busy = all > idle + wait ? all - idle - wait : 0;
        add(s, "cpu", name, "CPUUtilization", percent(busy, all));
        add(s, "cpu", name, "I/OWaitPercentage", percent(wait < all ? wait : all, all));
    }
    add(s, "i/o", "IOPS", "", rate(now->operations, last->operations, seconds, 1));
    add(s, "i/o", "ReadThroughputInBytesPerSecond", "",
        rate(now->read_sectors, last->read_sectors, seconds, SECTOR_BYTES));
    add(s, "i/o", "WriteThroughputInBytesPerSecond", "",
        rate(now->written_sectors, last->written_sectors, seconds, SECTOR_BYTES));
    add(s, "network", "ReceiveBytesPerSecond", "Algorithm",
        rate(now->received, last->received, seconds, 1));
    add(s, "network", "TransmitBytesPerSecond", "Algorithm",
        rate(now->sent, last->sent, seconds, 1));
}

static ft_err memory_add(sink *s, ft_arena *arena) {
    ft_str text;
    uint64_t total = 0, available = 0;
    FT_TRY(ft_file_read(&text, arena, "/proc/meminfo", FILE_BYTES));
    while (text.len) {
        ft_str rest = ft_str_cut(&text, '\n'), name = ft_str_cut(&rest, ':');
        if (ft_str_is(name, "MemTotal")) total = number(&rest);
        if (ft_str_is(name, "MemAvailable")) available = number(&rest);
    }
    add(s, "memory", "MemoryUsedPercent", "",
        percent(total > available ? total - available : 0, total));
    return FT_OK;
}

static void gpus_add(sink *s, const ft_system_sampler *sampler) {
    for (unsigned i = 0; i < sampler->gpu_count; i++) {
        char name[40];
        gpu_use use;
        gpu_memory memory;
        snprintf(name, sizeof name, "gpu%u", i);
        if (nvml.use(sampler->gpu[i], &use) == 0) add(s, "gpu", name, "GPUUtilization", use.gpu);
        if (nvml.memory(sampler->gpu[i], &memory) == 0)
            add(s, "gpu", name, "GPUMemoryUtilization", percent(memory.used, memory.total));
    }
}

ft_err ft_system_sampler_new(ft_system_sampler **out) {
    *out = ft_fault_here() ? NULL : calloc(1, sizeof **out);
    if (!*out) return FT_FAIL(FT_ENOMEM, "no memory to sample the system");
    (*out)->gpu_count = gpus_find((*out)->gpu);
    return FT_OK;
}

void ft_system_sampler_free(ft_system_sampler *s) { free(s); }

static ft_err sample(ft_system_sampler *s, sink *values, ft_arena *arena) {
    counters *now;
    FT_TRY(ft_arena_items(&now, arena, 1));
    *now = (counters){ .at_us = ft_clock_monotonic_us() };
    FT_TRY(cpus_read(now, arena));
    FT_TRY(disks_read(now, arena));
    FT_TRY(network_read(now, arena));
    if (s->has_last) rates_add(values, now, &s->last);
    s->last = *now;
    s->has_last = true;
    FT_TRY(memory_add(values, arena));
    gpus_add(values, s);
    return FT_OK;
}

ft_err ft_system_sample(ft_system_sampler *s, ft_system_value *values, size_t *count) {
    ft_arena arena = FT_ARENA_INIT(0);
    sink to = { values, 0 };
    ft_err err = sample(s, &to, &arena);
    *count = to.count;
    ft_arena_fini(&arena);
    return err;
}
