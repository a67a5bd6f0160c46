/* fuzz_params.c - parameters and amounts against naive twins that were written from the headers
 * alone.
 *
 * Input:   query, a newline, body. The whole input and every value are read as amounts too.
 */
#include <stdlib.h>
#include <string.h>

#include "actors/book/money.h"
#include "http/params.h"
#include "runtime/check.h"
#include "tests/fuzz/fuzz.h"

/* ---- amounts ---- */

/* The grammar [0-9]+(.[0-9]+)?, at most 40 characters, in 1e-8; -1 when there is none. */
static int64_t naive_amount(const char *text, size_t length)
{
    size_t whole = 0, part;
    __int128 atoms = 0;
    while (whole < length && text[whole] >= '0' && text[whole] <= '9')
        whole++;
    part = length - whole;
    if (length > 40 || whole == 0 || part == 1 || (part && text[whole] != '.'))
        return -1;
    for (size_t i = 0; i < length; i++)
        if (i != whole && (text[i] < '0' || text[i] > '9'))
            return -1;
    for (size_t i = 0; i < whole + 9; i++) {
        if (i != whole)
            atoms = 10 * atoms + (i < length ? text[i] - '0' : 0);
        if (atoms > INT64_MAX)
            return -1;
    }
    for (size_t i = whole + 9; i < length; i++)
        if (text[i] != '0')
            return -1;
    return (int64_t)atoms;
}

static void check_amount(const char *text, size_t length)
{
    char shown[MONEY_TEXT_MAX];
    int64_t atoms, again;
    uint32_t decimals = 0, shown_decimals;
    char *copy = fuzz_copy(text, length); /* of its own, so that reading past the end is seen */
    bool good = money_parse(copy, (uint32_t)length, &atoms, &decimals);
    free(copy);
    ASSERT((good ? atoms : -1) == naive_amount(text, length));
    if (!good)
        return;
    uint32_t shown_length = money_format(atoms, shown);
    ASSERT(shown_length <= sizeof shown);
    ASSERT(money_parse(shown, shown_length, &again, &shown_decimals));
    ASSERT(again == atoms && shown_decimals == decimals && decimals <= MONEY_DECIMALS);
}

/* ---- parameters ---- */

struct naive_pair {
    char *name, *value;
    size_t name_length, value_length;
    bool in_body;
};

struct naive {
    struct naive_pair pair[PARAMS_MAX];
    uint32_t count;
    char *signed_text;
    size_t signed_length;
};

static int hex(char c)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;
    return at ? (int)((at - digits) % 16) : -1;
}

