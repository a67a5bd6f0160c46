#define _GNU_SOURCE /* memmem */
#include "http/fields.h"

#include <string.h>
#include <strings.h>

#include "actors/book/kinds.h"
#include "actors/book/money.h"
#include "http/render.h"
#include "runtime/check.h"

#define LEGAL_AMOUNT "^([0-9]{1,20})(\\.[0-9]{1,20})?$"
#define LEGAL_NUMBER "^[0-9]{1,20}$"
#define LEGAL_SYMBOL "^[\\w\\-._&&[^a-z]]{1,50}$"
#define LEGAL_SYMBOLS                                                                              \
    "^\\[(\"[\\w\\-._&&[^a-z]]{1,50}\"(,\"[\\w\\-._&&[^a-z]]{1,50}\"){0,}){0,1}\\]$"
#define LEGAL_CLIENT "^[a-zA-Z0-9-_.:/]{1,36}$"

enum { DIGITS_MAX = 20 }; /* of LEGAL_AMOUNT and LEGAL_NUMBER */

void field_missing(struct call *call, const char *name)
{
    call_refuse(call, -1102, "Mandatory parameter '%s' was not sent, was empty/null, or malformed.",
                name);
}

void field_illegal(struct call *call, const char *name, const char *legal)
{
    call_refuse(call, -1100, "Illegal characters found in parameter '%s'; legal range is '%s'.",
                name, legal);
}

bool field_checked(struct call *call, const char *name, enum need need, const struct param *param)
{
    if (param && param->value_length == 0) {
        call_refuse(call, -1105, "Parameter '%s' was empty.", name);
        return false;
    }
    if (!param && need == MANDATORY) {
        field_missing(call, name);
        return false;
    }
    return true;
}

/* In any case: Python writes True. */
bool field_true(struct call *call, const char *name)
{
    const struct param *param = params_get(&call->ingress->params, name);
    return param && param->value_length == 4 && strncasecmp(param->value, "true", 4) == 0;
}

bool field_is(const struct param *param, const char *text)
{
    return param->value_length == strlen(text) &&
           memcmp(param->value, text, param->value_length) == 0;
}

bool field_absent(struct call *call, const char *name)
{
    bool sent = field_sent(call, name);
    if (sent)
        call_refuse(call, -1106, "Parameter '%s' sent when not required.", name);
    return !sent;
}

static bool all_digits(const char *text, size_t length)
{
    size_t digits = 0;
    while (digits < length && text[digits] >= '0' && text[digits] <= '9')
        digits++;
    return digits == length && length >= 1 && length <= DIGITS_MAX;
}

bool field_overflowed(struct call *call, const char *name)
{
    call_refuse(call, -1108, "Parameter '%s' overflowed.", name);
    return false;
}

bool field_number(struct call *call, const char *name, enum need need, bool *there, uint64_t *value)
{
    const struct param *param;
    *there = false;
    if (!field_get(call, name, need, &param))
        return false;
    if (!param)
        return true;
    if (!all_digits(param->value, param->value_length)) {
        field_illegal(call, name, LEGAL_NUMBER);
        return false;
    }
    uint64_t sum = 0;
    for (uint32_t i = 0; i < param->value_length; i++)
        if (__builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(param->value[i] - '0'), &sum) || sum > INT64_MAX)
            return field_overflowed(call, name);
    *value = sum;
    *there = true;
    return true;
}

/* Why money_parse() would not have it. */
static bool bad_amount(struct call *call, const char *name, const struct param *param,
                       uint32_t decimals)
{
    const char *point = memchr(param->value, '.', param->value_length);
    size_t whole = point ? (size_t)(point - param->value) : param->value_length;
    if (!all_digits(param->value, whole) ||
        (point && !all_digits(point + 1, param->value_length - whole - 1)))
        field_illegal(call, name, LEGAL_AMOUNT);
    else if (decimals > MONEY_DECIMALS)
        call_refuse(call, -1111, "Parameter '%s' has too much precision.", name);
    else
        field_overflowed(call, name);
    return false;
}

