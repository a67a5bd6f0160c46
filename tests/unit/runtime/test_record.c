#include "runtime/record.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/hash.h"

enum { RECORDS_BYTES = 3 * RECORD_HEAD_BYTES + 0 + 5 + 40 };

/* Three records with payloads of 0, 5 and 40 bytes; returns their length. */
static uint32_t some_records(unsigned char *out)
{
    static const uint16_t payload[] = {0, 5, 40};
    uint32_t at = 0;
    for (uint32_t i = 0; i < 3; i++) {
        record_head_encode(out + at, &(struct record_head){.type = (uint8_t)(i + 1),
                                                           .flags = (uint8_t)(0x80 + i),
                                                           .bytes = payload[i],
                                                           .shard = (uint16_t)(300 + i),
                                                           .shard_seq = 1 + i});
        at += RECORD_HEAD_BYTES;
        for (uint32_t b = 0; b < payload[i]; b++)
            out[at++] = (unsigned char)(16 * i + b);
    }
    return at;
}

static struct chunk_head some_chunk(unsigned char out[CHUNK_HEAD_BYTES + RECORDS_BYTES])
{
    struct chunk_head head = {.prev_crc = 0x01020304,
                              .bytes = some_records(out + CHUNK_HEAD_BYTES),
                              .first_lsn = 0x1122334455667788,
                              .batch = 0x99AABBCCDDEEFF01,
                              .ts_us = 1700000000000001,
                              .boot = 0xCAFEF00D,
                              .core = 0xBEEF,
                              .records = 3};
    chunk_head_encode(out, &head);
    return head;
}

/* Goal: the words are little-endian whatever the machine is. Method: the bytes, literally. */
Test(record_words, are_written_lowest_byte_first)
{
    unsigned char out[8];
    put_u16(out, 0x0102);
    cr_assert_eq(memcmp(out, "\x02\x01", 2), 0);
    put_u32(out, 0x01020384);
    cr_assert_eq(memcmp(out, "\x84\x03\x02\x01", 4), 0);
    put_u64(out, 0xF102030405060788);
    cr_assert_eq(memcmp(out, "\x88\x07\x06\x05\x04\x03\x02\xF1", 8), 0);
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t word = hash_mix(i);
        put_u64(out, word);
        cr_assert_eq(get_u64(out), word);
        put_u32(out, (uint32_t)word);
        cr_assert_eq(get_u32(out), (uint32_t)word);
        put_u16(out, (uint16_t)word);
        cr_assert_eq(get_u16(out), (uint16_t)word);
    }
}

/* Goal: what is written is read. Method: one chunk with a different value in every field. */
Test(record_chunk, comes_back_as_it_was_written)
{
    unsigned char out[CHUNK_HEAD_BYTES + RECORDS_BYTES];
    struct chunk_head head = some_chunk(out), back;
    cr_assert_eq(head.bytes, RECORDS_BYTES);
    cr_assert(chunk_head_decode(out, &back));
    cr_assert_eq(back.crc, head.crc);
    cr_assert_neq(back.crc, 0);
    cr_assert_eq(back.prev_crc, head.prev_crc);
    cr_assert_eq(back.bytes, head.bytes);
    cr_assert_eq(back.first_lsn, head.first_lsn);
    cr_assert_eq(back.batch, head.batch);
    cr_assert_eq(back.ts_us, head.ts_us);
    cr_assert_eq(back.boot, head.boot);
    cr_assert_eq(back.core, head.core);
    cr_assert_eq(back.records, head.records);
    cr_assert(chunk_crc_ok(out, &back));
    cr_assert(records_well_formed(out + CHUNK_HEAD_BYTES, back.bytes, back.records));
}

/* Goal: version 1 stays what it is. Method: the header's bytes, literally (the CRC is the RFC's
 * function, tested next door). */
Test(record_chunk, header_has_the_bytes_of_version_1)
{
    unsigned char out[CHUNK_HEAD_BYTES + RECORDS_BYTES];
    some_chunk(out);
    cr_assert_eq(memcmp(out, "CHK1", 4), 0);
    cr_assert_eq(memcmp(out + 8, "\x04\x03\x02\x01", 4), 0, "prev_crc");
    cr_assert_eq(memcmp(out + 12, "\x5D\x00\x00\x00", 4), 0, "bytes");
    cr_assert_eq(memcmp(out + 16, "\x88\x77\x66\x55\x44\x33\x22\x11", 8), 0, "first_lsn");
    cr_assert_eq(memcmp(out + 24, "\x01\xFF\xEE\xDD\xCC\xBB\xAA\x99", 8), 0, "batch");
    cr_assert_eq(memcmp(out + 32, "\x01\x40\x1E\x18\x24\x0A\x06\x00", 8), 0, "ts_us");
    cr_assert_eq(memcmp(out + 40, "\x0D\xF0\xFE\xCA", 4), 0, "boot");
    cr_assert_eq(memcmp(out + 44, "\xEF\xBE\x03\x00", 4), 0, "core and records");
    cr_assert_eq(
        memcmp(out + 48, "\x01\x80\x00\x00\x2C\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00", 16), 0,
        "first record's header");
}

