/* What memory and the history say together: history.c with an account shard and a reader that say
 * what the test wants. */
#include "http/history.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/msg/msg.h"
#include "http/ingress.h"

/* In the place of ingress.c's. */
#define call_send        send_nothing
#define call_deadline    has_deadline
#define call_respond     take_answer
#define call_reject      take_reject
#define call_told_reject told_reject

static void send_nothing(struct call *call, const struct request *from,
                         void (*on_reply)(struct call *call, const struct msg *msg));
static bool has_deadline(struct call *call);
static void take_answer(struct call *call, int status, const char *body, size_t length);
static void take_reject(struct call *call, enum reject reject);
static bool told_reject(struct call *call, const struct msg *msg);

#include "http/history.c"

enum { LISTS_MAX = 16 };

static struct symbol_config symbol = {.name = "BTCUSDT"};
static struct core core = {.waker.fd = -1};
static struct ingress_shared shared;
static struct ingress ingress;
static struct call call;
static struct past_job *asked;
static char answered[4096];
static enum reject rejected;

static void send_nothing(struct call *to, const struct request *from,
                         void (*on_reply)(struct call *call, const struct msg *msg))
{
    to->type = from->type;
    to->on_reply = on_reply;
}

static bool has_deadline(struct call *to)
{
    (void)to;
    return true;
}

static void take_answer(struct call *to, int status, const char *body, size_t length)
{
    cr_assert(to == &call && status == 200 && length < sizeof answered);
    memcpy(answered, body, length);
    answered[length] = '\0';
}

static void take_reject(struct call *to, enum reject reject)
{
    cr_assert_eq(to, &call);
    rejected = reject;
}

static bool told_reject(struct call *to, const struct msg *msg)
{
    if (msg->reply.reject != REJECT_NONE)
        take_reject(to, msg->reply.reject);
    return msg->reply.reject != REJECT_NONE;
}

static uint64_t journal_lsn(void)
{
    return 77;
}

static bool take_job(struct past_job *job)
{
    cr_assert(!asked && job->kind == PAST_LISTS && job->min_lsn == 77);
    asked = job;
    return true;
}

static void setup(void)
{
    ingress.shared = &shared;
    ingress.core = &core;
    ingress.directory.symbols = &symbol;
    ingress.directory.symbols_count = 1;
    shared.journal_lsn = journal_lsn;
    shared.past = take_job;
    call.ingress = &ingress;
    call.transport = &call;
}

static void teardown(void)
{
    free(call.out.data);
}

TestSuite(history, .init = setup, .fini = teardown);

static struct list_view list_of(uint64_t id, bool is_done)
{
    return (struct list_view){.list_id = id,
                              .time_us = 1000 * (int64_t)id,
                              .kind = LIST_OTOCO,
                              .count = 3,
                              .client_length = 3,
                              .done = is_done,
                              .client_id = "own",
                              .order = {{.order_id = 5, .client_length = 1, .client_id = "a"},
                                        {.order_id = 6, .client_length = 1, .client_id = "b"},
                                        {.order_id = 7, .client_length = 1, .client_id = "c"}}};
}

static void ask(const struct request *request)
{
    answered[0] = '\0';
    rejected = REJECT_NONE;
    call.out.length = 0;
    call.deadline = (struct timer){0};
    history_send(&call, request);
}

/* Zero ends the ids. */
static void say(const uint64_t *ids, bool is_done, bool older, bool last)
{
    _Alignas(8) static unsigned char block[REPLY_BLOCK_BYTES];
    struct reply *reply = (struct reply *)block;
    struct msg msg = {.flags = last ? MSG_LAST : 0};
    *reply = (struct reply){.kind = REPLY_LISTS, .older = older};
    for (; *ids; ids++)
        reply_lists(reply)[reply->count++] = list_of(*ids, is_done);
    msg.reply.block = reply;
    call.on_reply(&call, &msg);
}

static void refuse(enum reject reject)
{
    struct msg msg = {.flags = MSG_LAST};
    msg.reply.reject = (uint16_t)reject;
    call.on_reply(&call, &msg);
}

/* The reader's part. */
static void read_lists(const uint64_t *ids)
{
    struct past_job *job = asked;
    cr_assert_not_null(job);
    asked = NULL;
    for (; *ids; ids++)
        job->list[job->count++] = list_of(*ids, true);
    past_done(job);
    cr_assert_eq(past_deliver(&ingress), 1u);
}

/* The lists of the answer, those that are still executed with a star. */
static const char *lists(void)
{
    static char text[256];
    text[0] = '\0';
    const char *key = "{\"orderListId\":", *at = answered;
    while ((at = strstr(at, key)) != NULL) {
        at += strlen(key);
        const char *status = strstr(at, "\"listOrderStatus\":\"");
        cr_assert_not_null(status);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%lu%s", *text ? " " : "",
                 strtoul(at, NULL, 10), strstr(status, "EXECUTING") == status + 19 ? "*" : "");
    }
    return text;
}

/* Goal: lists come from memory and from the history, each once, in order, as many as were asked
 * for, and as memory has them. Method: a table; memory says its part in two blocks. */
