#include "actors/ledger/ledger_impl.h"

/* A slot whose hash fits, without touching it: mostly the right one. */
static uint32_t guess(const struct slot_index *index, uint32_t hash)
{
    uint32_t at = 0, table = 0;
    return slot_index_next(index, hash, &at, &table);
}

static void fetch(const void *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch((const char *)at + i, 1);
}

static void fetch_balances(const struct ledger *ledger, uint32_t user, uint16_t symbol, bool slots)
{
    const uint16_t assets[] = {ledger->symbols[symbol].base, ledger->symbols[symbol].quote};
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t hash = hash_pair(user, assets[i]);
        if (slots)
            fetch(&ledger->balances[guess(&ledger->by_balance, hash)], 1);
        else
            slot_index_prefetch(&ledger->by_balance, hash);
    }
}

static void fetch_report(struct ledger_ahead *ahead, uint32_t stage)
{
    const struct ledger *ledger = ahead->ledger;
    const struct ledger_order *order = &ledger->orders[ahead->slot];
    switch (stage) {
    case 0:
        slot_index_prefetch(&ledger->by_ref, (uint32_t)hash_mix(ahead->ref));
        slot_index_prefetch(&ledger->by_order_id, hash_pair(ahead->symbol, ahead->order_id));
        break;
    case 1:
        ahead->slot = guess(&ledger->by_ref, (uint32_t)hash_mix(ahead->ref));
        fetch(&ledger->orders[ahead->slot], sizeof *order);
        break;
    case 2:
        fetch(&ledger->positions[order->position], 1);
        fetch(&ledger->users[order->user], sizeof(struct ledger_user));
        fetch(&ledger->orders[order->prev], sizeof *order);
        fetch(&ledger->orders[order->next], sizeof *order);
        fetch_balances(ledger, order->user, ahead->symbol, false);
        break;
    default:
        fetch_balances(ledger, order->user, ahead->symbol, true);
        fetch(&ledger->orders[ledger->users[order->user].done_tail].next, 1);
    }
}

static void fetch_request(struct ledger_ahead *ahead, uint32_t stage)
{
    const struct ledger *ledger = ahead->ledger;
    switch (stage) {
    case 0:
        slot_index_prefetch(&ledger->by_user, (uint32_t)hash_mix(ahead->user));
        break;
    case 1:
        ahead->slot = guess(&ledger->by_user, (uint32_t)hash_mix(ahead->user));
        fetch(&ledger->users[ahead->slot], 1);
        ahead->position = hash_pair(ahead->slot, ahead->symbol);
        ahead->client = hash_client(ahead->slot, ahead->client_id, ahead->client_length);
        slot_index_prefetch(&ledger->by_position, ahead->position);
        slot_index_prefetch(&ledger->by_client, ahead->client);
        fetch_balances(ledger, ahead->slot, ahead->symbol, false);
        break;
    case 2:
        ahead->position = guess(&ledger->by_position, ahead->position);
        fetch(&ledger->positions[ahead->position], 1);
        fetch(&ledger->orders[guess(&ledger->by_client, ahead->client)],
              sizeof(struct ledger_order));
        fetch_balances(ledger, ahead->slot, ahead->symbol, true);
        break;
    default:
        fetch(&ledger->orders[ledger->positions[ahead->position].tail].next, 1);
    }
}

void ledger_prefetch(struct ledger_ahead *ahead, uint32_t stage)
{
    if (ahead->ref)
        fetch_report(ahead, stage);
    else
        fetch_request(ahead, stage);
}
