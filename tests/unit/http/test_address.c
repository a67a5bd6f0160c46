/* Goal: an address is read from any of its spellings, counted as one client, and found behind
 * trusted proxies, and nobody but them is believed. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#include "http/address.h"

static struct address read_good(const char *text)
{
    struct address address;
    cr_assert(address_read(text, strlen(text), &address), "%s", text);
    return address;
}

static uint64_t key(const char *text)
{
    struct address address = read_good(text);
    return address_key(&address);
}

static void expect(const struct address *address, const char *text)
{
    char out[ADDRESS_TEXT_BYTES];
    address_text(address, out);
    cr_assert_str_eq(out, text);
}

Test(address_of, knows_both_families_and_counts_others_as_one)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr other = {.sa_family = AF_UNIX};
    inet_pton(AF_INET, "10.1.2.3", &four.sin_addr);
    inet_pton(AF_INET6, "2001:db8::7", &six.sin6_addr);
    struct address address = address_of((struct sockaddr *)&four);
    expect(&address, "10.1.2.3");
    address = address_of((struct sockaddr *)&six);
    expect(&address, "2001:db8::7");
    inet_pton(AF_INET6, "::ffff:10.1.2.3", &six.sin6_addr);
    address = address_of((struct sockaddr *)&six);
    expect(&address, "10.1.2.3");
    address = address_of(&other);
    cr_assert_neq(address_key(&address), 0);
}

Test(address_key, is_ipv4_whole_and_ipv6_by_its_64)
{
    cr_assert_neq(key("10.0.0.1"), key("10.0.0.2"));
    cr_assert_eq(key("2001:db8:0:1::1"), key("2001:db8:0:1:ffff:ffff:ffff:ffff"));
    cr_assert_neq(key("2001:db8:0:1::1"), key("2001:db8:0:2::1"));
    cr_assert_eq(key("::ffff:10.0.0.1"), key("10.0.0.1"), "mapped IPv4 counts as IPv4");
    cr_assert_neq(key("::ffff:10.0.0.1"), key("::ffff:10.0.0.2"));
    cr_assert_neq(key("::"), 0);
}

Test(address_read, takes_what_proxies_write_and_nothing_else)
{
    static const char *const good[][2] = {
        {"10.0.0.1", "10.0.0.1"},         {"10.0.0.1:80", "10.0.0.1"},
        {"10.0.0.1:65535", "10.0.0.1"},   {"2001:db8::1", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"}, {"[2001:db8::1]:443", "2001:db8::1"},
        {"::ffff:10.0.0.1", "10.0.0.1"},  {"::1", "::1"},
    };
    static const char *const bad[] = {
        "",
        "unknown",
        "10.0.0",
        "10.0.0.256",
        "10.0.0.1:",
        "10.0.0.1 ",
        "10.0.0.1:x",
        "10.0.0.1:123456",
        "[2001:db8::1",
        "[2001:db8::1]443",
        "[10.0.0.1]",
        "[]",
        "_hidden",
        "2001:db8::1::2",
        "2001:db8::g",
        "010.0.0.1.2",
        "[2001:db8::1]:",
        ":80",
        "fe80::1%eth0",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb",
    };
    for (uint32_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct address address = read_good(good[i][0]);
        expect(&address, good[i][1]);
    }
    for (uint32_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct address address;
        cr_assert_not(address_read(bad[i], strlen(bad[i]), &address), "%s", bad[i]);
    }
    struct address address;
    cr_assert_not(address_read("10.0.0.1\0", 9, &address), "a zero byte ends nothing");
}

static struct proxies proxies;

static bool trusted(const char *text)
{
    struct address address = read_good(text);
    return proxies_trust(&proxies, &address);
}

static void trust(const char *list)
{
    const char *wrong;
    size_t length;
    cr_assert(proxies_read(&proxies, list, &wrong, &length), "%s: %.*s", list, (int)length, wrong);
}

/* ---- networks ---- */

