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

/* -1102 and -1100 for the parameter. */
void field_missing(struct call *call, const char *name);
void field_illegal(struct call *call, const char *name, const char *legal);

/* The parameter, or NULL when it is optional and not there. An empty value is an error. */
bool field_get(struct call *call, const char *name, enum need need, const struct param **param);
bool field_is(const struct param *param, const char *text);
/* -1106 when the parameter was sent. */
bool field_absent(struct call *call, const char *name);
/* 0 to INT64_MAX. */
bool field_number(struct call *call, const char *name, enum need need, bool *there,
                  uint64_t *value);
bool field_amount(struct call *call, const char *name, enum need need, bool *there, int64_t *atoms);
/* SYMBOL_ANY when it is optional and not there. */
bool field_symbol(struct call *call, enum need need, uint16_t *symbol);
/* `symbols`: a JSON array of names, ["A","B"]. Marks the wanted ones. */
bool field_symbols(struct call *call, const struct param *list, bool *wanted);
/* Length 0 when it is not there. */
bool field_client_id(struct call *call, const char *name, uint8_t *length,
                     char id[CLIENT_ID_BYTES]);
/* `limit`: `normal` when it is not there, cut at `most`. */
bool field_limit(struct call *call, uint32_t normal, uint32_t most, uint32_t *limit);
/* startTime and endTime, ms or us, into request->find. */
bool field_times(struct call *call, struct request *request);
/* A client's time, ms or us, as microseconds. */
int64_t field_time_us(uint64_t value);
/* -1104 unless all parameters were read; those of the signature always are. */
bool fields_all_read(struct call *call);

#endif
