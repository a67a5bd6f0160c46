/* golden.h - files that earlier versions wrote, kept in golden/ as text: "offset: bytes" in hex, 16
 * a line; lines of zeros are left out, lines that begin with # are remarks.
 *
 * Thread:  any.
 */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <stddef.h>

/* Fills `data` with golden/`name`, and zeros; a failed assertion of Criterion if it cannot. */
void golden_load(const char *name, unsigned char *data, size_t bytes);

#endif
