/* api_error.h - how Binance spells a refusal: code, HTTP status and text (API.md §1.4).
 *
 * Thread:  any; read-only tables.
 */
#ifndef API_ERROR_H
#define API_ERROR_H

#include "actors/book/reject.h"

struct api_error {
    int code, status;
    const char *text;
};

/* What the cores said, as the public API spells it; `cancel` for requests that cancel. */
struct api_error api_error_of(enum reject reject, int cancel);

#endif
