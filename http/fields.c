#include "http/fields.h"

#include <string.h>

#include "actors/book/money.h"

#define LEGAL_AMOUNT "^([0-9]{1,20})(\\.[0-9]{1,20})?$"
#define LEGAL_NUMBER "^[0-9]{1,20}$"
#define LEGAL_SYMBOL "^[\\w\\-._&&[^a-z]]{1,50}$"
#define LEGAL_CLIENT "^[a-zA-Z0-9-_.:/]{1,36}$"

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

bool field_get(struct call *call, const char *name, enum need need, const struct param **param)
{
    *param = params_get(&call->ingress->params, name);
    if (*param && (*param)->value_length == 0) {
        if (need == MANDATORY)
            field_missing(call, name);
        else
            call_refuse(call, -1105, "Parameter '%s' was empty.", name);
        return false;
    }
    if (!*param && need == MANDATORY) {
        field_missing(call, name);
        return false;
    }
    return true;
}

bool field_is(const struct param *param, const char *text)
{
    return param->value_length == strlen(text) &&
           memcmp(param->value, text, param->value_length) == 0;
}

bool field_absent(struct call *call, const char *name)
{
    const struct param *param = params_get(&call->ingress->params, name);
    if (param)
        call_refuse(call, -1106, "Parameter '%s' sent when not required.", name);
    return param == NULL;
}

bool field_number(struct call *call, const char *name, enum need need, bool *there, uint64_t *value)
{
    const struct param *param;
    *there = false;
    if (!field_get(call, name, need, &param))
        return false;
    if (!param)
        return true;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < param->value_length; i++) {
        char c = param->value[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(c - '0'), &sum) || sum > INT64_MAX) {
            field_illegal(call, name, LEGAL_NUMBER);
            return false;
        }
    }
    *value = sum;
    *there = true;
    return true;
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
    if (!money_parse(param->value, param->value_length, atoms, &decimals)) {
        bool digits = param->value_length <= 40;
        uint32_t points = 0;
        for (uint32_t i = 0; digits && i < param->value_length; i++) {
            points += param->value[i] == '.';
            digits = points <= 1 &&
                     (param->value[i] == '.' || (param->value[i] >= '0' && param->value[i] <= '9'));
        }
        if (digits && decimals > MONEY_DECIMALS)
            call_refuse(call, -1111, "Parameter '%s' has too much precision.", name);
        else
            field_illegal(call, name, LEGAL_AMOUNT);
        return false;
    }
    *there = true;
    return true;
}

bool field_symbol(struct call *call, enum need need, uint16_t *symbol)
{
    const struct param *param;
    *symbol = SYMBOL_ANY;
    if (!field_get(call, "symbol", need, &param))
        return false;
    if (!param)
        return true;
    for (uint32_t i = 0; i < param->value_length; i++) {
        char c = param->value[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
              c == '.') ||
            param->value_length > 50) {
            field_illegal(call, "symbol", LEGAL_SYMBOL);
            return false;
        }
    }
    *symbol = directory_symbol(&call->ingress->directory, param->value, param->value_length);
    if (*symbol == SYMBOL_ANY)
        call_refuse(call, -1121, "Invalid symbol.");
    return *symbol != SYMBOL_ANY;
}

bool field_symbols(struct call *call, const struct param *list, bool *wanted)
{
    const char *at = list->value, *end = at + list->value_length;
    if (list->value_length < 2 || *at++ != '[' || *--end != ']')
        goto illegal;
    while (at < end) {
        const char *name = at + 1, *quote;
        if (*at != '"' || !(quote = memchr(name, '"', (size_t)(end - name))))
            goto illegal;
        uint16_t symbol = directory_symbol(&call->ingress->directory, name, (size_t)(quote - name));
        if (symbol == SYMBOL_ANY) {
            call_refuse(call, -1121, "Invalid symbol.");
            return false;
        }
        wanted[symbol] = true;
        at = quote + 1;
        if (at < end && (*at++ != ',' || at == end))
            goto illegal;
    }
    return true;
illegal:
    field_illegal(call, "symbols", "[\"SYMBOL\",...]");
    return false;
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

int64_t field_time_us(uint64_t value)
{
    return (int64_t)(value >= 100000000000000 ? value : value * 1000); /* us or ms */
}

bool field_times(struct call *call, struct request *request)
{
    bool there;
    uint64_t value = 0;
    if (!field_number(call, "startTime", OPTIONAL, &there, &value))
        return false;
    request->find.start_us = there ? field_time_us(value) : 0;
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
