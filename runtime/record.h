/* record.h - the journal's format: chunk and record headers, encoded field by field.
 *
 * Thread:  any; pure functions over the caller's bytes.
 * Format:  little-endian, version 1. A chunk is 48 bytes of header and its records; a record is 16
 *          bytes of header and its payload (PROTOCOL J4). A chunk is the unit of CRC and of
 * tearing. CRC:     CRC-32C over the chunk from byte 8 on, prev_crc included, so each chunk vouches
 * for the one before it. `batch` numbers the writes: a valid chunk of a later batch behind a bad
 * one proves damage (PROTOCOL J3).
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    CHUNK_HEAD_BYTES = 48,
    RECORD_HEAD_BYTES = 16,
    RECORD_FORMAT_VERSION = 1,
    CHUNK_MAGIC = 0x314B4843, /* "CHK1": the last character is the version */
};

struct chunk_head {
    uint32_t crc, prev_crc, bytes; /* bytes: records only, without this header */
    uint64_t first_lsn, batch, ts_us;
    uint32_t boot;
    uint16_t core, records;
};

enum { RECORD_CHECKED = 1 }; /* flags: `check` says something */

struct record_head {
    uint8_t type, flags;
    uint16_t bytes; /* of payload */
    uint16_t shard;
    uint16_t check; /* of the shard's running digest before this input: replay must agree with it */
    uint64_t shard_seq;
};

/* A record that will be replayed soon, where it lies. */
struct record_ahead {
    struct record_head head;
    const unsigned char *payload;
    uint64_t lsn;
    int64_t ts_us; /* its chunk's */
};

static inline void put_u16(unsigned char *p, uint16_t v)
{
    p[0] = (unsigned char)v;
    p[1] = (unsigned char)(v >> 8);
}

static inline void put_u32(unsigned char *p, uint32_t v)
{
    put_u16(p, (uint16_t)v);
    put_u16(p + 2, (uint16_t)(v >> 16));
}

static inline void put_u64(unsigned char *p, uint64_t v)
{
    put_u32(p, (uint32_t)v);
    put_u32(p + 4, (uint32_t)(v >> 32));
}

static inline uint16_t get_u16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get_u32(const unsigned char *p)
{
    return get_u16(p) | (uint32_t)get_u16(p + 2) << 16;
}

static inline uint64_t get_u64(const unsigned char *p)
{
    return get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}

/* Writes the header in front of `head->bytes` bytes of records at out + CHUNK_HEAD_BYTES, computes
 * the CRC over both and stores it, in `head->crc` too. Thread: any. */
void chunk_head_encode(unsigned char *out, struct chunk_head *head);

/* Reads a header; false when the magic is not a chunk's. Thread: any. */
bool chunk_head_decode(const unsigned char *in, struct chunk_head *head);

/* Whether the chunk at `in`, header and records, has the CRC it says. Thread: any. */
bool chunk_crc_ok(const unsigned char *in, const struct chunk_head *head);

/* Thread: any. */
void record_head_encode(unsigned char *out, const struct record_head *head);
void record_head_decode(const unsigned char *in, struct record_head *head);

/* Puts the check into the header of the record whose payload begins here. Thread: any. */
static inline void record_set_check(unsigned char *payload, uint16_t check)
{
    unsigned char *head = payload - RECORD_HEAD_BYTES;
    head[1] |= RECORD_CHECKED;
    put_u16(head + 6, check);
}

/* Whether `bytes` of records split into whole records, `count` of them. Thread: any. */
bool records_well_formed(const unsigned char *records, size_t bytes, uint32_t count);

#endif