/* Goal: networks mean what they say. Method: tables. */
Test(network, has_what_begins_with_its_bits)
{
    static const struct {
        const char *range, *ip;
        bool in;
    } table[] = {
        {"1.2.3.4", "1.2.3.4", true},
        {"1.2.3.4", "1.2.3.5", false},
        {"1.2.3.4", "1.2.3.12", false},
        {"1.2.3.4/32", "1.2.3.4", true},
        {"1.2.3.4/31", "1.2.3.5", true},
        {"1.2.3.4/31", "1.2.3.6", false},
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.9.8.7/8", "10.0.0.1", true},
        {"172.16.0.0/12", "172.31.0.1", true},
        {"172.16.0.0/12", "172.32.0.1", false},
        {"0.0.0.0/0", "255.1.2.3", true},
        {"0.0.0.0/0", "::1", false},
        {"2001:db8::/32", "2001:db8:ffff::1", true},
        {"2001:db8::/32", "2001:db9::1", false},
        {"2001:db8::/127", "2001:db8::1", true},
        {"2001:db8::/127", "2001:db8::2", false},
        {"::1", "::1", true},
        {"::ffff:1.2.3.4", "1.2.3.4", true},
        {"::ffff:1.2.3.0/120", "1.2.3.4", true},
        {"::/0", "2001:db8::", true},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct network range;
        struct address of = read_good(table[i].ip);
        cr_assert(network_read(table[i].range, strlen(table[i].range), &range));
        cr_expect_eq(network_has(&range, &of), table[i].in, "%s in %s", table[i].ip,
                     table[i].range);
    }
}

Test(network, is_refused_when_it_is_none)
{
    static const char *const table[] = {
        "",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.4/",
        "1.2.3.4/33",
        "1.2.3.4/-1",
        "1.2.3.4/0032",
        "1.2.3.4:80",
        "[::1]",
        "1.2.3.4/8x",
        "1.2.3.4/8/8",
        "/8",
        " 1.2.3.4",
        "1.2.3.4 ",
        "::/129",
        ":::",
        "host",
        "1.2.3.4/4294967304",
        "2001:0db8:0000:0000:0000:0000:0000:00000000000000000000000000000000000001",
    };
    struct network range;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        cr_expect_not(network_read(table[i], strlen(table[i]), &range), "%s", table[i]);
    cr_expect_not(network_read("1.2.3.4\0", 8, &range), "a zero in it");
    cr_expect(network_read("1.2.3.4/32", 7, &range), "only what was given is read");
    cr_expect_eq(range.bits, 128);
}

Test(network, is_written_as_it_is_read)
{
    static const char *const table[] = {
        "1.2.3.4",
        "10.0.0.0/8",
        "0.0.0.0/0",
        "2001:db8::/32",
        "::/0",
        "::1",
        "255.255.255.255/31",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/127",
        "::ffff:0.0.0.0/95",
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char text[NETWORK_TEXT_BYTES];
        struct network range;
        cr_assert(network_read(table[i], strlen(table[i]), &range));
        network_text(&range, text);
        cr_expect_str_eq(text, table[i]);
    }
}

Test(proxies, are_networks_of_both_families)
{
    trust("10.0.0.0/8, 192.168.7.128/25,2001:db8::/33 ,172.16.0.1");
    cr_assert(trusted("10.255.0.1") && !trusted("11.0.0.1"));
    cr_assert(trusted("::ffff:10.1.1.1"), "mapped");
    cr_assert(trusted("192.168.7.128") && trusted("192.168.7.255") && !trusted("192.168.7.127"));
    cr_assert(trusted("2001:db8:7fff::1") && !trusted("2001:db8:8000::1"));
    cr_assert(trusted("172.16.0.1") && !trusted("172.16.0.2"));
    trust("0.0.0.0/0");
    cr_assert(trusted("1.2.3.4") && !trusted("2001:db8::1"), "all of IPv4, not all");
    trust("::/0");
    cr_assert(trusted("1.2.3.4") && trusted("2001:db8::1"));
    trust("::ffff:10.0.0.0/104");
    cr_assert(trusted("10.9.9.9") && !trusted("11.0.0.1"));
    trust("");
    cr_assert_not(trusted("127.0.0.1"), "nobody unless told");
}

