/* wire.h - one walk over fields that writes them or reads them back, so that the two cannot drift
 * apart: requests in the journal, and snapshots.
 *
 * Thread:  owner of the wire.
 * Format:  little-endian, no padding. Stream: with `turn` set, a full buffer is taken away
 * (writing) or replaced by the next one (reading), so a walk may be longer than memory allows.
 * Errors:  `ok` goes false for good; what is read after that is zero, and a walk must bound its
 * loops by wire_count().
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "runtime/record.h"

struct wire {
    unsigned char *out;      /* writing: where to */
    const unsigned char *in; /* reading: where from */
    uint32_t at, end;        /* of the buffer; writing without `turn`: the caller made room */
    bool ok;
    /* Writing: takes out[0..at) away and sets at = 0. Reading: brings bytes, sets in, at and end.
     * False when it cannot. */
    bool (*turn)(struct wire *wire);
    void *self;
};

static inline bool wire_is_reading(const struct wire *wire)
{
    return wire->out == NULL;
}

/* Moves `bytes` bytes between the wire and `data`, across buffers. */
static inline void wire_bytes(struct wire *wire, void *data, uint32_t bytes)
{
    char *at = data;
    bool writing = wire->out != NULL, open_end = writing && !wire->turn;
    while (bytes && wire->ok) {
        uint32_t room = open_end ? bytes : wire->end - wire->at;
        if (!room) {
            wire->ok = wire->turn && wire->turn(wire);
            continue;
        }
        uint32_t part = room < bytes ? room : bytes;
        if (writing)
            memcpy(wire->out + wire->at, at, part);
        else
            memcpy(at, wire->in + wire->at, part);
        wire->at += part;
        at += part;
        bytes -= part;
    }
    if (!writing && bytes)
        memset(at, 0, bytes);
}

static inline void wire_u8(struct wire *wire, uint8_t *value)
{
    wire_bytes(wire, value, 1);
}

static inline void wire_u16(struct wire *wire, uint16_t *value)
{
    unsigned char bytes[2];
    put_u16(bytes, *value);
    wire_bytes(wire, bytes, sizeof bytes);
    *value = get_u16(bytes);
}

static inline void wire_u32(struct wire *wire, uint32_t *value)
{
    unsigned char bytes[4];
    put_u32(bytes, *value);
    wire_bytes(wire, bytes, sizeof bytes);
    *value = get_u32(bytes);
}

static inline void wire_u64(struct wire *wire, uint64_t *value)
{
    unsigned char bytes[8];
    put_u64(bytes, *value);
    wire_bytes(wire, bytes, sizeof bytes);
    *value = get_u64(bytes);
}

static inline void wire_i64(struct wire *wire, int64_t *value)
{
    uint64_t word = (uint64_t)*value;
    wire_u64(wire, &word);
    *value = (int64_t)word;
}

static inline void wire_i32(struct wire *wire, int32_t *value)
{
    uint32_t word = (uint32_t)*value;
    wire_u32(wire, &word);
    *value = (int32_t)word;
}

static inline void wire_i128(struct wire *wire, __int128 *value)
{
    uint64_t low = (uint64_t)*value, high = (uint64_t)(*value >> 64);
    wire_u64(wire, &low);
    wire_u64(wire, &high);
    *value = (__int128)((unsigned __int128)high << 64 | low);
}

static inline void wire_bool(struct wire *wire, bool *value)
{
    uint8_t byte = *value;
    wire_u8(wire, &byte);
    *value = byte == 1;
    wire->ok &= byte <= 1; /* there is one way to write a thing */
}

/* A length and that much text; a longer one than `max` is an error. */
static inline void wire_text(struct wire *wire, uint8_t *length, char *text, uint32_t max)
{
    wire_u8(wire, length);
    if (*length > max)
        wire->ok = false;
    else
        wire_bytes(wire, text, *length);
    if (!wire->ok)
        *length = 0;
}

/* How many of something follow; more than `max` is an error, and then none do. */
static inline uint32_t wire_count(struct wire *wire, uint32_t count, uint32_t max)
{
    wire_u32(wire, &count);
    if (count > max)
        wire->ok = false;
    return wire->ok ? count : 0;
}

/* States that must hold of what was read. */
static inline bool wire_expect(struct wire *wire, bool holds)
{
    wire->ok &= holds;
    return wire->ok;
}

/* A sum of amounts: fewer than 2^32 of them, of 64 bits each, so that sums of sums fit too. */
static inline void wire_sum(struct wire *wire, __int128 *sum)
{
    const __int128 most = (__int128)1 << 96;
    wire_i128(wire, sum);
    wire_expect(wire, *sum > -most && *sum < most);
}

#endif
