/* fuzz_json.c - any bytes as JSON, against jansson: the same are refused, and what is read is the
 * same. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/http/json_twin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_check((const char *)data, size);
    return 0;
}