Test(proxies, are_refused_when_they_cannot_be_read)
{
    static const char *const lists[][2] = {
        {"10.0.0.0/33", "10.0.0.0/33"}, {"10.0.0.1,proxy", "proxy"},    {"10.0.0.1/", "10.0.0.1/"},
        {"10.0.0.1:80", "10.0.0.1:80"}, {"::1/129", "::1/129"},         {"[::1]/64", "[::1]/64"},
        {"10.0.0.1,,::1", ""},          {"10.0.0.0/8x", "10.0.0.0/8x"}, {"/8", "/8"},
    };
    for (uint32_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const char *wrong;
        size_t length;
        cr_assert_not(proxies_read(&proxies, lists[i][0], &wrong, &length), "%s", lists[i][0]);
        cr_assert(length == strlen(lists[i][1]) && memcmp(wrong, lists[i][1], length) == 0,
                  "%s: %.*s", lists[i][0], (int)length, wrong);
    }
}

/* Method: one line a header field, or two, and who the client is found to be. */
Test(proxies, tell_who_the_client_is)
{
    static const struct {
        const char *peer, *first, *last, *client;
    } rows[] = {
        {"9.9.9.9", NULL, "1.2.3.4", "9.9.9.9"}, /* not trusted: its word is nothing */
        {"10.0.0.1", NULL, NULL, "10.0.0.1"},
        {"10.0.0.1", NULL, "1.2.3.4", "1.2.3.4"},
        {"10.0.0.1", NULL, " 1.2.3.4 ", "1.2.3.4"},
        {"10.0.0.1", NULL, "1.2.3.4:5678", "1.2.3.4"},
        {"10.0.0.1", NULL, "[2001:db9::1]:5678", "2001:db9::1"},
        {"10.0.0.1", NULL, "6.6.6.6, 1.2.3.4", "1.2.3.4"}, /* what the client itself wrote */
        {"10.0.0.1", NULL, "6.6.6.6,1.2.3.4 ,\t10.0.0.2", "1.2.3.4"},
        {"10.0.0.1", NULL, "10.0.0.3,10.0.0.2", "10.0.0.3"}, /* proxies all the way */
        {"10.0.0.1", "6.6.6.6, 1.2.3.4", "10.0.0.2", "1.2.3.4"},
        {"10.0.0.1", "6.6.6.6", "1.2.3.4, 10.0.0.2", "1.2.3.4"},
        {"10.0.0.1", NULL, "unknown", "10.0.0.1"},
        {"10.0.0.1", NULL, "1.2.3.4, unknown", "10.0.0.1"}, /* left of garbage nothing counts */
        {"10.0.0.1", "1.2.3.4", "unknown", "10.0.0.1"},
        {"10.0.0.1", NULL, "1.2.3.4, unknown, 10.0.0.2", "10.0.0.2"},
        {"10.0.0.1", NULL, "1.2.3.4,", "10.0.0.1"},
        {"10.0.0.1", NULL, "", "10.0.0.1"},
        {"::ffff:10.0.0.1", NULL, "1.2.3.4", "1.2.3.4"},
    };
    trust("10.0.0.0/8");
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address client = read_good(rows[i].peer);
        const char *last = rows[i].last, *first = rows[i].first;
        if (last && proxies_step(&proxies, last, strlen(last), &client) && first)
            proxies_step(&proxies, first, strlen(first), &client);
        char out[ADDRESS_TEXT_BYTES];
        address_text(&client, out);
        cr_assert_str_eq(out, rows[i].client, "row %u", i);
    }
}

/* Method: 4,096 entries, all of them proxies'. */
Test(proxies, may_be_many)
{
    static char field[4096 * 9 + 1];
    struct address client = read_good("10.0.0.1");
    for (uint32_t i = 0; i < 4096; i++)
        memcpy(field + 9 * i, "10.0.0.2,", 9);
    trust("10.0.0.0/8");
    cr_assert(proxies_step(&proxies, field, sizeof field - 2, &client));
    expect(&client, "10.0.0.2");
}
