/* Goal: what one walk writes, the same walk reads, whatever the buffers' sizes; what is short or
 * too long is refused and never read beyond. */
#include "runtime/wire.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct fields {
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    int32_t i32;
    int64_t i64;
    __int128 i128;
    bool yes, no;
    uint8_t length;
    char text[8];
    unsigned char bytes[5];
};

static void walk(struct wire *wire, struct fields *fields)
{
    wire_u8(wire, &fields->u8);
    wire_u16(wire, &fields->u16);
    wire_u32(wire, &fields->u32);
    wire_u64(wire, &fields->u64);
    wire_i32(wire, &fields->i32);
    wire_i64(wire, &fields->i64);
    wire_i128(wire, &fields->i128);
    wire_bool(wire, &fields->yes);
    wire_bool(wire, &fields->no);
    wire_text(wire, &fields->length, fields->text, sizeof fields->text);
    wire_bytes(wire, fields->bytes, sizeof fields->bytes);
}

static const struct fields sample = {.u8 = 0xA5,
                                     .u16 = 0xBEEF,
                                     .u32 = 0xDEADBEEF,
                                     .u64 = 0x0123456789ABCDEF,
                                     .i32 = -5,
                                     .i64 = INT64_MIN,
                                     .i128 = -((__int128)1 << 100),
                                     .yes = true,
                                     .length = 3,
                                     .text = "abc",
                                     .bytes = {1, 2, 3, 4, 5}};

static void check_equal(const struct fields *a, const struct fields *b)
{
    cr_assert_eq(a->u8, b->u8);
    cr_assert_eq(a->u16, b->u16);
    cr_assert_eq(a->u32, b->u32);
    cr_assert_eq(a->u64, b->u64);
    cr_assert_eq(a->i32, b->i32);
    cr_assert_eq(a->i64, b->i64);
    cr_assert(a->i128 == b->i128);
    cr_assert(a->yes == b->yes && a->no == b->no);
    cr_assert_eq(a->length, b->length);
    cr_assert_arr_eq(a->text, b->text, sizeof a->text);
    cr_assert_arr_eq(a->bytes, b->bytes, sizeof a->bytes);
}

Test(wire, what_is_written_is_read_back)
{
    unsigned char bytes[128];
    struct fields copy = sample, back = {0};
    struct wire out = {.out = bytes, .ok = true};
    walk(&out, &copy);
    cr_assert(out.ok);
    check_equal(&copy, &sample);
    struct wire in = {.in = bytes, .end = out.at, .ok = true};
    walk(&in, &back);
    cr_assert(in.ok);
    cr_assert_eq(in.at, out.at);
    check_equal(&back, &sample);
}

/* Goal: the format never changes by accident. Method: the bytes of a small walk, written down. */
Test(wire, numbers_are_little_endian_without_padding)
{
    static const unsigned char golden[] = {0xA5, 0xEF, 0xBE, 0xEF, 0xBE, 0xAD, 0xDE, 0xEF, 0xCD,
                                           0xAB, 0x89, 0x67, 0x45, 0x23, 0x01, 0xFB, 0xFF, 0xFF,
                                           0xFF, 0,    0,    0,    0,    0,    0,    0,    0x80};
    unsigned char bytes[128];
    struct fields copy = sample;
    struct wire out = {.out = bytes, .ok = true};
    walk(&out, &copy);
    cr_assert_arr_eq(bytes, golden, sizeof golden);
}

Test(wire, a_short_input_is_refused_at_every_length)
{
    unsigned char bytes[128];
    struct fields copy = sample;
    struct wire out = {.out = bytes, .ok = true};
    walk(&out, &copy);
    for (uint32_t end = 0; end < out.at; end++) {
        unsigned char *exact = malloc(end + 1); /* for ASan: not one byte more */
        struct fields back = {0};
        memcpy(exact, bytes, end);
        struct wire in = {.in = exact, .end = end, .ok = true};
        walk(&in, &back);
        cr_assert_not(in.ok, "accepted with %u of %u bytes", end, out.at);
        free(exact);
    }
}

/* Goal: a sum that no amounts come to is refused, since adding it to another would overflow.
 * Method: the edges. */
