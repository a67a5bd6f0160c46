/* fuzz_http.c - any sequence of requests, public and admin, into a whole exchange: see world.h for
 * the script that the input is, and for what is checked.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *world = world_init(NULL, NULL);
    world_open(world);
    world_play(world, (const char *)data, size);
    world_check(world);
    world_fini(world);
    return 0;
}
