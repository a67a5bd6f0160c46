/* crc32c.h - CRC-32C (Castagnoli), as the journal uses it.
 *
 * Thread:  any; pure. SSE4.2 where the CPU has it, a table elsewhere; both give the same value.
 * Source:  RFC 3720 appendix B.4 (test vectors in tests/unit/runtime/test_crc32c.c).
 */
#ifndef CRC32C_H
#define CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 to begin) over `bytes` bytes. Thread: any. */
uint32_t crc32c(uint32_t crc, const void *data, size_t bytes);

/* The table version, for the test that compares the two. Thread: any. */
uint32_t crc32c_table(uint32_t crc, const void *data, size_t bytes);

#endif
