#include "runtime/check.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef CASTLE_BUGS
int check_bug;
#endif

void check_failed(const char *file, int line, const char *expr)
{
    fprintf(stderr, "castle: assertion failed at %s:%d: %s\n", file, line, expr);
    fflush(stderr);
    abort();
}