bool field_amount(struct call *call, const char *name, enum need need, bool *there, int64_t *atoms)
{
    const struct param *param;
    uint32_t decimals = 0;
    *there = false;
    if (!field_get(call, name, need, &param))
        return false;
    if (!param)
        return true;
    if (!money_parse(param->value, param->value_length, atoms, &decimals))
        return bad_amount(call, name, param, decimals);
    *there = true;
    return true;
}

bool field_bool(struct call *call, const char *name, bool normal, bool *value)
{
    const struct param *param;
    *value = normal;
    if (!field_get(call, name, OPTIONAL, &param))
        return false;
    if (!param)
        return true;
    *value = field_true(call, name);
    if (*value || (param->value_length == 5 && strncasecmp(param->value, "false", 5) == 0))
        return true;
    call_refuse(call, -1130, "Data sent for parameter '%s' is not valid.", name);
    return false;
}

/* ---- symbols ---- */

static bool legal_symbol(const char *text, size_t length)
{
    if (length == 0 || length > 50)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
            return false;
    }
    return true;
}

static bool find_symbol(struct call *call, const char *text, size_t length, uint16_t *symbol)
{
    *symbol = directory_symbol(&call->ingress->directory, text, length);
    if (*symbol == SYMBOL_ANY)
        call_refuse(call, -1121, "Invalid symbol.");
    return *symbol != SYMBOL_ANY;
}

bool field_symbol(struct call *call, enum need need, uint16_t *symbol)
{
    const struct param *param;
    *symbol = SYMBOL_ANY;
    if (!field_get(call, "symbol", need, &param))
        return false;
    if (!param)
        return true;
    if (!legal_symbol(param->value, param->value_length)) {
        field_illegal(call, "symbol", LEGAL_SYMBOL);
        return false;
    }
    return find_symbol(call, param->value, param->value_length, symbol);
}

/* Whether the text is a JSON array of symbol names without any space: ["A","B"]. */
static bool legal_symbols(const char *at, size_t length)
{
    const char *end = at + length;
    if (length < 2 || *at++ != '[' || *--end != ']')
        return false;
    while (at < end) {
        const char *name = at + 1, *quote = NULL;
        if (*at == '"')
            quote = memchr(name, '"', (size_t)(end - name));
        if (!quote || !legal_symbol(name, (size_t)(quote - name)))
            return false;
        at = quote + 1;
        if (at < end && (*at++ != ',' || at == end))
            return false;
    }
    return true;
}

static bool mark_symbols(struct call *call, const struct param *list, struct symbol_choice *choice)
{
    const char *at = list->value + 1, *end = list->value + list->value_length - 1;
    for (const char *quote; at < end; at = quote + 2) { /* ["A","B"]: legal_symbols() */
        uint16_t symbol;
        quote = memchr(at + 1, '"', (size_t)(end - at - 1));
        if (!find_symbol(call, at + 1, (size_t)(quote - at - 1), &symbol))
            return false;
        ASSERT(symbol < SYMBOLS_LIMIT);
        if (choice->wanted[symbol / 64] >> symbol % 64 & 1) {
            call_refuse(call, -1151, "Symbol is present multiple times in the list.");
            return false;
        }
        choice->wanted[symbol / 64] |= UINT64_C(1) << symbol % 64;
        choice->count++;
    }
    return true;
}

bool field_symbol_status(struct call *call, uint8_t *status)
{
    static const uint8_t known[] = {STATUS_TRADING, STATUS_HALT, STATUS_BREAK};
    const struct param *param;
    *status = STATUS_COUNT;
    if (!field_get(call, "symbolStatus", OPTIONAL, &param))
        return false;
    if (!param)
        return true;
    for (uint32_t i = 0; i < sizeof known; i++)
        if (field_is(param, status_name(known[i])))
            *status = known[i];
    if (*status == STATUS_COUNT)
        call_refuse(call, -1122, "Invalid symbolStatus.");
    return *status != STATUS_COUNT;
}

