/* render.h - the JSON shapes of Binance's answers.
 *
 * Thread:  the ingress core's. Amounts are atoms, times microseconds (shown in ms unless the call
 * asked for us).
 */
#ifndef RENDER_H
#define RENDER_H

#include "http/ingress.h"

void render_time(const struct call *call, struct text *out, int64_t us);
/* The answer to a New: ACK, RESULT or FULL by call->resp, with the fills of the chain. */
void render_new_order(const struct call *call, struct text *out, struct reply *reply);
/* The same of one order; its fills are among those of the blocks from `fills` on, which may be
 * NULL. Of an order of a list it is told that it does not work yet. */
void render_report(const struct call *call, struct text *out, const struct order_view *order,
                   struct reply *fills);
/* The answer to a cancel: `client_id` is the cancel's own. */
void render_cancel(const struct call *call, struct text *out, const struct order_view *order,
                   const char *client_id, size_t length);
void render_query(const struct call *call, struct text *out, const struct order_view *order);
/* A list as it is asked for; the answers to a new one, with what became of each order by
 * call->resp, and to whatever cancelled a list or an order, by reply->kind. */
void render_list(const struct call *call, struct text *out, const struct list_view *list);
void render_new_list(const struct call *call, struct text *out, struct reply *reply);
void render_cancelled(const struct call *call, struct text *out, struct reply *reply);
/* The answer to an Amend, and a row of order/amendments. */
void render_amended(const struct call *call, struct text *out, const struct amend_view *amend,
                    const struct list_view *list);
/* ,"listStatus": a list of which an order was amended. */
void render_list_status(const struct call *call, struct text *out, const struct list_view *list);
void render_amendment(const struct call *call, struct text *out, const struct amend_view *amend);
/* ,"tradeGroupId": the group, or -1 for 0. */
void render_group(struct text *out, uint32_t trade_group);
void render_prevented(const struct call *call, struct text *out,
                      const struct prevented_view *match);
void render_trade(const struct call *call, struct text *out, const struct trade_view *trade);
/* Lists of an API key: ["USER_DATA","TRADE"], ["10.0.0.0/8"]. */
void render_permissions(struct text *out, uint8_t permissions);
void render_ranges(struct text *out, const struct network *range, uint32_t count);
/* With the permission sets, or with none of them. */
void render_symbol(struct text *out, const struct symbol_config *symbol, bool sets);
void render_depth(struct ingress *ingress, struct text *out, uint16_t symbol, uint32_t limit);
void render_public_trade(const struct call *call, struct text *out, uint16_t symbol,
                         const struct recent_trade *trade);
void render_agg_trade(const struct call *call, struct text *out, uint16_t symbol,
                      const struct agg_trade *trade);
/* Binance's array of twelve; `query` says how long the candle is. */
void render_candle(const struct call *call, struct text *out, const struct candle_query *query,
                   uint16_t symbol, const struct candle *candle);

/* Of which time tickers are: of now, or of a window, from the minute that holds from_us on. */
struct ticker_window {
    int64_t now_us, from_us, close_us; /* close_us: shown as its end */
};
typedef void ticker_render(const struct call *call, struct text *out, uint16_t symbol,
                           const struct ticker_window *window);
ticker_render render_ticker_price, render_ticker_book;
ticker_render render_day_full, render_day_mini;       /* the last 24 hours */
ticker_render render_window_full, render_window_mini; /* the window */
void render_avg_price(const struct call *call, struct text *out, uint16_t symbol);
/* By how many percent `to` is above `from`, with three decimals, rounded half up; "0.000" when
 * `from` is 0. */
void render_percent(struct text *out, int64_t from, int64_t to);
/* A quantity, also where many orders add up to more than one balance can hold. */
void render_lots(struct text *out, const struct symbol_config *config, __int128 lots);
/* What happened in the 24 hours up to now. */
struct stats_day market_day(const struct ingress *ingress, uint16_t symbol, int64_t now_us);
/* What happened since the beginning of the minute that holds from_us, which is within a week. */
struct candle market_window(const struct ingress *ingress, uint16_t symbol, int64_t from_us,
                            int64_t now_us);
/* The mean price of five minutes in atoms, or the last price where nothing was traded in them, as
 * filters see it (API §1.3); and when the last trade was, 0: never. */
int64_t market_avg_price(const struct ingress *ingress, uint16_t symbol, int64_t now_us,
                         int64_t *traded_us);
/* "rateLimits":[...] of exchangeInfo. */
void render_limits(struct text *out);
/* The limits on unfilled orders, and on request weight, with what is used of them. */
void render_orders_limits(struct text *out, const uint32_t unfilled[ORDER_INTERVALS]);
void render_weight_limit(struct text *out, uint32_t used);

/* The volume-weighted mean price in atoms, rounded down; 0 when nothing was traded. */
int64_t candle_mean(const struct candle *candle, const struct symbol_config *config);
/* "name":{"maker","taker"} and, `by_side`, "buyer" and "seller", behind a comma where one is due.
 */
void render_rates(struct text *out, const char *name, const struct rates_view *rates, bool by_side);
void render_trade_fee(const struct call *call, struct text *out, const struct rates_view *rates);
/* An asset of the wallet. Its deposits and withdrawals are the operator's: it has no network. */
void render_coin(struct text *out, const char name[SYMBOL_NAME_MAX], int64_t free, int64_t locked);
/* What an account pays on a symbol, and on one order of it. */
void render_commission(struct call *call, struct text *out, const struct rates_view *rates);
void render_order_commission(struct text *out, const struct rates_view *rates);

/* Binance's word for a symbol's status, and for an order's kinds. */
const char *status_name(uint8_t status);
const char *side_name(uint8_t side);
const char *type_name(uint8_t type);
const char *tif_name(uint8_t tif);
const char *order_status_name(uint8_t status);
/* Why an order expired; NULL: it did not, or an amendment has left it nothing. What can rest
 * expires else with its symbol alone. */
const char *order_expiry_reason(const struct order_view *order);
const char *stp_name(uint8_t stp);
const char *list_contingency(uint8_t kind);
const char *list_status_type(const struct list_view *list);
const char *list_order_status(bool done);
/* When the order began to trail the price; -1: not said. Its market knows when a stop was met
 * before it trails, its account does not. */
int64_t trailing_time(const struct order_view *order);

#endif