/* Goal: no single bit of a chunk can change unseen. Method: flip each in turn. */
Test(record_chunk, every_flipped_bit_is_detected)
{
    unsigned char out[CHUNK_HEAD_BYTES + RECORDS_BYTES];
    some_chunk(out);
    for (size_t bit = 0; bit < 8 * sizeof out; bit++) {
        /* in a block of its own, so that a read behind it is seen */
        unsigned char *copy = malloc(sizeof out);
        struct chunk_head head;
        cr_assert(copy != NULL);
        memcpy(copy, out, sizeof out);
        copy[bit / 8] ^= (unsigned char)(1 << bit % 8);
        bool valid = chunk_head_decode(copy, &head) &&
                     head.bytes <= sizeof out - CHUNK_HEAD_BYTES && chunk_crc_ok(copy, &head);
        cr_assert(!valid, "bit %zu of byte %zu", bit % 8, bit / 8);
        free(copy);
    }
}

/* Goal: a chunk's CRC covers what came before it. Method: the same chunk behind another one. */
Test(record_chunk, the_crc_depends_on_the_chunk_before)
{
    unsigned char out[CHUNK_HEAD_BYTES + RECORDS_BYTES];
    struct chunk_head head = some_chunk(out), other = head;
    other.prev_crc ^= 1;
    chunk_head_encode(out, &other);
    cr_assert_neq(other.crc, head.crc);
}

/* Goal: a chunk without records is a chunk. Method: encode, decode, check. */
Test(record_chunk, may_be_empty)
{
    unsigned char out[CHUNK_HEAD_BYTES];
    struct chunk_head head = {.first_lsn = 1, .batch = 1}, back;
    chunk_head_encode(out, &head);
    cr_assert(chunk_head_decode(out, &back));
    cr_assert(chunk_crc_ok(out, &back));
    cr_assert(records_well_formed(out + CHUNK_HEAD_BYTES, 0, 0));
}

/* Goal: what is written is read. Method: values that reach every byte. */
Test(record_head, comes_back_as_it_was_written)
{
    unsigned char out[RECORD_HEAD_BYTES];
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t word = hash_mix(i);
        struct record_head head = {.type = (uint8_t)word,
                                   .flags = (uint8_t)(word >> 8),
                                   .bytes = (uint16_t)(word >> 16),
                                   .shard = (uint16_t)(word >> 32),
                                   .shard_seq = hash_mix(word)},
                           back;
        memset(out, 0xA5, sizeof out);
        record_head_encode(out, &head);
        record_head_decode(out, &back);
        cr_assert_eq(back.type, head.type);
        cr_assert_eq(back.flags, head.flags);
        cr_assert_eq(back.bytes, head.bytes);
        cr_assert_eq(back.shard, head.shard);
        cr_assert_eq(back.shard_seq, head.shard_seq);
        cr_assert_eq(get_u16(out + 6), 0, "the spare bytes are written");
    }
}

/* Goal: a cut in any place is seen. Method: every length but the whole one, and every count. */
Test(records_well_formed, refuses_every_truncation)
{
    unsigned char whole[RECORDS_BYTES];
    uint32_t bytes = some_records(whole);
    for (uint32_t length = 0; length <= bytes; length++) {
        unsigned char *part = malloc(length ? length : 1);
        cr_assert(part != NULL);
        memcpy(part, whole, length);
        for (uint32_t count = 0; count <= 5; count++) {
            bool good = (count == 0 && length == 0) || (count == 1 && length == 16) ||
                        (count == 2 && length == 37) || (count == 3 && length == bytes);
            cr_assert_eq(records_well_formed(part, length, count), good, "%u records in %u bytes",
                         count, length);
        }
        free(part);
    }
}

/* Goal: a length that points behind the end is seen. Method: the longest payload there can be. */
Test(records_well_formed, refuses_a_length_behind_the_end)
{
    unsigned char whole[RECORDS_BYTES];
    uint32_t bytes = some_records(whole);
    put_u16(whole + 2, UINT16_MAX);
    cr_assert(!records_well_formed(whole, bytes, 3));
    put_u16(whole + 2, (uint16_t)(bytes - RECORD_HEAD_BYTES));
    cr_assert(records_well_formed(whole, bytes, 1), "one record that takes it all");
    cr_assert(!records_well_formed(whole, bytes, 3));
}
