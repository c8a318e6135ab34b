/*
 * The parts of `btv bench`: one run of a process, and what can be said about numbers that vary.
 *
 * Georges, Buytaert, Eeckhout, "Statistically rigorous Java performance evaluation" (2007): the unit is a process started anew,
 * results are an interval and not a number.
 */
#ifndef BTV_CLI_BENCH_H
#define BTV_CLI_BENCH_H

#include "cli/tool.h"

/* -- bench_stat.c ------------------------------------------------------------------------------------------ */

#define BENCH_MAX_STARTS 1000
#define BENCH_REPLICATES 2000 /* of a bootstrap */

struct bench_interval {
    double lo, hi;
    bool known; /* false: too few numbers for 95 % */
};

double bench_median(const double *v, unsigned n);
/*
 * 95 % interval of the median, whatever the distribution: between the k-th smallest and the k-th largest number, k from the binomial
 * distribution.  There is none for n < 6.
 */
struct bench_interval bench_median_interval(const double *v, unsigned n);
/*
 * Ratio of the medians, b to a, and its 95 % interval: percentiles of a bootstrap that draws whole rounds, a[i] with b[i], because
 * what disturbs the machine disturbs neighbours in time.  `logs`: of BENCH_REPLICATES numbers, to which the logarithm of each drawn ratio is
 * added, for the interval of a geometric mean; NULL: not wanted.  Not known for n < 6.
 */
struct bench_interval bench_ratio_interval(const double *a, const double *b, unsigned n, double *logs);
/* The interval of a geometric mean of `rows` ratios whose logarithms were added up. */
struct bench_interval bench_mean_interval(const double *logs, unsigned rows);

/* -- bench_run.c ------------------------------------------------------------------------------------------- */

enum bench_end { BENCH_EXITED, BENCH_SIGNALLED, BENCH_TIMEOUT, BENCH_NOT_STARTED };

struct bench_sample {
    enum bench_end end;
    int code;         /* exit status, signal, or the errno that kept it from starting */
    double wall_ns;   /* from before fork to after wait */
    double cpu_ns;    /* user and system, of descendants that were waited for, too */
    double rss_kib;   /* the most that any of these had in memory; btv bench's own at fork is the least */
    uint64_t out_bytes, out_hash; /* standard output */
    char complaint[200]; /* the first line of standard error */
};

struct bench_limits {
    int cpu;          /* the only processor to use, or -1 */
    unsigned seconds; /* before the process and its group are killed */
};

/* argv as of execvp; standard input is empty.  BTV_HOST if btv itself fails. */
BTV_NODISCARD enum btv_status bench_run(char *const *argv, const struct bench_limits *limits, struct bench_sample *out, struct btv_error *err);

#endif