Test(wire, a_sum_beyond_what_amounts_come_to_is_refused)
{
    const __int128 most = ((__int128)1 << 96) - 1,
                   greatest = (__int128)(~(unsigned __int128)0 >> 1);
    const __int128 good[] = {0, 1, -1, most, -most},
                   bad[] = {most + 1, -most - 1, most << 20, -greatest - 1};
    for (uint32_t i = 0; i < sizeof good / sizeof *good + sizeof bad / sizeof *bad; i++) {
        uint32_t goods = sizeof good / sizeof *good;
        unsigned char bytes[16];
        __int128 sum = i < goods ? good[i] : bad[i - goods], back = 0;
        struct wire out = {.out = bytes, .ok = true};
        wire_i128(&out, &sum);
        struct wire in = {.in = bytes, .end = sizeof bytes, .ok = true};
        wire_sum(&in, &back);
        cr_assert_eq(in.ok, i < goods, "row %u", i);
        cr_assert(back == sum);
    }
}

/* Goal: there is one way to write a boolean. Method: every byte. */
Test(wire, only_0_and_1_are_booleans)
{
    for (uint32_t value = 0; value < 256; value++) {
        const unsigned char byte = (unsigned char)value;
        bool back = false;
        struct wire in = {.in = &byte, .end = 1, .ok = true};
        wire_bool(&in, &back);
        cr_assert_eq(in.ok, value < 2, "%u", value);
        cr_assert(!in.ok || back == (value == 1), "%u", value);
    }
}

/* ---- across buffers ---- */

struct stream {
    unsigned char all[256], part[16];
    uint32_t length, at, stride;
};

static bool take_away(struct wire *wire)
{
    struct stream *stream = wire->self;
    memcpy(stream->all + stream->length, wire->out, wire->at);
    stream->length += wire->at;
    wire->at = 0;
    return true;
}

static bool bring(struct wire *wire)
{
    struct stream *stream = wire->self;
    uint32_t left = stream->length - stream->at;
    uint32_t part = left < stream->stride ? left : stream->stride;
    memcpy(stream->part, stream->all + stream->at, part);
    stream->at += part;
    wire->in = stream->part;
    wire->at = 0;
    wire->end = part;
    return part > 0;
}

Test(wire, a_walk_may_be_longer_than_its_buffer)
{
    for (uint32_t stride = 1; stride <= 16; stride++) {
        struct stream stream = {.stride = stride};
        unsigned char buffer[16];
        struct fields copy = sample, back = {0};
        struct wire out = {
            .out = buffer, .end = stride, .ok = true, .turn = take_away, .self = &stream};
        walk(&out, &copy);
        take_away(&out);
        cr_assert(out.ok);
        struct wire in = {.in = buffer, .ok = true, .turn = bring, .self = &stream};
        walk(&in, &back);
        cr_assert(in.ok, "stride %u", stride);
        cr_assert_eq(stream.at, stream.length);
        check_equal(&back, &sample);
    }
}

Test(wire, nothing_is_read_once_it_is_wrong)
{
    unsigned char bytes[64] = {1};
    uint64_t value = 7;
    struct wire in = {.in = bytes, .end = sizeof bytes, .ok = true};
    cr_assert_not(wire_expect(&in, false));
    wire_u64(&in, &value);
    cr_assert_eq(value, 0);
    cr_assert_eq(in.at, 0);
}

Test(wire, a_count_beyond_its_bound_is_zero_and_an_error)
{
    unsigned char bytes[8];
    struct wire out = {.out = bytes, .ok = true};
    wire_count(&out, 5, 5);
    struct wire in = {.in = bytes, .end = out.at, .ok = true};
    cr_assert_eq(wire_count(&in, 0, 4), 0);
    cr_assert_not(in.ok);
    in = (struct wire){.in = bytes, .end = out.at, .ok = true};
    cr_assert_eq(wire_count(&in, 0, 5), 5);
    cr_assert(in.ok);
}

Test(wire, a_text_longer_than_its_room_is_refused)
{
    unsigned char bytes[16] = {9, 'x'};
    uint8_t length = 0;
    char text[8];
    struct wire in = {.in = bytes, .end = sizeof bytes, .ok = true};
    wire_text(&in, &length, text, sizeof text);
    cr_assert_not(in.ok);
    cr_assert_eq(length, 0);
}
