#include "http/json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/text.h"
#include "tests/unit/http/json_twin.h"

#define EURO  "\xE2\x82\xAC"
#define SMILE "\xF0\x9F\x98\x80"

static struct json_node nodes[64];
static char kept[4096];

static uint32_t parse(const char *text)
{
    size_t length = strlen(text);
    memcpy(kept, text, length);
    return json_parse(kept, length, nodes, 64);
}

/* Goal: exactly the texts of RFC 8259 are read. Method: a table of edges of each of its rules, with
 * the number of nodes; jansson agrees with each row. */
Test(json, reads_what_rfc_8259_allows_and_nothing_else)
{
    static const struct {
        const char *text;
        uint32_t nodes;
    } table[] = {
        {"", 0},
        {" ", 0},
        {"null", 1},
        {"true", 1},
        {"false", 1},
        {"nul", 0},
        {"nulls", 0},
        {"True", 0},
        {"NaN", 0},
        {"Infinity", 0},
        {"0", 1},
        {"-0", 1},
        {"-", 0},
        {"+1", 0},
        {"01", 0},
        {"-01", 0},
        {"1.", 0},
        {".5", 0},
        {"1.5", 1},
        {"1e5", 1},
        {"1E+05", 1},
        {"1e-7", 1},
        {"1e", 0},
        {"1e+", 0},
        {"1.e5", 0},
        {"0x1", 0},
        {"1 2", 0},
        {"1 null", 0},
        {" \t\r\n1 \t\r\n", 1},
        {"\v1", 0},
        {"\"\"", 1},
        {"\"", 0},
        {"'a'", 0},
        {"\"a", 0},
        {"\"\\\"", 0},
        {"\"\t\"", 0},
        {"\"\x7f\"", 1},
        {"\"\\x\"", 0},
        {"\"\\'\"", 0},
        {"\"\\", 0},
        {"\"\\u\"", 0},
        {"\"\\u12\"", 0},
        {"\"\\u12G4\"", 0},
        {"\"\\u0000\"", 0},
        {"\"\\ud83d\"", 0},
        {"\"\\ud83dx\"", 0},
        {"\"\\ud83d\\n\"", 0},
        {"\"\\ud83d\\u0041\"", 0},
        {"\"\\ude00\"", 0},
        {"\"\\ud83d\\ude00\"", 1},
        {"\"\xff\"", 0},
        {"\"\xC0\x80\"", 0},
        {"\"\xED\xA0\x80\"", 0},
        {"\"\xF4\x90\x80\x80\"", 0},
        {"\"" EURO SMILE "\"", 1},
        {"[]", 1},
        {"[ ]", 1},
        {"[", 0},
        {"]", 0},
        {"[1", 0},
        {"[1,", 0},
        {"[1,]", 0},
        {"[,1]", 0},
        {"[1 2]", 0},
        {"[1,2}", 0},
        {"[1,[2,[3]]]", 6},
        {"{}", 1},
        {"{ }", 1},
        {"{", 0},
        {"{\"a\"", 0},
        {"{\"a\":", 0},
        {"{\"a\"}", 0},
        {"{\"a\":}", 0},
        {"{\"a\" 1}", 0},
        {"{\"a\":1", 0},
        {"{\"a\":1,}", 0},
        {"{,\"a\":1}", 0},
        {"{a:1}", 0},
        {"{1:1}", 0},
        {"{\"a\":1 \"b\":2}", 0},
        {"{\"a\":1]", 0},
        {" { \"a\" : [ ] , \"b\" : { } } ", 5},
        {"{\"a\":1,\"a\":2}", 0},
        {"{\"a\":1,\"\\u0061\":2}", 0},
        {"{\"a\":{\"a\":1},\"b\":{\"a\":1}}", 9},
        {"{\"\":1}", 3},
        {"{} {}", 0},
        {"//\n1", 0},
        {"\xEF\xBB\xBF"
         "1",
         0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        cr_expect_eq(parse(table[i].text), table[i].nodes, "row %zu: %s", i, table[i].text);
        cr_expect_eq(json_check(table[i].text, strlen(table[i].text)), table[i].nodes > 0);
    }
}

/* Goal: a NUL, which ends a string in C, ends nothing here. Method: texts with one inside. */
Test(json, a_nul_byte_is_no_part_of_a_text)
{
    static const char *const texts[] = {"1\0", "[1,\0]", "\"a\0\"", "{\"a\0\":1}"};
    static const size_t lengths[] = {2, 5, 4, 8};
    for (size_t i = 0; i < 4; i++)
        cr_expect_not(json_check(texts[i], lengths[i]), "row %zu", i);
}

/* Goal: strings come unescaped, numbers as sent. Method: one of each escape and spelling. */
Test(json, values_are_text)
{
    cr_assert_eq(parse("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00z\","
                       "-1.50E+03,\"plain\"]"),
                 5u);
    static const char *const expect[] = {"\"\\/\b\f\n\r\t", "A\xC3\xA9" EURO SMILE "z", "-1.50E+03",
                                         "plain"};
    for (uint32_t i = 0; i < 4; i++) {
        cr_expect_eq(nodes[i + 1].length, strlen(expect[i]));
        cr_expect_arr_eq(nodes[i + 1].text, expect[i], strlen(expect[i]));
    }
    cr_expect_eq(nodes[3].type, JSON_NUMBER);
    cr_expect(json_is(&nodes[4], "plain"));
    cr_expect_not(json_is(&nodes[4], "plai"));
    cr_expect_not(json_is(&nodes[3], "-1.50E+03"), "a number is no string");
}

/* Goal: members are found by name, at their own level only. Method: a request with the same name at
 * two levels. */
Test(json, members_are_found_by_name)
{
    cr_assert_gt(parse("{\"id\":7,\"params\":{\"id\":8,\"method\":\"x\"},\"method\":\"ping\"}"),
                 0u);
    const struct json_node *id = json_member(nodes, nodes, "id"),
                           *params = json_member(nodes, nodes, "params");
    cr_assert(id && params);
    cr_expect_eq(id->text[0], '7');
    cr_expect(json_is(json_member(nodes, nodes, "method"), "ping"));
    cr_expect_eq(json_member(nodes, params, "id")->text[0], '8');
    cr_expect_null(json_member(nodes, nodes, "i"));
    cr_expect_null(json_member(nodes, params, "params"));
    cr_expect_eq(params->length, strlen("{\"id\":8,\"method\":\"x\"}"));
}

/* Goal: no text takes more nodes or stack than the caller gave. Method: at each limit, and one
 * beyond it. */
Test(json, stops_at_its_limits)
{
    char text[64];
    for (int depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        cr_expect_eq(json_parse(text, 2 * (size_t)depth, nodes, 64) > 0, depth == JSON_DEPTH_MAX);
    }
    for (int members = JSON_MEMBERS_MAX; members <= JSON_MEMBERS_MAX + 1; members++) {
        static struct json_node many[2 * JSON_MEMBERS_MAX + 3];
        char object[1024];
        int length = 0;
        for (int i = 0; i < members; i++)
            length += sprintf(object + length, "%c\"m%d\":0", i ? ',' : '{', i);
        object[length++] = '}';
        cr_expect_eq(json_parse(object, (size_t)length, many, sizeof many / sizeof *many) > 0,
                     members == JSON_MEMBERS_MAX);
    }
    memcpy(text, "{\"a\":[1]}", 9);
    cr_expect_eq(json_parse(text, 9, nodes, 4), 4u);
    for (uint32_t max = 0; max < 4; max++)
        cr_expect_eq(json_parse(text, 9, nodes, max), 0u);
}

/* ---- against jansson ---- */

static uint64_t state = 88172645463325252u;

static uint32_t pick(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 33) % below;
}

