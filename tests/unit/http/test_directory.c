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
