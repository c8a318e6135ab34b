/*
 * Medians, ratios and their intervals.  Everything is repeatable: the bootstrap starts from a fixed number.
 */
#include "cli/bench.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/chaos.h"

#define SEED 20071021 /* any */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double middle(const double *sorted, unsigned n)
{
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static void sort(double *to, const double *v, unsigned n)
{
    memcpy(to, v, n * sizeof *v);
    qsort(to, n, sizeof *to, by_size);
}

double bench_median(const double *v, unsigned n)
{
    double sorted[BENCH_MAX_STARTS];
    assert(n && n <= BENCH_MAX_STARTS);
    sort(sorted, v, n);
    return middle(sorted, n);
}

/* The largest k for which a median lies outside (k-th smallest, k-th largest) at most once in 20 times; 0: there is none. */
static unsigned rank_of_median(unsigned n)
{
    double log_term = -(double)n * log(2), below = 0;
    unsigned k = 0;
    for (; k < n / 2; k++) {
        below += exp(log_term); /* P(k or fewer of n are below the median) */
        if (2 * below > 0.05)
            break;
        log_term += log((double)(n - k) / (k + 1));
    }
    return k;
}

struct bench_interval bench_median_interval(const double *v, unsigned n)
{
    double sorted[BENCH_MAX_STARTS];
    unsigned k = rank_of_median(n);
    if (!k)
        return (struct bench_interval){.known = false};
    sort(sorted, v, n);
    return (struct bench_interval){sorted[k - 1], sorted[n - k], true};
}

/* The middle 95 % of BENCH_REPLICATES numbers, which are sorted here. */
static struct bench_interval percentiles(double *v)
{
    qsort(v, BENCH_REPLICATES, sizeof *v, by_size);
    unsigned tail = BENCH_REPLICATES / 40;
    return (struct bench_interval){v[tail], v[BENCH_REPLICATES - 1 - tail], true};
}

struct bench_interval bench_ratio_interval(const double *a, const double *b, unsigned n, double *logs)
{
    double x[BENCH_MAX_STARTS], y[BENCH_MAX_STARTS], ratio[BENCH_REPLICATES];
    uint64_t state = SEED;
    if (!rank_of_median(n))
        return (struct bench_interval){.known = false};
    for (unsigned r = 0; r < BENCH_REPLICATES; r++) {
        for (unsigned i = 0; i < n; i++) {
            unsigned pick = (unsigned)(chaos_random(&state) % n);
            x[i] = a[pick];
            y[i] = b[pick];
        }
        qsort(x, n, sizeof *x, by_size);
        qsort(y, n, sizeof *y, by_size);
        ratio[r] = middle(y, n) / middle(x, n);
        if (logs)
            logs[r] += log(ratio[r]);
    }
    return percentiles(ratio);
}

struct bench_interval bench_mean_interval(const double *logs, unsigned rows)
{
    double mean[BENCH_REPLICATES];
    if (!rows)
        return (struct bench_interval){.known = false};
    for (unsigned r = 0; r < BENCH_REPLICATES; r++)
        mean[r] = exp(logs[r] / rows);
    return percentiles(mean);
}
