/* Goal: each kind of parameter is read, or refused in Binance's words. Method: a call without a
 * transport but this file's, its parameters as a query string. */
#include "http/fields.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "actors/book/kinds.h"

static struct exchange ex;
static struct core core;
static struct ingress ingress = {.ex = &ex, .core = &core};
static struct secrets secrets;
static char answer[2048]; /* "" until the call is refused */

static void keep_answer(void *transport, int status, const char *body, size_t length)
{
    (void)transport;
    cr_assert_eq(status, 400);
    snprintf(answer, sizeof answer, "%.*s", (int)length, body);
}

static void add_symbol(uint16_t number, const char *name, uint8_t status)
{
    struct config_change change = {.kind = CONFIG_SYMBOL,
                                   .symbol = {.symbol = number, .status = status}};
    strncpy(change.symbol.name, name, SYMBOL_NAME_MAX - 1);
    directory_apply(&ingress.directory, &change);
}

static void setup(void)
{
    ex.rt.env = env_real();
    directory_init(&ingress.directory, &secrets, 100);
    add_symbol(0, "BTCUSDT", STATUS_TRADING);
    add_symbol(1, "ETHUSDT", STATUS_HALT);
    add_symbol(70, "SOLUSDT", STATUS_TRADING);
}

static struct call *call_with(const char *query)
{
    struct call *call = call_new(&ingress);
    call->respond = keep_answer;
    call->transport = answer;
    answer[0] = '\0';
    cr_assert_eq(params_read(&ingress.params, query, strlen(query), "", 0), PARAMS_OK);
    return call;
}

TestSuite(fields, .init = setup);

#define ILLEGAL(name, legal)                                                                       \
    "{\"code\":-1100,\"msg\":\"Illegal characters found in parameter '" name                       \
    "'; legal range is '" legal "'.\"}"
#define INVALID(name)                                                                              \
    "{\"code\":-1130,\"msg\":\"Data sent for parameter '" name "' is not valid.\"}"
#define NUMBERS "^[0-9]{1,20}$"
#define AMOUNTS "^([0-9]{1,20})(\\\\.[0-9]{1,20})?$"

