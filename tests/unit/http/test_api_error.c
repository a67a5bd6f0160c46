/* Goal: every refusal of the cores has a spelling. Method: walk the table for holes. */
#include <criterion/criterion.h>
#include <string.h>

#include "http/api_error.h"

Test(api_error, every_reject_is_spelled)
{
    for (int reject = REJECT_NONE + 1; reject < REJECT_COUNT; reject++) {
        struct api_error error = api_error_of((enum reject)reject, 0);
        cr_assert_lt(error.code, -999, "%s", reject_text((enum reject)reject));
        cr_assert_geq(error.status, 400, "%s", reject_text((enum reject)reject));
        cr_assert_gt(strlen(error.text), 0u, "%s", reject_text((enum reject)reject));
    }
}

/* Clients match on these codes and texts: API.md §1.4, §2.2. */
Test(api_error, texts_that_clients_match_are_exact)
{
    static const struct {
        enum reject reject;
        int cancel, code, status;
        const char *text;
    } table[] = {
        {REJECT_NO_FUNDS, 0, -2010, 400, "Account has insufficient balance for requested action."},
        {REJECT_UNKNOWN_ORDER, 1, -2011, 400, "Unknown order sent."},
        {REJECT_NO_SUCH_ORDER, 0, -2013, 400, "Order does not exist."},
        {REJECT_NOT_KEPT, 0, -2013, 400, "Order does not exist."},
        {REJECT_DUPLICATE_ORDER, 0, -2010, 400, "Duplicate order sent."},
        {REJECT_WOULD_MATCH, 0, -2010, 400, "Order would immediately match and take."},
        {REJECT_MARKET_CLOSED, 0, -2010, 400, "Market is closed."},
        {REJECT_MARKET_CLOSED, 1, -2011, 400, "Market is closed."},
        {REJECT_PRICE_FILTER, 0, -1013, 400, "Filter failure: PRICE_FILTER"},
        {REJECT_LOT_SIZE, 0, -1013, 400, "Filter failure: LOT_SIZE"},
        {REJECT_NOTIONAL, 0, -1013, 400, "Filter failure: NOTIONAL"},
        {REJECT_UNKNOWN_SYMBOL, 0, -1121, 400, "Invalid symbol."},
        {REJECT_QTY_INCREASE, 0, -2038, 400, "Order amend (quantity increase) is not supported."},
        {REJECT_NO_CHANGE, 0, -2038, 400, "The requested action would change no state; rejecting"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct api_error error = api_error_of(table[i].reject, table[i].cancel);
        cr_assert_eq(error.code, table[i].code, "row %zu", i);
        cr_assert_eq(error.status, table[i].status, "row %zu", i);
        cr_assert_str_eq(error.text, table[i].text, "row %zu", i);
    }
    cr_assert_eq(api_error_of(REJECT_BUSY, 0).code, -1008);
    cr_assert_eq(api_error_of(REJECT_BUSY, 0).status, 503);
}
