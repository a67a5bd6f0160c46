/* fuzz_journal.c - a journal of any content through recovery, into an exchange, and on from there.
 *
 * Input:   image.h. The mutator changes records and puts right what checksums and numbers would
 * refuse.
 *
 * Checks:  nothing is read or written out of bounds, whatever the bytes. What is accepted is
 * accepted again after the tail was cut, with the same state; the exchange then comes to rest, and
 * what it records on the way replays too. About asserts: life.h.
 */
#include <stdlib.h>
#include <string.h>

#include "actors/msg/msg.h"
#include "actors/msg/request.h"
#include "runtime/check.h"
#include "runtime/hash.h"
#include "storage/recovery.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/image.h"
#include "tests/fuzz/life.h"
#include "tests/unit/storage/mem_disk.h"

struct reader {
    struct life life;
    uint64_t records;
};

struct record_in {
    const struct record_head *head;
    const unsigned char *payload;
    int64_t ts_us;
    enum recover result;
};

static void apply(struct life *life, void *arg)
{
    struct record_in *in = arg;
    in->result = exchange_replay(&life->ex, in->head, in->payload, in->ts_us);
}

static const char *on_record(void *self, const struct record_head *head,
                             const unsigned char *payload, int64_t ts_us, uint64_t lsn)
{
    struct reader *reader = self;
    (void)lsn;
    reader->records++;
    unsigned char *copy = fuzz_copy(payload, head->bytes);
    struct record_in in = {.head = head, .payload = copy, .ts_us = ts_us};
    bool good = life_guard(&reader->life, apply, &in);
    free(copy);
    return good ? recover_text(in.result) : "an assert";
}

/* The second reading must find what the first one did. */
static void read_again(struct disk *disk, const struct recovery *found, struct reader *first,
                       struct reader *second)
{
    struct recovery again;
    struct recovery_sink sink = {.record = on_record, .self = second};
    ASSERT(recovery_read(disk, &sink, &again) == RECOVERY_OK);
    ASSERT(!second->life.stopped && second->records == first->records);
    ASSERT(again.next_lsn == found->next_lsn && again.next_batch == found->next_batch);
    ASSERT(again.prev_crc == found->prev_crc && again.boot == found->boot);
    ASSERT(again.torn_bytes == 0);
    life_check_same(&first->life, &second->life);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned char file[IMAGE_FILE_MAX];
    static struct reader first, second;
    struct mem_disk memory = {0};
    struct disk disk = mem_disk(&memory);
    struct recovery found;
    struct segment_head head;
    char text[256];
    mem_disk_put(&memory, "journal-00000001.seg", file, image_expand(data, size, file));
    first.records = second.records = 0;
    life_init(&first.life);
    struct recovery_sink sink = {.record = on_record, .self = &first};
    enum recovery_status peeked = recovery_peek(&disk, &head, text);
    enum recovery_status status = recovery_read(&disk, &sink, &found);
    ASSERT(status == RECOVERY_OK || status == RECOVERY_DAMAGED);
    ASSERT(status != RECOVERY_OK || peeked == RECOVERY_OK);
    ASSERT(status == RECOVERY_OK || strnlen(found.text, sizeof found.text) < sizeof found.text);
    if (status == RECOVERY_OK) {
        life_init(&second.life);
        ASSERT(recovery_cut(&disk, &found) == RECOVERY_OK);
        read_again(&disk, &found, &first, &second);
        life_go_on(&first.life, &second.life, found.boot + 1);
        life_fini(&second.life);
    }
    ASSERT(mem_disk_opened(&memory) == 0);
    life_fini(&first.life);
    mem_disk_fini(&memory);
    return 0;
}

/* ---- the mutator ---- */

static uint64_t rng;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(hash_mix(rng += 0x9E3779B97F4A7C15ull) % n);
}

static struct image image, other;

