/* rest.h - one function per method and path of the public REST API; operation.c routes to them.
 *
 * Thread:  the ingress core's. Each answers its call, now or when the exchange has.
 */
#ifndef REST_H
#define REST_H

#include "http/ingress.h"

/* orders.c */
void rest_post_order(struct call *call);
void rest_post_order_test(struct call *call);
void rest_delete_order(struct call *call);
void rest_get_order(struct call *call);
void rest_get_open_orders(struct call *call);
void rest_delete_open_orders(struct call *call);
void rest_get_all_orders(struct call *call);
void rest_get_my_trades(struct call *call);
void rest_get_my_prevented_matches(struct call *call);

/* replace.c */
void rest_post_cancel_replace(struct call *call);

/* amend.c */
void rest_put_amend(struct call *call);
void rest_get_amendments(struct call *call);

/* lists.c */
void rest_post_oco(struct call *call);
void rest_post_old_oco(struct call *call);
void rest_post_oto(struct call *call);
void rest_post_otoco(struct call *call);
void rest_delete_list(struct call *call);
void rest_get_list(struct call *call);
void rest_get_all_lists(struct call *call);
void rest_get_open_lists(struct call *call);

/* account.c */
void rest_get_account(struct call *call);
void rest_get_order_limits(struct call *call);
void rest_get_my_filters(struct call *call);

/* Takes a part of an answer to REQUEST_ACCOUNT; `add` is called for each balance in it, and behind
 * the last part for each asset that the account never had. False: there is more to come, or a
 * reject was told. */
typedef void rest_add_balance(struct call *call, const struct balance_view *balance);
bool rest_told_balances(struct call *call, const struct msg *msg, rest_add_balance *add);

/* commission.c */
void rest_get_commission(struct call *call);
void rest_get_trade_fee(struct call *call);

/* market.c */
void rest_get_ping(struct call *call);
void rest_get_openapi(struct call *call);
void rest_get_time(struct call *call);
void rest_get_depth(struct call *call);
void rest_get_ticker_price(struct call *call);
void rest_get_ticker_book(struct call *call);
void rest_get_ticker_day(struct call *call);
void rest_get_ticker_window(struct call *call);
void rest_get_ticker_trading_day(struct call *call);
void rest_get_avg_price(struct call *call);
void rest_get_exchange_info(struct call *call);

/* trades.c */
void rest_get_trades(struct call *call);
void rest_get_historical_trades(struct call *call);
void rest_get_agg_trades(struct call *call);
void rest_get_klines(struct call *call); /* and uiKlines */

/* sapi.c */
void rest_get_system_status(struct call *call);
void rest_get_coins(struct call *call);
void rest_get_margin_pairs(struct call *call);
void rest_get_isolated_pairs(struct call *call);
void rest_get_delistings(struct call *call);
void rest_get_futures_info(struct call *call);

#endif
