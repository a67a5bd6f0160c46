#include "runtime/record.h"

#include "runtime/crc32c.h"

void chunk_head_encode(unsigned char *out, struct chunk_head *head)
{
    put_u32(out, CHUNK_MAGIC);
    put_u32(out + 8, head->prev_crc);
    put_u32(out + 12, head->bytes);
    put_u64(out + 16, head->first_lsn);
    put_u64(out + 24, head->batch);
    put_u64(out + 32, head->ts_us);
    put_u32(out + 40, head->boot);
    put_u16(out + 44, head->core);
    put_u16(out + 46, head->records);
    head->crc = crc32c(0, out + 8, CHUNK_HEAD_BYTES - 8 + (size_t)head->bytes);
    put_u32(out + 4, head->crc);
}

bool chunk_head_decode(const unsigned char *in, struct chunk_head *head)
{
    if (get_u32(in) != CHUNK_MAGIC)
        return false;
    *head = (struct chunk_head){
        .crc = get_u32(in + 4),
        .prev_crc = get_u32(in + 8),
        .bytes = get_u32(in + 12),
        .first_lsn = get_u64(in + 16),
        .batch = get_u64(in + 24),
        .ts_us = get_u64(in + 32),
        .boot = get_u32(in + 40),
        .core = get_u16(in + 44),
        .records = get_u16(in + 46),
    };
    return true;
}

bool chunk_crc_ok(const unsigned char *in, const struct chunk_head *head)
{
    return crc32c(0, in + 8, CHUNK_HEAD_BYTES - 8 + (size_t)head->bytes) == head->crc;
}

void record_head_encode(unsigned char *out, const struct record_head *head)
{
    out[0] = head->type;
    out[1] = head->flags;
    put_u16(out + 2, head->bytes);
    put_u16(out + 4, head->shard);
    put_u16(out + 6, head->check);
    put_u64(out + 8, head->shard_seq);
}

void record_head_decode(const unsigned char *in, struct record_head *head)
{
    *head = (struct record_head){
        .type = in[0],
        .flags = in[1],
        .bytes = get_u16(in + 2),
        .shard = get_u16(in + 4),
        .check = get_u16(in + 6),
        .shard_seq = get_u64(in + 8),
    };
}

bool records_well_formed(const unsigned char *records, size_t bytes, uint32_t count)
{
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct record_head head;
        if (bytes - at < RECORD_HEAD_BYTES)
            return false;
        record_head_decode(records + at, &head);
        at += RECORD_HEAD_BYTES;
        if (bytes - at < head.bytes)
            return false;
        at += head.bytes;
    }
    return at == bytes;
}
