/* seeds.c - makes the seeds that no one can write by hand, anew each time, so that they never lag
 * behind the formats: plays scripts (corpus/http) and keeps the journal, each kind of record in it
 * and the state at the end.
 *
 * usage: fuzz_seeds SCRIPTS OUT     makes OUT/journal, OUT/request and OUT/snapshot
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actors/msg/msg.h"
#include "actors/msg/request.h"
#include "runtime/check.h"
#include "storage/seal.h"
#include "storage/snapshot.h"
#include "tests/fuzz/image.h"
#include "tests/fuzz/world.h"
#include "tests/unit/storage/mem_disk.h"

struct state {
    uint8_t *data;
    size_t size;
};

static struct image image;
static uint64_t batch;            /* of the last chunk */
static bool seen[256][64];        /* record types and their variants in corpus/request */
static const char *scripts, *out; /* folders */

static void write_file(const char *folder, const char *name, const void *data, size_t size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/%s", out, folder, name);
    FILE *file = fopen(path, "wb");
    ASSERT(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

/* What differs within a type of record: the kind of a list, the last part of many. */
static uint8_t variant(const struct image_record *record)
{
    struct request request;
    uint32_t bytes = record->head.bytes;
    if (record->head.type == RECORD_REQUEST + REQUEST_LIST &&
        request_decode(REQUEST_LIST, record->payload, bytes, &request))
        return request.list.kind;
    if (record->head.type == RECORD_PARTS && bytes >= MSG_ENCODED_BYTES)
        return record->payload[bytes - MSG_ENCODED_BYTES] % 64;
    return 0;
}

/* A request as fuzz_request wants it: its type, then its payload. */
static void keep_request(const struct image_record *record)
{
    unsigned char data[1 + IMAGE_PAYLOAD_MAX];
    char name[32];
    uint8_t type = record->head.type, kind = variant(record);
    if (seen[type][kind])
        return;
    seen[type][kind] = true;
    data[0] = (unsigned char)(type >= RECORD_REQUEST ? type - RECORD_REQUEST : type);
    memcpy(data + 1, record->payload, record->head.bytes);
    snprintf(name, sizeof name, "record-%u-%u", type, kind);
    write_file("request", name, data, 1u + record->head.bytes);
}

static void on_chunk(void *arg, const struct chunk *chunk)
{
    const unsigned char *at = chunk->data;
    (void)arg;
    batch++;
    for (uint32_t i = 0; i < chunk->records && image.count < IMAGE_RECORDS_MAX; i++) {
        struct image_record *record = &image.record[image.count++];
        record_head_decode(at, &record->head);
        memcpy(record->payload, at + RECORD_HEAD_BYTES, record->head.bytes);
        record->begins_chunk = i == 0;
        record->begins_batch = i == 0 && batch % 3 == 1; /* three chunks a batch */
        record->ts_us = (uint64_t)chunk->ts_us;
        record->boot = 1;
        keep_request(record);
        at += RECORD_HEAD_BYTES + record->head.bytes;
    }
}

static void write_state(void *self, struct wire *wire)
{
    struct state *state = self;
    wire_bytes(wire, state->data, (uint32_t)state->size);
}

/* The state that a snapshot holds, once bare and once as a file. */
static void keep_state(struct world *world, const char *name)
{
    static uint8_t data[1 << 20];
    char file[64];
    struct state state = {.data = data + 1};
    struct mem_disk memory = {0};
    struct disk disk = mem_disk(&memory);
    struct snapshot_head head = {.lsn = 42, .boot = 1};
    data[0] = 's';
    state.size = world_save(world, state.data, sizeof data - 1);
    write_file("snapshot", name, data, 1 + state.size);
    if (strcmp(name, "orders") != 0)
        return;
    ASSERT(snapshot_write(&disk, &head, write_state, &state) == 0);
    snapshot_name(42, file);
    const struct mem_file *made = mem_disk_find(&memory, file);
    data[0] = 'f';
    memcpy(data + 1, made->data, 256);
    memcpy(data + 257, made->data + SEGMENT_BLOCK, head.body_bytes);
    write_file("snapshot", "file", data, 257 + head.body_bytes);
    mem_disk_fini(&memory);
}

/* A segment with nothing in it, sealed. */
static void keep_sealed(void)
{
    static uint8_t data[1 << 16];
    struct mem_disk memory = {0};
    struct disk disk = mem_disk(&memory);
    const struct segment_head head = {
        .version = SEGMENT_VERSION, .number = 1, .bytes = 8 * SEGMENT_BLOCK, .first_lsn = 1};
    segment_encode(&head, mem_disk_put(&memory, "journal-00000001.seg", NULL, head.bytes)->data);
    ASSERT(seal_segment(&disk, 1) == 0);
    const struct mem_file *made = mem_disk_find(&memory, "journal-00000001.seg.zst");
    data[0] = 'z';
    memcpy(data + 1, made->data, made->bytes);
    write_file("snapshot", "sealed", data, 1 + made->bytes);
    mem_disk_fini(&memory);
}

static void play(const char *name)
{
    static char script[1 << 16];
    static uint8_t data[1 << 16];
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", scripts, name);
    FILE *file = fopen(path, "rb");
    ASSERT(file != NULL);
    size_t length = fread(script, 1, sizeof script, file);
    fclose(file);
    struct world *world = world_init(on_chunk, NULL);
    image = (struct image){.head = {.version = SEGMENT_VERSION, .first_lsn = 1, .first_batch = 1}};
    struct exchange_config config;
    world_config(&config);
    image.head.account_shards = config.account_shards;
    image.head.market_shards = config.market_shards;
    batch = 0;
    world_open(world);
    world_play(world, script, length);
    world_check(world);
    keep_state(world, name);
    world_fini(world);
    size_t size = image_write(&image, data, sizeof data, false);
    write_file("journal", name, data, size);
}

static void make_folder(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", out, name);
    ASSERT(mkdir(path, 0700) == 0 || errno == EEXIST);
}

int main(int argc, char **argv)
{
    struct dirent **entry;
    if (argc != 3) {
        fprintf(stderr, "usage: fuzz_seeds SCRIPTS OUT\n");
        return 2;
    }
    scripts = argv[1];
    out = argv[2];
    make_folder("journal");
    make_folder("request");
    make_folder("snapshot");
    int count = scandir(scripts, &entry, NULL, alphasort);
    ASSERT(count > 0);
    for (int i = 0; i < count; i++) {
        if (entry[i]->d_name[0] != '.')
            play(entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
    keep_sealed();
    return 0;
}
