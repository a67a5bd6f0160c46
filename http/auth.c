#include "http/auth.h"

#include <openssl/crypto.h>

#include "actors/book/money.h"
#include "http/fields.h"
#include "http/text.h"

/* recvWindow in ms with up to 3 decimals, as microseconds. */
static bool get_recv_window(struct call *call, int64_t *window_us)
{
    bool there;
    int64_t atoms;
    *window_us = 5000000;
    if (!field_amount(call, "recvWindow", OPTIONAL, &there, &atoms))
        return false;
    if (there && atoms > 60000 * MONEY_ATOMS_PER_UNIT) {
        call_refuse(call, -1131, "recvWindow must be less than 60000.");
        return false;
    }
    if (there && atoms % (MONEY_ATOMS_PER_UNIT / 1000)) {
        call_refuse(call, -1111, "Parameter 'recvWindow' has too much precision.");
        return false;
    }
    if (there)
        *window_us = atoms / (MONEY_ATOMS_PER_UNIT / 1000);
    return true;
}

static bool signature_ok(struct call *call, const struct directory_key *key,
                         const struct param *signature)
{
    struct params *params = &call->ingress->params;
    uint8_t expected[SIGNATURE_BYTES], given[SIGNATURE_BYTES];
    if (signature->value_length != 2 * sizeof given)
        return false;
    for (uint32_t i = 0; i < sizeof given; i++) {
        int high = hex_digit(signature->value[2 * i]), low = hex_digit(signature->value[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        given[i] = (uint8_t)(high << 4 | low);
    }
    directory_sign(key, params->piece, params->piece_length, params->pieces, expected);
    return CRYPTO_memcmp(expected, given, sizeof given) == 0;
}

/* API keys are 64 letters and digits. */
static bool key_legal(const struct slice *key)
{
    if (key->length != API_KEY_BYTES)
        return false;
    for (size_t i = 0; i < key->length; i++) {
        char c = (char)(key->data[i] | 0x20);
        if (!(c >= 'a' && c <= 'z') && !(key->data[i] >= '0' && key->data[i] <= '9'))
            return false;
    }
    return true;
}

bool authenticate(struct call *call, uint8_t permission, struct request *request)
{
    struct ingress *ingress = call->ingress;
    const struct param *signature;
    bool there;
    uint64_t timestamp;
    if (!call->api_key.data) {
        field_missing(call, "apiKey");
        return false;
    }
    const struct directory_key *key =
        directory_key(&ingress->directory, call->api_key.data, call->api_key.length);
    if (!key && !key_legal(&call->api_key)) { /* those that we know are legal */
        call_refuse(call, -2014, "API-key format invalid.");
        return false;
    }
    if (!key || !(key->permissions & permission)) {
        call_refuse(call, -2015, "Invalid API-key, IP, or permissions for action.");
        return false;
    }
    if (!get_recv_window(call, &request->recv_window_us) ||
        !field_number(call, "timestamp", MANDATORY, &there, &timestamp) ||
        !field_get(call, "signature", MANDATORY, &signature))
        return false;
    int64_t now = env_now_us(&ingress->ex->rt.env), sent = 0;
    if (timestamp < INT64_MAX / 1000)
        sent = field_time_us(timestamp);
    if (sent == 0 || sent >= now + 1000000) {
        if (sent == 0)
            field_missing(call, "timestamp");
        else
            call_refuse(call, -1021,
                        "Timestamp for this request was 1000ms ahead of the server's time.");
        return false;
    }
    if (now - sent > request->recv_window_us) {
        call_refuse(call, -1021, "Timestamp for this request is outside of the recvWindow.");
        return false;
    }
    if (!signature_ok(call, key, signature)) {
        call_refuse(call, -1022, "Signature for this request is not valid.");
        return false;
    }
    request->timestamp_us = sent;
    request->user = call->user = key->user;
    return true;
}
