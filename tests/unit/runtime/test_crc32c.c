#include "runtime/crc32c.h"

#include <criterion/criterion.h>
#include <string.h>

#include "runtime/hash.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { LONGEST = 5000 };

/* Goal: the values of RFC 3720 B.4 and the check value of the CRC catalogue. Method: a table,
 * through both versions. The RFC prints the bytes as sent, so its words are byte-swapped here. */
Test(crc32c_vectors, agrees_with_the_rfc)
{
    static unsigned char zeros[32], ones[32], up[32], down[32];
    memset(ones, 0xFF, sizeof ones);
    for (unsigned char i = 0; i < 32; i++) {
        up[i] = i;
        down[i] = (unsigned char)(31 - i);
    }
    static const unsigned char read_command[48] = {
        0x01, 0xC0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00,
        0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18, 0x28, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    };
    const struct {
        const char *name;
        const void *data;
        size_t bytes;
        uint32_t crc;
    } rows[] = {
        {"32 zeros", zeros, 32, 0x8A9136AA},
        {"32 ones", ones, 32, 0x62A8AB43},
        {"counting up", up, 32, 0x46DD794E},
        {"counting down", down, 32, 0x113FDB5C},
        {"a SCSI read command", read_command, 48, 0xD9963A56},
        {"the catalogue's check", "123456789", 9, 0xE3069283},
        {"one letter", "a", 1, 0xC1D04330},
        {"nothing", "", 0, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        cr_assert_eq(crc32c(0, rows[i].data, rows[i].bytes), rows[i].crc, "%s", rows[i].name);
        cr_assert_eq(crc32c_table(0, rows[i].data, rows[i].bytes), rows[i].crc, "%s", rows[i].name);
    }
}

static void fill(unsigned char *data, size_t bytes, uint64_t seed)
{
    for (size_t i = 0; i < bytes; i++)
        data[i] = (unsigned char)hash_mix(seed + i);
}

/* Goal: the machine's instruction and the table are one function. Method: random lengths, start
 * addresses and starting values. */
Test(crc32c_versions, are_equal_at_every_length_and_alignment)
{
    static unsigned char data[LONGEST + 64];
    fill(data, sizeof data, 7);
    for (size_t bytes = 0; bytes < 80; bytes++)
        for (size_t at = 0; at < 16; at++)
            cr_assert_eq(crc32c(0, data + at, bytes), crc32c_table(0, data + at, bytes),
                         "%zu bytes at %zu", bytes, at);
    for (uint64_t i = 0; i < 3000; i++) {
        uint64_t word = hash_mix(i);
        size_t at = word % 64, bytes = (word >> 8) % LONGEST;
        uint32_t begin = (uint32_t)(word >> 32);
        cr_assert_eq(crc32c(begin, data + at, bytes), crc32c_table(begin, data + at, bytes),
                     "%zu bytes at %zu from %08x", bytes, at, begin);
    }
}

/* Goal: a CRC can be continued. Method: every split of 100 bytes, through both versions. */
Test(crc32c_continue, of_two_parts_is_the_crc_of_the_whole)
{
    unsigned char data[100];
    fill(data, sizeof data, 9);
    uint32_t whole = crc32c(0, data, sizeof data);
    for (size_t at = 0; at <= sizeof data; at++) {
        cr_assert_eq(crc32c(crc32c(0, data, at), data + at, sizeof data - at), whole);
        cr_assert_eq(crc32c_table(crc32c_table(0, data, at), data + at, sizeof data - at), whole);
    }
}

/* Goal: it reads its bytes and no others. Method: change the byte on either side. */
Test(crc32c_bounds, bytes_outside_do_not_count)
{
    unsigned char data[66];
    for (size_t bytes = 0; bytes <= 64; bytes++) {
        fill(data, sizeof data, 11);
        uint32_t before = crc32c(0, data + 1, bytes);
        data[0] ^= 0xFF;
        data[1 + bytes] ^= 0xFF;
        cr_assert_eq(crc32c(0, data + 1, bytes), before, "%zu bytes", bytes);
    }
}