Test(history, lists_of_memory_and_of_the_history_are_one_answer)
{
    static const struct {
        struct request_find find;
        uint64_t old[LISTS_MAX], done[LISTS_MAX], open[LISTS_MAX];
        bool older;
        const char *shown;
    } table[] = {
        {{.limit = 9}, {0}, {0}, {0}, false, ""},
        {{.limit = 9}, {0}, {2, 3}, {4, 7}, false, "2 3 4* 7*"},
        {{.limit = 9}, {0}, {0}, {0}, true, ""},
        {{.limit = 9}, {1, 2}, {0}, {0}, true, "1 2"},
        {{.limit = 9}, {1, 2, 3}, {3, 5}, {6}, true, "1 2 3 5 6*"},
        {{.limit = 9}, {1, 3, 6}, {2}, {3, 5}, true, "1 2 3* 5* 6"},
        {{.limit = 3}, {1, 2, 3}, {3, 5}, {6}, true, "3 5 6*"},
        {{.limit = 3, .end_us = 9}, {1, 2, 3}, {3, 5}, {6}, true, "3 5 6*"},
        {{.limit = 3, .start_us = 1}, {1, 2, 3}, {3, 5}, {6}, true, "1 2 3"},
        {{.limit = 3, .has_from_id = true}, {1, 2}, {0}, {3, 6}, true, "1 2 3*"},
        {{.limit = 2, .has_from_id = true, .from_id = 2}, {0}, {0}, {3, 6}, true, "3* 6*"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct request request = {
            .type = REQUEST_ALL_LISTS, .symbol = SYMBOL_ANY, .find = table[i].find};
        ask(&request);
        say(table[i].done, true, table[i].older, false);
        cr_assert_str_empty(answered, "row %zu: before it is whole", i);
        say(table[i].open, false, table[i].older, true);
        cr_assert_eq(asked != NULL, table[i].older, "row %zu", i);
        if (asked)
            read_lists(table[i].old);
        cr_expect_str_eq(lists(), table[i].shown, "row %zu: %s", i, lists());
        cr_assert(answered[0] == '[' && answered[strlen(answered) - 1] == ']');
    }
    struct request request = {.type = REQUEST_ALL_LISTS, .find.limit = 9};
    shared.past = NULL;
    ask(&request);
    say((uint64_t[]){2, 0}, true, true, true);
    cr_assert_str_eq(lists(), "2", "without a history what there is in memory");
    ask(&request);
    refuse(REJECT_BUSY);
    cr_assert(rejected == REJECT_BUSY && !call.past);
}

/* Goal: one list is memory's, else the history's, else nobody's. Method: a table. */
Test(history, a_list_that_is_not_kept_is_the_historys)
{
    static const uint64_t none[] = {0}, nine[] = {9, 0};
    static const struct {
        struct request_find find;
        enum reject memory;
        bool store;
        const uint64_t *old;
        enum reject said;
        const char *shown;
    } table[] = {
        {{.has_order_id = true, .order_id = 9}, REJECT_NONE, true, NULL, REJECT_NONE, "9*"},
        {{.has_order_id = true, .order_id = 9}, REJECT_NOT_KEPT, true, nine, REJECT_NONE, "9"},
        {{.has_order_id = true, .order_id = 9},
         REJECT_NOT_KEPT,
         true,
         none,
         REJECT_NO_SUCH_LIST,
         ""},
        {{.has_order_id = true, .order_id = 9},
         REJECT_NOT_KEPT,
         false,
         NULL,
         REJECT_NO_SUCH_LIST,
         ""},
        {{.has_order_id = true, .order_id = 9},
         REJECT_NO_SUCH_LIST,
         true,
         NULL,
         REJECT_NO_SUCH_LIST,
         ""},
        {{.client_length = 3, .client_id = "own"}, REJECT_NOT_KEPT, true, nine, REJECT_NONE, "9"},
        {{.has_order_id = true, .order_id = 9, .client_length = 3, .client_id = "own"},
         REJECT_NOT_KEPT,
         true,
         nine,
         REJECT_NONE,
         "9"},
        {{.has_order_id = true, .order_id = 9, .client_length = 2, .client_id = "ow"},
         REJECT_NOT_KEPT,
         true,
         nine,
         REJECT_IDS_DISAGREE,
         ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct request request = {
            .type = REQUEST_GET_LIST, .symbol = SYMBOL_ANY, .find = table[i].find};
        shared.past = table[i].store ? take_job : NULL;
        ask(&request);
        if (table[i].memory == REJECT_NONE)
            say(nine, false, false, true);
        else
            refuse(table[i].memory);
        cr_assert_eq(asked != NULL, table[i].old != NULL, "row %zu", i);
        if (asked)
            read_lists(table[i].old);
        cr_expect_eq(rejected, table[i].said, "row %zu: %d", i, rejected);
        cr_expect_str_eq(lists(), table[i].shown, "row %zu: %s", i, answered);
        cr_assert(!call.past);
    }
}
