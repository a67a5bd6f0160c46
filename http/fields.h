/* fields.h - reading the parameters of a call: each reader checks one kind of value and refuses the
 * call in Binance's words when it is wrong.
 *
 * Thread:  the ingress core's, while the call is being started.
 * Returns: false when the call was refused (answered); the caller just returns.
 */
#ifndef FIELDS_H
#define FIELDS_H

#include "http/ingress.h"

enum need { OPTIONAL, MANDATORY };
enum { SYMBOLS_LIMIT = 8192 }; /* above what --max-symbols takes */

/* -1102 and -1100 for the parameter. */
void field_missing(struct call *call, const char *name);
/* -1108, and false. */
bool field_overflowed(struct call *call, const char *name);
void field_illegal(struct call *call, const char *name, const char *legal);

/* Refuses the call for a parameter that is empty, or mandatory and NULL. */
bool field_checked(struct call *call, const char *name, enum need need, const struct param *param);

/* The parameter, or NULL when it is optional and not there. An empty value is an error. */
static inline bool field_get(struct call *call, const char *name, enum need need,
                             const struct param **param)
{
    *param = params_get(&call->ingress->params, name);
    return (!*param && need == OPTIONAL) || field_checked(call, name, need, *param);
}

static inline bool field_sent(struct call *call, const char *name)
{
    return params_get(&call->ingress->params, name) != NULL;
}

/* Whether the parameter was sent and says true: what a call costs is asked before it is checked. */
bool field_true(struct call *call, const char *name);
bool field_is(const struct param *param, const char *text);
/* -1106 when the parameter was sent. */
bool field_absent(struct call *call, const char *name);
/* true or false; `normal` when it is not there. */
bool field_bool(struct call *call, const char *name, bool normal, bool *value);
/* 0 to INT64_MAX. */
bool field_number(struct call *call, const char *name, enum need need, bool *there,
                  uint64_t *value);
bool field_amount(struct call *call, const char *name, enum need need, bool *there, int64_t *atoms);
/* SYMBOL_ANY when it is optional and not there. */
bool field_symbol(struct call *call, enum need need, uint16_t *symbol);
/* `symbolStatus`; STATUS_COUNT when it is not there. */
bool field_symbol_status(struct call *call, uint8_t *status);
/* -1220 unless the symbol has the status asked for. */
bool field_status_agrees(struct call *call, uint16_t symbol, uint8_t status);

/* What `symbol` or `symbols` (a JSON array of names) and `symbolStatus` ask for. */
struct symbol_choice {
    uint16_t one; /* SYMBOL_ANY: not one */
    uint16_t count;
    uint8_t status; /* STATUS_COUNT: any */
    bool all;       /* neither was sent */
    uint64_t wanted[SYMBOLS_LIMIT / 64];
};
bool field_symbol_choice(struct call *call, struct symbol_choice *choice);
/* `permissions`, a name or a JSON array of names: whether SPOT, which every symbol has, is one. */
bool field_permissions(struct call *call, bool *spot);
bool symbol_chosen(const struct directory *directory, const struct symbol_choice *choice,
                   uint16_t symbol);

/* Length 0 when it is not there. */
bool field_client_id(struct call *call, const char *name, uint8_t *length,
                     char id[CLIENT_ID_BYTES]);
/* `limit`: `normal` when it is not there, cut at `most`. */
bool field_limit(struct call *call, uint32_t normal, uint32_t most, uint32_t *limit);
/* `interval` of candles, mandatory. */
bool field_interval(struct call *call, enum candle_interval *interval);
/* `timeZone` as minutes east of UTC, -12:00 to +14:00; 0 when it is not there. */
bool field_zone(struct call *call, int32_t *minutes);
/* `windowSize`, 1m to 59m, 1h to 23h, 1d to 7d; a day when it is not there. */
bool field_window(struct call *call, int64_t *width_us);
/* startTime and endTime, ms or us, both inclusive; INT64_MIN and INT64_MAX when not there. */
bool field_range(struct call *call, int64_t *start_us, int64_t *end_us);
/* startTime and endTime, ms or us, into request->find. */
bool field_times(struct call *call, struct request *request);
/* A client's time, ms or us, as microseconds. */
int64_t field_time_us(uint64_t value);
/* -1104 unless all parameters were read; those of the signature always are. */
bool fields_all_read(struct call *call);

#endif
