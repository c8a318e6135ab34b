/*
 * Intervals of btv bench: exact ranks, and how often they hold the true value in samples whose distribution is known.
 */
#include "cli/bench.h"

#include <math.h>

#include "base/chaos.h"
#include "check.h"

static uint64_t state = 1;

/* Uniform in (0, 1). */
static double uniform(void)
{
    return ((double)(chaos_random(&state) >> 12) + 0.5) / (double)(UINT64_C(1) << 52);
}

/* What times look like: a floor, and a long tail above it.  Its median is 1 + log(2) / 10. */
static double time_like(void)
{
    return 1 - log(uniform()) / 10;
}

static void ranks(void)
{
    double v[40];
    /* n, rank of the lower end: tables of the sign test at 5 %, two-sided */
    static const unsigned rank[][2] = {{6, 1}, {8, 1}, {9, 2}, {10, 2}, {12, 3}, {15, 4}, {20, 6}, {25, 8}, {30, 10}, {40, 14}};
    for (unsigned i = 0; i < sizeof rank / sizeof *rank; i++) {
        unsigned n = rank[i][0], k = rank[i][1];
        for (unsigned j = 0; j < n; j++)
            v[j] = j % 2 ? n - j / 2 : 1 + j / 2; /* 1..n, shuffled */
        struct bench_interval r = bench_median_interval(v, n);
        CHECK(r.known && r.lo == k && r.hi == n + 1 - k, "n %u: %g, %g", n, r.lo, r.hi);
        CHECK(bench_median(v, n) == (n + 1) / 2.0, "n %u", n);
    }
    CHECK(!bench_median_interval(v, 5).known && !bench_median_interval(v, 1).known, "too few");
    CHECK(!bench_ratio_interval(v, v, 5, NULL).known, "too few");
}

static void equal_commands(void)
{
    double v[10], logs[BENCH_REPLICATES] = {0};
    for (int i = 0; i < 10; i++)
        v[i] = time_like();
    struct bench_interval r = bench_ratio_interval(v, v, 10, logs);
    CHECK(r.lo == 1 && r.hi == 1, "%g, %g", r.lo, r.hi);
    r = bench_mean_interval(logs, 1);
    CHECK(r.known && r.lo == 1 && r.hi == 1, "%g, %g", r.lo, r.hi);
    CHECK(!bench_mean_interval(logs, 0).known, "no rows");
}

/* b takes 1.5 times as long, and both suffer from the same disturbance of a round. */
static void coverage(unsigned n, double at_least)
{
    enum { TRIALS = 300 };
    unsigned held = 0, median_held = 0;
    for (unsigned t = 0; t < TRIALS; t++) {
        double a[40], b[40];
        for (unsigned i = 0; i < n; i++) {
            a[i] = time_like();
            b[i] = 1.5 * time_like();
        }
        struct bench_interval m = bench_median_interval(a, n);
        double median = 1 + log(2) / 10;
        median_held += m.lo <= median && median <= m.hi;
        for (unsigned i = 0; i < n; i++) {
            double noise = 1 + uniform();
            a[i] *= noise;
            b[i] *= noise;
        }
        struct bench_interval r = bench_ratio_interval(a, b, n, NULL);
        held += r.lo <= 1.5 && 1.5 <= r.hi;
    }
    printf("n = %u: the ratio's interval holds it in %.1f %%, the median's in %.1f %%\n", n, held * 100.0 / TRIALS, median_held * 100.0 / TRIALS);
    CHECK(held >= at_least * TRIALS, "n %u: %u", n, held);
    CHECK(median_held >= 0.93 * TRIALS, "n %u: %u", n, median_held);
}

/* Rows of one geometric mean: narrower than each of them. */
static void mean(void)
{
    double a[10], b[10], logs[BENCH_REPLICATES] = {0}, width = 0;
    enum { ROWS = 9 };
    for (unsigned k = 0; k < ROWS; k++) {
        for (unsigned i = 0; i < 10; i++) {
            a[i] = time_like();
            b[i] = 2 * time_like();
        }
        struct bench_interval r = bench_ratio_interval(a, b, 10, logs);
        width += log(r.hi / r.lo) / ROWS;
    }
    struct bench_interval r = bench_mean_interval(logs, ROWS);
    CHECK(r.lo < 2 && 2 < r.hi, "%g, %g", r.lo, r.hi);
    CHECK(log(r.hi / r.lo) < width, "%g, %g", r.lo, r.hi);
}

int main(void)
{
    ranks();
    equal_commands();
    coverage(10, 0.92);
    coverage(20, 0.92);
    mean();
    return check_done();
}
