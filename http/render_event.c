#include "http/render_event.h"

#include "actors/book/kinds.h"
#include "actors/book/money.h"
#include "actors/ledger/ledger.h"
#include "http/render.h"
#include "runtime/check.h"

static const char *const execution_names[EXECUTION_COUNT] = {
    [EXECUTION_NEW] = "NEW",           [EXECUTION_CANCELED] = "CANCELED",
    [EXECUTION_REJECTED] = "REJECTED", [EXECUTION_TRADE] = "TRADE",
    [EXECUTION_EXPIRED] = "EXPIRED",   [EXECUTION_TRADE_PREVENTION] = "TRADE_PREVENTION",
    [EXECUTION_REPLACED] = "REPLACED",
};

struct event_text {
    struct text *out;
    const struct directory *directory;
    bool micro;
    uint32_t trade_group; /* of whose event it is; 0: none */
};

/* `key` is the literal that stands before the value: ,"x": */
static void put_number(struct event_text *to, const char *key, uint64_t value)
{
    text_str(to->out, key);
    text_u64(to->out, value);
}

static void put_time(struct event_text *to, const char *key, int64_t us)
{
    put_number(to, key, (uint64_t)(to->micro ? us : us / 1000));
}

static void put_amount(struct event_text *to, const char *key, int64_t atoms)
{
    text_str(to->out, key);
    text_amount(to->out, atoms);
}

static void put_quoted(struct event_text *to, const char *key, const char *text, size_t length)
{
    text_str(to->out, key);
    text_quoted(to->out, text, length);
}

static void put_word(struct event_text *to, const char *key, const char *word)
{
    put_quoted(to, key, word, strlen(word));
}

static void put_bool(struct event_text *to, const char *key, bool value)
{
    text_str(to->out, key);
    text_str(to->out, value ? "true" : "false");
}

static void put_name(struct event_text *to, const char *key, const char name[SYMBOL_NAME_MAX])
{
    put_quoted(to, key, name, strnlen(name, SYMBOL_NAME_MAX));
}

/* Binance's table of reasons is short: NONE stands for all that are not in it. */
static const char *reject_name(uint16_t reject)
{
    switch (reject) {
    case REJECT_NO_FUNDS:
        return "INSUFFICIENT_BALANCES";
    case REJECT_WOULD_MATCH:
        return "WOULD_MATCH_IMMEDIATELY";
    case REJECT_WOULD_TRIGGER:
        return "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY";
    case REJECT_PAIR_PRICES:
        return "OCO_BAD_PRICES";
    default:
        return "NONE";
    }
}

/* On a cancel `c` is what the cancel calls itself, and `C` the order's own id; of an amended order
 * `C` is the id before. */
static void put_ids(struct event_text *to, const struct order_event *event)
{
    if (event->execution == EXECUTION_CANCELED)
        put_quoted(to, ",\"c\":", event->cancel_id, event->cancel_length);
    else
        put_quoted(to, ",\"c\":", event->order.client_id, event->order.client_length);
}

static void put_asked(struct event_text *to, const struct order_view *order)
{
    put_word(to, ",\"S\":", side_name(order->side));
    put_word(to, ",\"o\":", type_name(order->type));
    put_word(to, ",\"f\":", tif_name(order->tif));
    put_amount(to, ",\"q\":", order->qty);
    put_amount(to, ",\"p\":", order->price);
    put_amount(to, ",\"P\":", order->stop);
    put_amount(to, ",\"F\":", order->iceberg);
    if (order->list_id)
        put_number(to, ",\"g\":", order->list_id);
    else
        text_str(to->out, ",\"g\":-1");
}

static void put_state(struct event_text *to, const struct order_event *event)
{
    const struct order_view *order = &event->order;
    bool rejected = event->execution == EXECUTION_REJECTED;
    bool cancelled = event->execution == EXECUTION_CANCELED;
    if (cancelled)
        put_quoted(to, ",\"C\":", order->client_id, order->client_length);
    else
        put_quoted(to, ",\"C\":", event->cancel_id, event->cancel_length);
    put_word(to, ",\"x\":", execution_names[event->execution]);
    put_word(to, ",\"X\":", rejected ? "REJECTED" : order_status_name(order->status));
    put_word(to, ",\"r\":", reject_name(event->reject));
    if (rejected) /* no id was given to it */
        text_str(to->out, ",\"i\":-1");
    else
        put_number(to, ",\"i\":", order->order_id);
}

/* What did not trade: how much of the order that took in all and now, and with which other. */
static void put_prevented(struct event_text *to, const struct order_event *event)
{
    int64_t quote;
    if (to->trade_group)
        put_number(to, ",\"u\":", to->trade_group);
    put_number(to, ",\"v\":", event->order.prevented_id);
    put_amount(to, ",\"A\":", event->order.prevented);
    put_amount(to, ",\"B\":", event->prevented);
    put_number(to, ",\"U\":", event->counter_order_id);
    put_name(to, ",\"Cs\":", to->directory->symbols[event->order.symbol].name);
    put_amount(to, ",\"pl\":", event->prevented);
    put_amount(to, ",\"pL\":", event->prevented_price);
    if (money_mul_div(event->prevented_price, event->prevented, MONEY_ATOMS_PER_UNIT, &quote))
        put_amount(to, ",\"pY\":", quote);
}

