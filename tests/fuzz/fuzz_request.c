/* fuzz_request.c - the encodings of the journal: what decodes must encode to the same bytes again.
 *
 * Input:   a request type, then the payload of its record. The first 62 bytes are read as a link
 * message too, and all but the first as records, whose number is in the first byte.
 */
#include "actors/msg/msg.h"
#include "actors/msg/request.h"
#include "runtime/check.h"
#include "runtime/record.h"
#include "tests/fuzz/fuzz.h"

static void check_request(uint8_t type, const uint8_t *data, size_t size)
{
    unsigned char again[RECORD_BYTES_MAX];
    struct request request;
    unsigned char *copy = fuzz_copy(data, size);
    bool good = request_decode(type, copy, (uint32_t)size, &request);
    if (good) {
        ASSERT(request.type == type);
        ASSERT(size <= RECORD_BYTES_MAX - RECORD_HEAD_BYTES);
        ASSERT(request_encode(&request, again) == size);
        ASSERT(memcmp(again, data, size) == 0);
    }
    free(copy); /* a key's request borrows from it */
}

static void check_link(const uint8_t *data, size_t size)
{
    unsigned char again[MSG_ENCODED_BYTES];
    struct msg msg;
    if (size < sizeof again)
        return;
    msg_decode(data, 7, &msg);
    ASSERT(msg.to == 7);
    msg_encode(&msg, again);
    ASSERT(memcmp(again, data, sizeof again) == 0);
}

static void check_records(uint32_t count, const uint8_t *data, size_t size)
{
    unsigned char again[RECORD_HEAD_BYTES];
    unsigned char *copy = fuzz_copy(data, size);
    struct record_head head;
    if (records_well_formed(copy, size, count)) {
        size_t at = 0;
        for (uint32_t i = 0; i < count; i++) {
            record_head_decode(copy + at, &head);
            record_head_encode(again, &head);
            ASSERT(memcmp(again, data + at, sizeof again) == 0);
            at += RECORD_HEAD_BYTES + head.bytes;
        }
        ASSERT(at == size);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    check_request(data[0], data + 1, size - 1);
    check_link(data, size);
    check_records(data[0] & 7, data + 1, size - 1);
    return 0;
}