static void put_string(struct text *out)
{
    static const char *const pieces[] = {
        "a", "b", "\\n", "\\\"", "\\\\", "\\u0062", "\\/", "\\u20aC", EURO, SMILE, "\\ud83d\\ude00",
        " ", "{", "]",   "\x7f"};
    text_str(out, "\"");
    for (uint32_t length = pick(5); length > 0; length--)
        text_str(out, pieces[pick(sizeof pieces / sizeof *pieces)]);
    text_str(out, "\"");
}

static void put_value(struct text *out, uint32_t depth)
{
    static const char *const plain[] = {"null", "true", "false", "0",    "-0",       "12.5",
                                        "1e3",  "-7",   "2E-2",  "1e99", "123456789"};
    static const char *const space[] = {"", "", "", " ", "\n", "\t\r"};
    text_str(out, space[pick(6)]);
    uint32_t kind = pick(depth < 17 ? 6 : 4);
    bool object = kind == 4;
    if (kind < 2) {
        text_str(out, plain[pick(sizeof plain / sizeof *plain)]);
    } else if (kind < 4) {
        put_string(out);
    } else {
        text_str(out, object ? "{" : "[");
        for (uint32_t i = 0, count = pick(4); i < count; i++) {
            text_str(out, i ? "," : "");
            if (object) {
                put_string(out);
                text_str(out, ":");
            }
            put_value(out, depth + 1);
        }
        text_str(out, object ? "}" : "]");
    }
    text_str(out, space[pick(6)]);
}

/* A byte replaced, inserted or taken away, or the end cut off. */
static void mutate(struct text *text)
{
    static const char bytes[] = "\"\\{}[],:u0eE+-.\0\x80\xED\xA0 an1";
    if (!text->length)
        return;
    uint32_t at = pick((uint32_t)text->length);
    switch (pick(4)) {
    case 0:
        text->data[at] = bytes[pick(sizeof bytes - 1)];
        break;
    case 1:
        text_reserve(text, 1);
        memmove(text->data + at + 1, text->data + at, text->length++ - at);
        text->data[at] = bytes[pick(sizeof bytes - 1)];
        break;
    case 2:
        memmove(text->data + at, text->data + at + 1, --text->length - at);
        break;
    default:
        text->length = at;
    }
}

/* Goal: what another reader of JSON reads, and refuses, this one does. Method: 40,000 generated
 * texts, most of them mutated; json_check() stops at the first on which the two disagree. */
Test(json, agrees_with_jansson)
{
    struct text text = {0};
    uint32_t read = 0, rounds = 40000;
    for (uint32_t i = 0; i < rounds; i++) {
        text.length = 0;
        put_value(&text, 0);
        for (uint32_t mutations = pick(3); mutations > 0; mutations--)
            mutate(&text);
        read += json_check(text.data, text.length);
    }
    cr_expect(read > rounds / 4 && read < rounds * 3 / 4, "%u of %u were JSON", read, rounds);
    free(text.data);
}
