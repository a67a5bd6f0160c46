#include "tests/unit/storage/golden.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

void golden_load(const char *name, unsigned char *data, size_t bytes)
{
    char path[512], line[128];
    const char *slash = strrchr(__FILE__, '/');
    snprintf(path, sizeof path, "%.*sgolden/%s", slash ? (int)(slash + 1 - __FILE__) : 0, __FILE__,
             name);
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL, "%s", path);
    memset(data, 0, bytes);
    while (fgets(line, sizeof line, file)) {
        unsigned at;
        int used;
        if (line[0] == '#')
            continue;
        cr_assert_eq(sscanf(line, "%x:%n", &at, &used), 1, "%s", line);
        for (int i = 0; i < 16; i++) {
            unsigned byte;
            cr_assert_eq(sscanf(line + used + 3 * i, " %2x", &byte), 1, "%s", line);
            cr_assert_lt(at + (unsigned)i, bytes);
            data[at + (unsigned)i] = (unsigned char)byte;
        }
    }
    fclose(file);
}
