/* fuzz_snapshot.c - the state in a snapshot, of any content, into an empty exchange; and the files
 * that hold it.
 *
 * Input:   first byte 's': what follows is the state as the walk writes it. 'f': a snapshot file,
 * its first 256 bytes for the header block. 'z': a sealed segment. Others: nothing.
 *
 * Checks:  a load fails or is whole, and what is whole can be saved and loaded again. Nothing
 * is read or written out of bounds. About asserts: life.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/check.h"
#include "runtime/crc32c.h"
#include "storage/seal.h"
#include "storage/snapshot.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/life.h"
#include "tests/unit/storage/mem_disk.h"

enum { HEAD_BYTES = 256, STATE_MAX = 1 << 20, PART_BYTES = 61 };

/* ---- the state ---- */

struct source { /* handed out in small parts, so that fields lie across them */
    const uint8_t *data;
    size_t size, at;
};

static bool next_part(struct wire *wire)
{
    struct source *source = wire->self;
    size_t left = source->size - source->at, part = left < PART_BYTES ? left : PART_BYTES;
    wire->in = source->data + source->at;
    wire->at = 0;
    wire->end = (uint32_t)part;
    source->at += part;
    return part > 0;
}

/* The bytes that were read, 0 when the load failed. */
static size_t load(struct life *life, const uint8_t *data, size_t size)
{
    struct source source = {.data = data, .size = size};
    struct wire wire = {.in = data, .ok = true, .turn = next_part, .self = &source};
    exchange_wire(&wire, &life->ex);
    return wire.ok ? source.at - (wire.end - wire.at) : 0;
}

static size_t save(struct life *life, uint8_t out[static STATE_MAX])
{
    struct wire wire = {.out = out, .ok = true};
    exchange_wire(&wire, &life->ex);
    ASSERT(wire.ok && wire.at <= STATE_MAX);
    return wire.at;
}

static void check_state(const uint8_t *data, size_t size)
{
    static uint8_t state[STATE_MAX], again[STATE_MAX];
    struct life life, twin;
    uint8_t *copy = fuzz_copy(data, size);
    life_init(&life);
    if (load(&life, copy, size)) { /* lists may have had another order: from here on it is ours */
        size_t length = save(&life, state);
        life_init(&twin);
        ASSERT(load(&twin, state, length) == length);
        ASSERT(save(&twin, again) == length && memcmp(state, again, length) == 0);
        life_check_same(&life, &twin);
        life_go_on(&life, &twin, 2);
        life_fini(&twin);
    }
    life_fini(&life);
    free(copy);
}

/* ---- the files ---- */

static void wire_exchange(void *self, struct wire *wire)
{
    exchange_wire(wire, self);
}

static void check_file(const uint8_t *data, size_t size)
{
    struct mem_disk memory = {0};
    struct disk disk = mem_disk(&memory);
    struct snapshot_head head, peeked;
    char text[256];
    size_t head_bytes = size < HEAD_BYTES ? size : HEAD_BYTES;
    struct mem_file *file = mem_disk_put(&memory, "snapshot-00000000000000000042.snap", NULL,
                                         SEGMENT_BLOCK + size - head_bytes);
    memcpy(file->data, data, head_bytes);
    memcpy(file->data + SEGMENT_BLOCK, data + head_bytes, size - head_bytes);
    struct life life;
    life_init(&life);
    enum recovery_status peek = snapshot_peek(&disk, 42, &peeked, text);
    enum recovery_status status = snapshot_read(&disk, 42, &head, wire_exchange, &life.ex, text);
    ASSERT(status == RECOVERY_OK || status == RECOVERY_DAMAGED);
    ASSERT(status != RECOVERY_OK || peek == RECOVERY_OK);
    life_fini(&life);
    ASSERT(mem_disk_opened(&memory) == 0);
    mem_disk_fini(&memory);
}

static void check_sealed(const uint8_t *data, size_t size)
{
    struct mem_disk memory = {0};
    struct disk disk = mem_disk(&memory);
    char name[DISK_NAME_MAX];
    unsigned char block[SEGMENT_BLOCK];
    uint64_t bytes, peeked;
    int error;
    mem_disk_put(&memory, "journal-00000001.seg.zst", data, size);
    int64_t got = segment_peek(&disk, 1, block, &peeked, name);
    ASSERT(got >= 0 && got <= SEGMENT_BLOCK);
    unsigned char *whole = segment_load(&disk, 1, &bytes, name, &error);
    ASSERT(whole || error == -EBADMSG);
    ASSERT(!whole || (bytes >= SEGMENT_BLOCK && memcmp(whole, block, SEGMENT_BLOCK) == 0));
    free(whole);
    ASSERT(mem_disk_opened(&memory) == 0);
    mem_disk_fini(&memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] == 's')
        check_state(data + 1, size - 1);
    if (size && data[0] == 'f')
        check_file(data + 1, size - 1);
    if (size && data[0] == 'z')
        check_sealed(data + 1, size - 1);
    return 0;
}

/* ---- the mutator: puts right the checksums of a file, which else nothing would get past ---- */

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned int seed)
{
    unsigned char block[SEGMENT_BLOCK] = {0};
    uint8_t kind = size ? data[0] : 's';
    size = LLVMFuzzerMutate(data, size, size_max);
    if (size && seed % 16)
        data[0] = kind;
    if (size <= 1 + HEAD_BYTES || data[0] != 'f' || seed % 8 == 0)
        return size;
    uint8_t *head = data + 1, *body = head + HEAD_BYTES;
    size_t body_bytes = size - 1 - HEAD_BYTES;
    put_u64(head + 16, 42);
    if (seed % 8 > 1)
        put_u64(head + 32, body_bytes);
    put_u32(head + 52, crc32c(0, body, body_bytes));
    memcpy(block, head, HEAD_BYTES);
    put_u32(head + 12, crc32c(0, block + 16, SEGMENT_BLOCK - 16));
    return size;
}
