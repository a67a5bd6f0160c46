/* fuzz.h - what all fuzz targets share.
 *
 * Thread:  one.
 * A target checks with ASSERT: what fails there, in the code under test or in a sanitizer ends the
 * process, and libFuzzer keeps the input.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer's entry points. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2,
                                 size_t size2, uint8_t *out, size_t out_max, unsigned int seed);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* The bytes in memory of their own, so that reading past their end is seen; the caller frees. */
static inline void *fuzz_copy(const void *data, size_t size)
{
    char *copy = malloc(size ? size : 1);
    if (copy && size)
        memcpy(copy, data, size);
    return copy;
}

#endif