Test(fields, numbers)
{
    static const struct {
        const char *query, *answer;
        uint64_t value;
    } rows[] = {
        {"n=0", "", 0},
        {"n=00012", "", 12},
        {"n=9223372036854775807", "", INT64_MAX},
        {"n=9223372036854775808", "{\"code\":-1108,\"msg\":\"Parameter 'n' overflowed.\"}", 0},
        {"n=99999999999999999999", "{\"code\":-1108,\"msg\":\"Parameter 'n' overflowed.\"}", 0},
        {"n=999999999999999999999", ILLEGAL("n", NUMBERS), 0},
        {"n=-1", ILLEGAL("n", NUMBERS), 0},
        {"n=1.0", ILLEGAL("n", NUMBERS), 0},
        {"n=+1", ILLEGAL("n", NUMBERS), 0},
        {"n=", "{\"code\":-1105,\"msg\":\"Parameter 'n' was empty.\"}", 0},
        {"m=1",
         "{\"code\":-1102,\"msg\":\"Mandatory parameter 'n' was not sent, was empty/null, or "
         "malformed.\"}",
         0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool there;
        uint64_t value = 0;
        bool read = field_number(call_with(rows[i].query), "n", MANDATORY, &there, &value);
        cr_assert_str_eq(answer, rows[i].answer, "%s: %s", rows[i].query, answer);
        cr_assert_eq(read, rows[i].answer[0] == '\0');
        cr_assert_eq(value, rows[i].value, "%s", rows[i].query);
    }
}

Test(fields, amounts)
{
    static const struct {
        const char *query, *answer;
        int64_t value;
    } rows[] = {
        {"a=1", "", 100000000},
        {"a=0.00000001", "", 1},
        {"a=1.100000000000", "", 110000000},
        {"a=92233720368.54775807", "", INT64_MAX},
        {"a=92233720368.54775808", "{\"code\":-1108,\"msg\":\"Parameter 'a' overflowed.\"}", 0},
        {"a=0.000000001", "{\"code\":-1111,\"msg\":\"Parameter 'a' has too much precision.\"}", 0},
        {"a=1.", ILLEGAL("a", AMOUNTS), 0},
        {"a=.1", ILLEGAL("a", AMOUNTS), 0},
        {"a=1.1.1", ILLEGAL("a", AMOUNTS), 0},
        {"a=0.000000001x", ILLEGAL("a", AMOUNTS), 0},
        {"a=1e3", ILLEGAL("a", AMOUNTS), 0},
        {"a=", "{\"code\":-1105,\"msg\":\"Parameter 'a' was empty.\"}", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool there;
        int64_t atoms = 0;
        bool read = field_amount(call_with(rows[i].query), "a", OPTIONAL, &there, &atoms);
        cr_assert_str_eq(answer, rows[i].answer, "%s: %s", rows[i].query, answer);
        cr_assert_eq(read, rows[i].answer[0] == '\0');
        cr_assert(!read || atoms == rows[i].value, "%s", rows[i].query);
    }
}

Test(fields, booleans)
{
    static const struct {
        const char *query, *answer;
        bool value;
    } rows[] = {
        {"b=true", "", true},
        {"b=True", "", true},
        {"b=false", "", false},
        {"b=FALSE", "", false},
        {"c=1", "", true},
        {"b=1", INVALID("b"), false},
        {"b=truex", INVALID("b"), false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool value = false;
        bool read = field_bool(call_with(rows[i].query), "b", true, &value);
        cr_assert_str_eq(answer, rows[i].answer, "%s: %s", rows[i].query, answer);
        cr_assert_eq(read, rows[i].answer[0] == '\0');
        cr_assert(!read || value == rows[i].value, "%s", rows[i].query);
    }
}

#define LIST                                                                                       \
    "^\\\\[(\\\"[\\\\w\\\\-._&&[^a-z]]{1,50}\\\"(,\\\"[\\\\w\\\\-._&&[^a-z]]{1,50}\\\"){0,}){0,1}" \
    "\\\\]$"
#define UNKNOWN "{\"code\":-1121,\"msg\":\"Invalid symbol.\"}"
#define TWICE   "{\"code\":-1151,\"msg\":\"Symbol is present multiple times in the list.\"}"

/* `chosen` names the symbols by their first letters. */
Test(fields, choices_of_symbols)
{
    static const struct {
        const char *query, *answer, *chosen;
    } rows[] = {
        {"", "", "BES"},
        {"symbol=SOLUSDT", "", "S"},
        {"symbols=[\"SOLUSDT\",\"BTCUSDT\"]", "", "BS"},
        {"symbols=[]", "", ""},
        {"symbolStatus=TRADING", "", "BS"},
        {"symbolStatus=HALT", "", "E"},
        {"symbolStatus=BREAK", "", ""},
        {"symbols=[\"SOLUSDT\",\"ETHUSDT\"]&symbolStatus=HALT", "", "E"},
        {"symbol=SOL", UNKNOWN, ""},
        {"symbols=[\"SOLUSDT\",\"SOL\"]", UNKNOWN, ""},
        {"symbols=[\"SOLUSDT\",\"SOLUSDT\"]", TWICE, ""},
        {"symbols=[\"SOLUSDT\", \"BTCUSDT\"]", ILLEGAL("symbols", LIST), ""},
        {"symbols=[\"SOLUSDT\",]", ILLEGAL("symbols", LIST), ""},
        {"symbols=[\"SOLUSDT\"", ILLEGAL("symbols", LIST), ""},
        {"symbols=[\"\"]", ILLEGAL("symbols", LIST), ""},
        {"symbols=SOLUSDT", ILLEGAL("symbols", LIST), ""},
        {"symbolStatus=CANCEL_ONLY", "{\"code\":-1122,\"msg\":\"Invalid symbolStatus.\"}", ""},
        {"symbol=SOLUSDT&symbols=[\"SOLUSDT\"]",
         "{\"code\":-1128,\"msg\":\"Combination of optional parameters invalid.\"}", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct symbol_choice choice;
        char chosen[8] = "";
        bool read = field_symbol_choice(call_with(rows[i].query), &choice);
        cr_assert_str_eq(answer, rows[i].answer, "%s: %s", rows[i].query, answer);
        cr_assert_eq(read, rows[i].answer[0] == '\0');
        for (uint16_t s = 0; read && s < ingress.directory.symbols_count; s++)
            if (ingress.directory.symbols[s].name[0] &&
                symbol_chosen(&ingress.directory, &choice, s))
                strncat(chosen, ingress.directory.symbols[s].name, 1);
        cr_assert_str_eq(chosen, rows[i].chosen, "%s", rows[i].query);
    }
}

Test(fields, permissions)
{
    static const struct {
        const char *query, *answer;
        bool spot;
    } rows[] = {
        {"", "", true},
        {"permissions=SPOT", "", true},
        {"permissions=MARGIN", "", false},
        {"permissions=[\"MARGIN\",\"SPOT\"]", "", true},
        {"permissions=[\"SPOTS\"]", "", false},
        {"permissions=[SPOT]", INVALID("permissions"), false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool spot = false, read = field_permissions(call_with(rows[i].query), &spot);
        cr_assert_str_eq(answer, rows[i].answer, "%s: %s", rows[i].query, answer);
        cr_assert(!read || spot == rows[i].spot, "%s", rows[i].query);
    }
}

Test(fields, all_must_be_read)
{
    struct call *call = call_with("a=1&b=2&c=3");
    params_get(&ingress.params, "b");
    cr_assert(!fields_all_read(call));
    cr_assert_str_eq(answer, "{\"code\":-1104,\"msg\":\"Not all sent parameters were read; read "
                             "'1' parameter(s) but was sent '3'.\"}");
    call = call_with("a=1");
    params_get(&ingress.params, "a");
    cr_assert(fields_all_read(call));
}

/* Goal: windows are 1m to 59m, 1h to 23h and 1d to 7d, and nothing else is one. */
Test(fields, windows)
{
    static const struct {
        char unit;
        int32_t most;
        int64_t length_us;
    } units[] = {{'m', 59, MINUTE_US}, {'h', 23, HOUR_US}, {'d', 7, DAY_US}};
    static const char *const wrong[] = {"0m", "00m", "01m", "5",   "m",  "60",  "1M",   "1D",
                                        "1s", "1w",  "1mm", "1 m", "+1", "1m1", "1d2h", "100m"};
    char query[64];
    int64_t width_us;
    cr_assert(field_window(call_with(""), &width_us));
    cr_assert_eq(width_us, DAY_US);
    for (uint32_t i = 0; i < 3; i++)
        for (int32_t number = 0; number < 100; number++) {
            snprintf(query, sizeof query, "windowSize=%d%c", number, units[i].unit);
            bool good = number >= 1 && number <= units[i].most;
            cr_assert_eq(field_window(call_with(query), &width_us), good, "%s", query);
            cr_assert(!good || width_us == number * units[i].length_us, "%s", query);
            cr_assert_str_eq(answer, good ? "" : INVALID("windowSize"));
        }
    for (uint32_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(query, sizeof query, "windowSize=%s", wrong[i]);
        cr_assert_not(field_window(call_with(query), &width_us), "%s", query);
        cr_assert_str_eq(answer, INVALID("windowSize"));
    }
}