static void put_execution(struct event_text *to, const struct order_event *event)
{
    const struct trade_view *trade = &event->trade;
    put_amount(to, ",\"l\":", trade->qty);
    put_amount(to, ",\"z\":", event->order.executed);
    put_amount(to, ",\"L\":", trade->price);
    if (event->execution == EXECUTION_TRADE) {
        put_amount(to, ",\"n\":", trade->fee);
        put_name(to, ",\"N\":", to->directory->assets[trade->fee_asset]);
        put_time(to, ",\"T\":", trade->time_us);
        put_number(to, ",\"t\":", trade->trade_id);
    } else {
        text_str(to->out, ",\"n\":\"0\",\"N\":null");
        put_time(to, ",\"T\":", event->order.updated_us);
        text_str(to->out, ",\"t\":-1");
    }
    if (event->execution == EXECUTION_TRADE_PREVENTION)
        put_prevented(to, event);
    put_number(to, ",\"I\":", event->id);
}

/* An order that was in the book has a working time, which is when it came there; one that waits is
 * not in the book. */
static void put_book(struct event_text *to, const struct order_event *event)
{
    const struct order_view *order = &event->order;
    bool rejected = event->execution == EXECUTION_REJECTED;
    bool works = !rejected && order->working_us;
    if (order->trail_bips) {
        put_number(to, ",\"d\":", order->trail_bips);
        if (trailing_time(order) < 0)
            text_str(to->out, ",\"D\":-1");
        else
            put_time(to, ",\"D\":", trailing_time(order));
    }
    if (order->strategy.has_id)
        put_number(to, ",\"j\":", (uint64_t)order->strategy.id);
    if (order->strategy.type)
        put_number(to, ",\"J\":", (uint64_t)order->strategy.type);
    put_bool(to, ",\"w\":", works && order->status <= ORDER_PARTIALLY_FILLED);
    put_bool(to, ",\"m\":", event->trade.maker);
    text_str(to->out, ",\"M\":false");
    put_time(to, ",\"O\":", order->time_us);
    put_amount(to, ",\"Z\":", order->cum_quote);
    put_amount(to, ",\"Y\":", event->trade.quote);
    put_amount(to, ",\"Q\":", order->quote_qty);
    if (works)
        put_time(to, ",\"W\":", order->working_us);
    put_word(to, ",\"V\":", stp_name(order->stp));
    if (event->execution == EXECUTION_EXPIRED && order_expiry_reason(order))
        put_word(to, ",\"eR\":", order_expiry_reason(order));
}

static void put_report(struct event_text *to, const struct user_event *event,
                       const struct order_event *order)
{
    put_time(to, "{\"e\":\"executionReport\",\"E\":", event->ts_us);
    put_name(to, ",\"s\":", to->directory->symbols[order->order.symbol].name);
    put_ids(to, order);
    put_asked(to, &order->order);
    put_state(to, order);
    put_execution(to, order);
    put_book(to, order);
    text_str(to->out, "}");
}

static void put_list(struct event_text *to, const struct user_event *event,
                     const struct list_view *list)
{
    const char *symbol = to->directory->symbols[list->symbol].name;
    ASSERT(list->count <= LIST_ORDERS_MAX);
    put_time(to, "{\"e\":\"listStatus\",\"E\":", event->ts_us);
    put_name(to, ",\"s\":", symbol);
    put_number(to, ",\"g\":", list->list_id);
    put_word(to, ",\"c\":", list_contingency(list->kind));
    put_word(to, ",\"l\":", list_status_type(list));
    put_word(to, ",\"L\":", list_order_status(list->done));
    text_str(to->out, ",\"r\":\"NONE\"");
    put_quoted(to, ",\"C\":", list->client_id, list->client_length);
    put_time(to, ",\"T\":", list->time_us);
    text_str(to->out, ",\"O\":[");
    for (uint32_t i = 0; i < list->count; i++) {
        const struct list_order *order = &list->order[i];
        put_name(to, i ? ",{\"s\":" : "{\"s\":", symbol);
        put_number(to, ",\"i\":", order->order_id);
        put_quoted(to, ",\"c\":", order->client_id, order->client_length);
        text_str(to->out, "}");
    }
    text_str(to->out, "]}");
}

static void put_moved(struct event_text *to, const struct user_event *event)
{
    put_time(to, "{\"e\":\"balanceUpdate\",\"E\":", event->ts_us);
    put_name(to, ",\"a\":", to->directory->assets[event->balance[0].asset]);
    put_amount(to, ",\"d\":", event->amount);
    put_time(to, ",\"T\":", event->ts_us);
    text_str(to->out, "}");
}

static void put_position(struct event_text *to, const struct user_event *event)
{
    put_time(to, "{\"e\":\"outboundAccountPosition\",\"E\":", event->ts_us);
    put_time(to, ",\"u\":", event->ts_us);
    for (uint32_t i = 0; i < event->balances; i++) {
        const struct balance_view *balance = &event->balance[i];
        put_name(to, i ? ",{\"a\":" : ",\"B\":[{\"a\":", to->directory->assets[balance->asset]);
        put_amount(to, ",\"f\":", balance->free);
        put_amount(to, ",\"l\":", balance->locked);
        text_str(to->out, "}");
    }
    text_str(to->out, "]}");
}

static void end(struct user_texts *out)
{
    ASSERT(out->count < USER_TEXTS_MAX);
    out->end[out->count++] = out->text.length;
}

void render_user_event(const struct directory *directory, const struct user_event *event,
                       bool micro, struct user_texts *out)
{
    struct event_text to = {.out = &out->text, .directory = directory, .micro = micro};
    if (event->user <= directory->users_count)
        to.trade_group = directory->users[event->user].trade_group;
    out->text.length = 0;
    out->count = 0;
    for (uint32_t i = 0; i < event->orders; i++) {
        put_report(&to, event, &event->order[i]);
        end(out);
    }
    for (uint32_t i = 0; i < event->lists; i++) {
        put_list(&to, event, &event->list[i]);
        end(out);
    }
    if (event->moved) {
        put_moved(&to, event);
        end(out);
    }
    if (event->balances) {
        put_position(&to, event);
        end(out);
    }
}