bool field_status_agrees(struct call *call, uint16_t symbol, uint8_t status)
{
    if (status == STATUS_COUNT || call->ingress->directory.symbols[symbol].status == status)
        return true;
    call_refuse(call, -1220, "The symbol's status does not match the requested symbolStatus.");
    return false;
}

bool field_symbol_choice(struct call *call, struct symbol_choice *choice)
{
    const struct param *list;
    *choice = (struct symbol_choice){.one = SYMBOL_ANY, .status = STATUS_COUNT};
    if (field_sent(call, "symbol") && field_sent(call, "symbols")) {
        call_refuse(call, -1128, "Combination of optional parameters invalid.");
        return false;
    }
    if (!field_symbol(call, OPTIONAL, &choice->one) ||
        !field_get(call, "symbols", OPTIONAL, &list) || !field_symbol_status(call, &choice->status))
        return false;
    if (list && !legal_symbols(list->value, list->value_length)) {
        field_illegal(call, "symbols", LEGAL_SYMBOLS);
        return false;
    }
    choice->all = choice->one == SYMBOL_ANY && !list;
    return !list || mark_symbols(call, list, choice);
}

bool field_permissions(struct call *call, bool *spot)
{
    static const char quoted[] = "\"SPOT\"";
    const struct param *param;
    *spot = true;
    if (!field_get(call, "permissions", OPTIONAL, &param))
        return false;
    if (!param)
        return true;
    bool list = legal_symbols(param->value, param->value_length); /* the same letters */
    *spot = list ? memmem(param->value, param->value_length, quoted, sizeof quoted - 1) != NULL
                 : field_is(param, "SPOT");
    if (list || legal_symbol(param->value, param->value_length))
        return true;
    call_refuse(call, -1130, "Data sent for parameter 'permissions' is not valid.");
    return false;
}

bool symbol_chosen(const struct directory *directory, const struct symbol_choice *choice,
                   uint16_t symbol)
{
    if (choice->status != STATUS_COUNT && directory->symbols[symbol].status != choice->status)
        return false;
    return choice->all || choice->one == symbol || (choice->wanted[symbol / 64] >> symbol % 64 & 1);
}

bool field_client_id(struct call *call, const char *name, uint8_t *length, char id[CLIENT_ID_BYTES])
{
    const struct param *param;
    *length = 0;
    if (!field_get(call, name, OPTIONAL, &param))
        return false;
    if (!param)
        return true;
    bool legal = param->value_length <= CLIENT_ID_BYTES;
    for (uint32_t i = 0; legal && i < param->value_length; i++) {
        char c = param->value[i];
        legal = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                c == '-' || c == '_' || c == '.' || c == ':' || c == '/';
    }
    if (!legal) {
        field_illegal(call, name, LEGAL_CLIENT);
        return false;
    }
    *length = (uint8_t)param->value_length;
    memcpy(id, param->value, param->value_length);
    return true;
}

bool field_limit(struct call *call, uint32_t normal, uint32_t most, uint32_t *limit)
{
    bool there;
    uint64_t value = normal;
    if (!field_number(call, "limit", OPTIONAL, &there, &value))
        return false;
    if (there && value == 0) {
        call_refuse(call, -1130, "Data sent for parameter 'limit' is not valid.");
        return false;
    }
    *limit = value > most ? most : (uint32_t)value;
    return true;
}

#define FIRST_US UINT64_C(100000000000000) /* a time from here on is us, below it ms */

int64_t field_time_us(uint64_t value)
{
    return (int64_t)(value >= FIRST_US ? value : value * 1000);
}

