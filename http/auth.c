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
    if (key->public_key)
        return public_key_verify(key->public_key, params->piece, params->piece_length,
                                 params->pieces, signature->value, signature->value_length);
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

/* The key that the call names, or that its session has logged on with; NULL when it was refused. */
static const struct directory_key *find_key(struct call *call, uint8_t permission, int64_t now_us)
{
    bool revoked = false;
    if (!call->api_key.data && call->logon) {
        call->api_key = (struct slice){call->logon->key, API_KEY_BYTES};
        revoked = call->logon->revoked;
    }
    if (!call->api_key.data) {
        field_missing(call, "apiKey");
        return NULL;
    }
    const struct directory_key *key =
        directory_key(&call->ingress->directory, call->api_key.data, call->api_key.length);
    if (!key && !key_legal(&call->api_key)) { /* those that we know are legal */
        call_refuse(call, -2014, "API-key format invalid.");
        return NULL;
    }
    if (!key || revoked || !directory_key_serves(key, &call->client, permission, now_us)) {
        call_refuse(call, -2015, "Invalid API-key, IP, or permissions for action.");
        return NULL;
    }
    return key;
}

/* The time at which the client says it sent the call: not ahead of ours, nor older than its window.
 */
static bool check_time(struct call *call, uint64_t timestamp, int64_t now_us,
                       struct request *request)
{
    if (timestamp == 0 || timestamp >= INT64_MAX / 1000) {
        field_missing(call, "timestamp");
        return false;
    }
    request->timestamp_us = field_time_us(timestamp);
    if (request->timestamp_us >= now_us + 1000000) {
        call_refuse(call, -1021,
                    "Timestamp for this request was 1000ms ahead of the server's time.");
        return false;
    }
    if (now_us - request->timestamp_us > request->recv_window_us) {
        call_refuse(call, -1021, "Timestamp for this request is outside of the recvWindow.");
        return false;
    }
    return true;
}

bool authenticate(struct call *call, uint8_t permission, struct request *request)
{
    const struct param *signature;
    bool vouched = !call->api_key.data && call->logon, there;
    uint64_t timestamp;
    int64_t now_us = env_now_us(&call->ingress->ex->rt.env);
    const struct directory_key *key = find_key(call, permission, now_us);
    if (!key || !get_recv_window(call, &request->recv_window_us) ||
        !field_number(call, "timestamp", MANDATORY, &there, &timestamp) ||
        !field_get(call, "signature", vouched ? OPTIONAL : MANDATORY, &signature) ||
        !check_time(call, timestamp, now_us, request))
        return false;
    if (signature && !signature_ok(call, key, signature)) {
        call_refuse(call, -1022, "Signature for this request is not valid.");
        return false;
    }
    request->user = call->user = key->user;
    return true;
}

bool authenticate_session(struct call *call, uint8_t permission, struct request *request)
{
    call->api_key = (struct slice){0}; /* without a signature it would prove nothing */
    if (!call->logon) {
        call_error(call, 401, -1002, "You are not authorized to execute this request.");
        return false;
    }
    const struct directory_key *key =
        find_key(call, permission, env_now_us(&call->ingress->ex->rt.env));
    if (key)
        request->user = call->user = key->user;
    return key != NULL;
}