static void insert(uint32_t at, const struct image_record *record)
{
    if (image.count == IMAGE_RECORDS_MAX)
        return;
    memmove(&image.record[at + 1], &image.record[at], (image.count - at) * sizeof image.record[0]);
    image.record[at] = *record;
    image.count++;
}

static void drop(uint32_t at)
{
    image.count--;
    memmove(&image.record[at], &image.record[at + 1], (image.count - at) * sizeof image.record[0]);
}

/* A number that means something somewhere: an edge, or one that stands in another record. */
static uint64_t telling_number(void)
{
    static const uint64_t edges[] = {0,          1,          2,          UINT64_MAX, INT64_MAX,
                                     1ull << 63, UINT32_MAX, 1ull << 32, 100000000,  1ull << 54};
    const struct image_record *record = &image.record[below(image.count)];
    if (record->head.bytes < 8 || below(2))
        return edges[below(sizeof edges / sizeof *edges)];
    return get_u64(record->payload + below(record->head.bytes - 7u));
}

/* Where one of the record's link messages begins. */
static uint32_t first_byte(const struct image_record *record)
{
    uint32_t parts = record->head.bytes / MSG_ENCODED_BYTES;
    return parts > 1 ? MSG_ENCODED_BYTES * below(parts) : 0;
}

static void change_payload(struct image_record *record)
{
    uint32_t bytes = record->head.bytes;
    if (below(2) || bytes < 8) {
        record->head.bytes = (uint16_t)LLVMFuzzerMutate(record->payload, bytes,
                                                        below(8) ? bytes : IMAGE_PAYLOAD_MAX);
        return;
    }
    bool link = record->head.type == RECORD_LINK || record->head.type == RECORD_PARTS;
    uint32_t at = link ? first_byte(record) + 6 + 8 * below(7) : below(bytes - 7);
    if (at + 8 <= bytes)
        put_u64(record->payload + at, telling_number());
}

static void change_record(uint32_t at)
{
    struct image_record *record = &image.record[at];
    struct image_record copy = *record;
    switch (below(12)) {
    case 0:
        drop(at);
        break;
    case 1:
        insert(below(image.count + 1), &copy);
        break;
    case 2: /* another place */
        drop(at);
        insert(below(image.count + 1), &copy);
        break;
    case 3:
        record->head.shard = (uint16_t)below(6);
        break;
    case 4:
        record->head.type =
            (uint8_t)(below(3) ? RECORD_REQUEST + below(REQUEST_LIST_CANCEL + 1) : below(6));
        break;
    case 5:
        record->begins_chunk = below(2);
        record->begins_batch = record->begins_chunk && below(2);
        record->ts_us += below(2) ? 1000000 : 0;
        break;
    case 6:
        if (record->head.bytes)
            record->payload[first_byte(record)] =
                (unsigned char)(MSG_SYMBOL_LIMITS + below(MSG_DELISTED + 1 - MSG_SYMBOL_LIMITS));
        break;
    default:
        change_payload(record);
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned int seed)
{
    rng = seed;
    if (below(6) == 0) {
        size = LLVMFuzzerMutate(data, size, size_max);
        if (below(4))
            image_refit(data, size);
        return size;
    }
    image_read(&image, data, size);
    for (uint32_t i = 1 + below(3); i > 0 && image.count > 1; i--)
        change_record(below(3) ? below(image.count) : image.count - 1 - below(image.count / 4 + 1));
    size = image_write(&image, data, size_max, below(16) != 0);
    return size;
}

/* The beginning of one life and the end of another. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2,
                                 size_t size2, uint8_t *out, size_t out_max, unsigned int seed)
{
    rng = seed;
    image_read(&image, data1, size1);
    image_read(&other, data2, size2);
    if (image.count == 0 || other.count == 0)
        return 0;
    image.count = 1 + below(image.count);
    for (uint32_t i = below(other.count); i < other.count; i++)
        insert(image.count, &other.record[i]);
    return image_write(&image, out, out_max, true);
}
