/* measure.h - what every bench needs: clocks, medians, pinning, the machine's name.
 *
 * Thread:  any.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include <stddef.h>
#include <stdint.h>

/* The monotonic clock. */
uint64_t measure_now_ns(void);
double measure_now_s(void);

/* Sorts the values; their median. `count` is at least 1. */
double measure_median(double *value, uint32_t count);

/* Keeps the calling thread on one processor (thread_cpu() names them). Returns it, or -1 when the
 * kernel refuses. */
int measure_pin(int cpu);

/* The processor's name as /proc/cpuinfo has it; "unknown" elsewhere. */
void measure_cpu_name(char *name, size_t bytes);

#endif
