/* Goal: a symbol is found by its name, whatever else there is, and stays found when its settings
 * change. Method: as many symbols as there is room for, in every order of arrival, beside a linear
 * search. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "actors/book/kinds.h"
#include "http/directory.h"

enum { SYMBOLS = 300 };

static struct secrets secrets;

static struct config_change change_of(uint16_t slot, uint8_t status)
{
    struct config_change change = {.kind = CONFIG_SYMBOL,
                                   .symbol = {.symbol = slot, .status = status}};
    snprintf(change.symbol.name, sizeof change.symbol.name, "C%uUSDT", slot * 7919u);
    return change;
}

Test(directory_symbol, finds_each_by_its_name)
{
    struct directory directory;
    directory_init(&directory, &secrets, SYMBOLS);
    for (uint32_t i = 0; i < SYMBOLS; i++) {
        uint16_t slot = (uint16_t)(i * 77 % SYMBOLS); /* holes are filled later */
        struct config_change change = change_of(slot, STATUS_TRADING);
        cr_assert_eq(directory_symbol(&directory, change.symbol.name, strlen(change.symbol.name)),
                     SYMBOL_ANY);
        directory_apply(&directory, &change);
        change.symbol.status = STATUS_HALT;
        directory_apply(&directory, &change); /* again, as a change of settings */
    }
    for (uint16_t slot = 0; slot < SYMBOLS; slot++) {
        struct config_change change = change_of(slot, STATUS_TRADING);
        size_t length = strlen(change.symbol.name);
        cr_assert_eq(directory_symbol(&directory, change.symbol.name, length), slot);
        cr_assert_eq(directory.symbols[slot].status, STATUS_HALT);
        cr_assert_eq(directory_symbol(&directory, change.symbol.name, length - 1), SYMBOL_ANY);
    }
    cr_assert_eq(directory_symbol(&directory, "", 0), SYMBOL_ANY);
    cr_assert_eq(directory_symbol(&directory, "ABCDEFGHIJKLMNOPQRSTU", 21), SYMBOL_ANY);
    directory_fini(&directory);
}

/* Goal: a key serves those for whom it is meant, until it ends. Method: a table; each row changes
 * the one key that there is. */
Test(directory_key, serves_by_permission_address_and_time)
{
    static const struct network ten = {{{[10] = 0xFF, 0xFF, 10}}, 104};
    static const struct {
        uint8_t has, wants, ranges, from; /* from: the first byte of an IPv4 address */
        int64_t expires_us, now_us;
        bool serves;
    } table[] = {
        {PERMISSION_ANY, PERMISSION_TRADE, 0, 9, 0, INT64_MAX - 1, true},
        {PERMISSION_ANY, PERMISSION_USER_DATA, 0, 9, 0, 1, true},
        {PERMISSION_TRADE, PERMISSION_TRADE, 0, 9, 0, 1, true},
        {PERMISSION_TRADE, PERMISSION_USER_DATA, 0, 9, 0, 1, false},
        {PERMISSION_USER_DATA, PERMISSION_TRADE, 0, 9, 0, 1, false},
        {PERMISSION_USER_DATA, PERMISSION_ANY, 0, 9, 0, 1, true},
        {0, PERMISSION_ANY, 0, 9, 0, 1, false},
        {PERMISSION_ANY, PERMISSION_TRADE, 1, 9, 0, 1, false},
        {PERMISSION_ANY, PERMISSION_TRADE, 1, 10, 0, 1, true},
        {PERMISSION_ANY, PERMISSION_TRADE, 0, 9, 5, 4, true},
        {PERMISSION_ANY, PERMISSION_TRADE, 0, 9, 5, 5, false},
        {PERMISSION_ANY, PERMISSION_TRADE, 1, 10, 5, 6, false},
    };
    struct directory directory;
    struct config_change change = {.kind = CONFIG_KEY, .user = 1};
    char secret[SECRET_BYTES] = "";
    secrets_token(change.key.api_key);
    secrets_seal(&secrets, change.key.api_key, secret, change.key.credential);
    change.key.credential_bytes = SEALED_BYTES;
    change.key.range[0] = ten;
    directory_init(&directory, &secrets, 4);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct address from = {{[10] = 0xFF, 0xFF, table[i].from, 1, 2, 3}};
        change.key.permissions = table[i].has;
        change.key.ranges_count = table[i].ranges;
        change.key.expires_us = table[i].expires_us;
        directory_apply(&directory, &change);
        change.kind = CONFIG_KEY_CHANGED;
        const struct directory_key *key =
            directory_key(&directory, change.key.api_key, API_KEY_BYTES);
        cr_assert_not_null(key);
        cr_expect_eq(directory_key_serves(key, &from, table[i].wants, table[i].now_us),
                     table[i].serves, "row %zu", i);
    }
    directory_fini(&directory);
}
