/* allocator.c - how jemalloc is set up; it reads this before main.
 *
 * A turn of an ingress core takes in hundreds of requests and frees them again hundreds at a time.
 * With the default of 20 to 200 cached blocks per size a thread's cache overflows at every turn and
 * empties into the arenas under their locks.
 */
extern const char *malloc_conf;
__attribute__((used)) const char *malloc_conf =
    "tcache_nslots_small_min:1000,tcache_nslots_small_max:2000";
