/* admin_json.h - reading an operator's JSON; each refuses the call where it says no.
 *
 * Thread:  the ingress core's.
 */
#ifndef ADMIN_JSON_H
#define ADMIN_JSON_H

#include <jansson.h>

#include "actors/book/symbol_limits.h"
#include "http/ingress.h"

/* Whether every key is one of `known`, a list that NULL ends. */
bool admin_only_keys(struct call *call, json_t *object, const char *const *known);
/* An optional decimal string, not below zero; absent leaves *atoms alone. */
bool admin_decimal(struct call *call, json_t *object, const char *name, int64_t *atoms);

/* Reads Binance's list of filters over what the symbol has; what a filter does not name stays as it
 * is. NULL is an empty list. */
bool admin_filters(struct call *call, json_t *list, struct symbol_config *symbol);
/* Whether no minimum is above its maximum. */
bool admin_filters_agree(struct call *call, const struct symbol_config *symbol);
/* The same for the filters of the exchange. */
bool admin_exchange_filters(struct call *call, json_t *list, struct exchange_limits *exchange);

#endif