bool field_times(struct call *call, struct request *request)
{
    bool there;
    uint64_t value = 0;
    if (!field_number(call, "startTime", OPTIONAL, &there, &value))
        return false;
    request->find.start_us = !there ? 0 : value ? field_time_us(value) : 1; /* 0: not given */
    if (!field_number(call, "endTime", OPTIONAL, &there, &value))
        return false;
    request->find.end_us = there ? field_time_us(value) + (value >= 100000000000000 ? 0 : 999) : 0;
    if (request->find.start_us && request->find.end_us &&
        request->find.start_us > request->find.end_us) {
        call_refuse(call, -1128, "Combination of optional parameters invalid.");
        return false;
    }
    if (request->find.start_us && request->find.end_us &&
        request->find.end_us - request->find.start_us > 86400000000 + 999) {
        call_refuse(call, -1127, "More than 24 hours between startTime and endTime.");
        return false;
    }
    return true;
}

bool field_range(struct call *call, int64_t *start_us, int64_t *end_us)
{
    bool there;
    uint64_t value;
    *start_us = INT64_MIN;
    *end_us = INT64_MAX;
    if (!field_number(call, "startTime", OPTIONAL, &there, &value))
        return false;
    if (there)
        *start_us = field_time_us(value);
    if (!field_number(call, "endTime", OPTIONAL, &there, &value))
        return false;
    if (there)
        *end_us = field_time_us(value) + (value >= FIRST_US ? 0 : 999);
    if (*start_us <= *end_us)
        return true;
    call_refuse(call, -1128, "Combination of optional parameters invalid.");
    return false;
}

bool field_interval(struct call *call, enum candle_interval *interval)
{
    const struct param *param;
    if (!field_get(call, "interval", MANDATORY, &param))
        return false;
    if (candle_of_name(param->value, param->value_length, interval))
        return true;
    call_refuse(call, -1120, "Invalid interval.");
    return false;
}

/* Reads one or two digits; returns behind them, or NULL. */
static const char *two_digits(const char *at, const char *end, int32_t *value)
{
    const char *begin = at;
    *value = 0;
    while (at < end && at - begin < 2 && *at >= '0' && *at <= '9')
        *value = *value * 10 + (*at++ - '0');
    return at > begin ? at : NULL;
}

/* [+-]H[H][:MM] */
static bool zone_parse(const char *at, const char *end, int32_t *minutes)
{
    int32_t hours, more = 0;
    bool west = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    at = two_digits(at, end, &hours);
    if (at && at < end) {
        if (*at != ':' || end - at != 3)
            return false;
        at = two_digits(at + 1, end, &more);
    }
    if (!at || at != end || more > 59)
        return false;
    *minutes = (west ? -1 : 1) * (60 * hours + more);
    return *minutes >= -12 * 60 && *minutes <= 14 * 60;
}

bool field_zone(struct call *call, int32_t *minutes)
{
    const struct param *param;
    *minutes = 0;
    if (!field_get(call, "timeZone", OPTIONAL, &param))
        return false;
    if (!param || zone_parse(param->value, param->value + param->value_length, minutes))
        return true;
    call_refuse(call, -1130, "Data sent for parameter 'timeZone' is not valid.");
    return false;
}

bool field_window(struct call *call, int64_t *width_us)
{
    static const struct {
        char name;
        int32_t most;
        int64_t length_us;
    } units[] = {{'m', 59, MINUTE_US}, {'h', 23, HOUR_US}, {'d', 7, DAY_US}};
    const struct param *param;
    int32_t number;
    *width_us = DAY_US;
    if (!field_get(call, "windowSize", OPTIONAL, &param))
        return false;
    if (!param)
        return true;
    const char *end = param->value + param->value_length;
    const char *at = two_digits(param->value, end, &number);
    for (uint32_t i = 0; at && at + 1 == end && *param->value != '0' && i < 3; i++)
        if (*at == units[i].name && number <= units[i].most) {
            *width_us = number * units[i].length_us;
            return true;
        }
    call_refuse(call, -1130, "Data sent for parameter 'windowSize' is not valid.");
    return false;
}

bool fields_all_read(struct call *call)
{
    struct params *params = &call->ingress->params;
    uint32_t unread = params_unread(params);
    if (unread)
        call_refuse(call, -1104,
                    "Not all sent parameters were read; read '%u' parameter(s) but was sent '%u'.",
                    params->count - unread, params->count);
    return unread == 0;
}