/* The text with its escapes resolved; NULL for a broken escape or a NUL. */
static char *naive_decode(const char *text, size_t length, size_t *out_length)
{
    char *out = malloc(length + 1);
    *out_length = 0;
    for (size_t i = 0; i < length; i++) {
        int c = (unsigned char)text[i];
        if (c == '%') {
            if (length - i < 3 || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0)
                c = 0;
            else
                c = 16 * hex(text[i + 1]) + hex(text[i + 2]);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        if (c == 0) {
            free(out);
            return NULL;
        }
        out[(*out_length)++] = (char)c;
    }
    return out;
}

static enum params_status naive_pair_add(struct naive *naive, const char *text, size_t length,
                                         bool in_body)
{
    struct naive_pair pair = {.in_body = in_body};
    const char *equals = memchr(text, '=', length);
    size_t name = equals ? (size_t)(equals - text) : length, value = equals ? name + 1 : length;
    enum params_status status = PARAMS_OK;
    pair.name = naive_decode(text, name, &pair.name_length);
    pair.value = naive_decode(text + value, length - value, &pair.value_length);
    bool keep = pair.name && pair.value;
    if (!keep)
        status = PARAMS_BAD_ENCODING;
    for (uint32_t i = 0; keep && i < naive->count; i++) {
        struct naive_pair *other = &naive->pair[i];
        if (other->name_length != pair.name_length ||
            memcmp(other->name, pair.name, pair.name_length) != 0)
            continue;
        keep = false;
        status = other->in_body == in_body ? PARAMS_DUPLICATE : PARAMS_OK;
    }
    if (keep && naive->count == PARAMS_MAX) {
        keep = false;
        status = PARAMS_TOO_MANY;
    }
    if (keep) {
        naive->pair[naive->count++] = pair;
    } else {
        free(pair.name);
        free(pair.value);
    }
    return status;
}

/* The pairs of one part one by one; what was signed is the part without its first `signature` and
 * one of the '&' beside it. */
static enum params_status naive_part(struct naive *naive, const char *text, size_t length,
                                     bool in_body)
{
    char *to = naive->signed_text + naive->signed_length;
    size_t cut = length, cut_length = 0;
    for (size_t at = 0, end; at < length; at = end + 1) {
        for (end = at; end < length && text[end] != '&'; end++)
            ;
        if (end == at)
            continue;
        enum params_status status = naive_pair_add(naive, text + at, end - at, in_body);
        if (status != PARAMS_OK)
            return status;
        if (cut == length && end - at >= 10 && memcmp(text + at, "signature=", 10) == 0) {
            cut = at ? at - 1 : 0;
            cut_length = at || end == length ? end - cut : end + 1;
        }
    }
    if (length) {
        memcpy(to, text, cut);
        memcpy(to + cut, text + cut + cut_length, length - cut - cut_length);
    }
    naive->signed_length += length - cut_length;
    return PARAMS_OK;
}

static void check_same(const struct params *params, const struct naive *naive)
{
    size_t at = 0;
    ASSERT(params->count == naive->count);
    for (uint32_t i = 0; i < params->count; i++) {
        const struct param *param = &params->item[i];
        const struct naive_pair *pair = &naive->pair[i];
        ASSERT(param->name_length == pair->name_length && param->in_body == pair->in_body);
        ASSERT(param->value_length == pair->value_length);
        ASSERT(memcmp(param->name, pair->name, pair->name_length) == 0);
        ASSERT(memcmp(param->value, pair->value, pair->value_length) == 0);
        check_amount(param->value, param->value_length);
    }
    ASSERT(params->pieces <= 4);
    for (uint32_t i = 0; i < params->pieces; at += params->piece_length[i++]) {
        ASSERT(params->piece_length[i] <= naive->signed_length - at);
        ASSERT(memcmp(params->piece[i], naive->signed_text + at, params->piece_length[i]) == 0);
    }
    ASSERT(at == naive->signed_length);
}

static void check_get(struct params *params)
{
    char name[256];
    uint32_t asked = 0;
    for (uint32_t i = 0; i < params->count; i++) {
        struct param *param = &params->item[i];
        if (param->name_length >= sizeof name)
            continue;
        memcpy(name, param->name, param->name_length);
        name[param->name_length] = '\0';
        ASSERT(params_get(params, name) == param);
        asked++;
    }
    ASSERT(params_unread(params) == params->count - asked);
}

static void check_params(const char *query, size_t query_length, const char *body,
                         size_t body_length)
{
    static struct params params;
    struct naive naive = {.signed_text = malloc(query_length + body_length + 1)};
    char *query_copy = fuzz_copy(query, query_length), *body_copy = fuzz_copy(body, body_length);
    enum params_status expected = PARAMS_TOO_LONG;
    if (query_length + body_length <= PARAMS_TEXT_MAX) {
        expected = naive_part(&naive, query, query_length, false);
        if (expected == PARAMS_OK)
            expected = naive_part(&naive, body, body_length, true);
    }
    enum params_status status =
        params_read(&params, query_copy, query_length, body_copy, body_length);
    ASSERT(status == expected);
    if (status == PARAMS_OK) {
        check_same(&params, &naive);
        check_get(&params);
    }
    for (uint32_t i = 0; i < naive.count; i++) {
        free(naive.pair[i].name);
        free(naive.pair[i].value);
    }
    free(naive.signed_text);
    free(query_copy);
    free(body_copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *line = size ? memchr(text, '\n', size) : NULL;
    size_t query = line ? (size_t)(line - text) : size, body = line ? query + 1 : size;
    check_amount(text, size);
    check_params(text, query, text + body, size - body);
    return 0;
}
