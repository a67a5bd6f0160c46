/* subscribers.c - many subscribers of one symbol's market streams, and what they get.
 *
 * Use:     subscribers --to HOST:PORT --target /ws/...?timeUnit=MICROSECOND --count N [--stalled M]
 *          [--warm-up S] [--may-close 0|1] [--sample FILE] --json FILE
 * Method:  N connections read what comes by epoll, as fast as they can; M more subscribe to the
 *          same and read nothing; N may be 0 then. Lag is from a message's own time "E" to its
 *          reading, both by the real-time clock; "since trade" is from its "T". Neither counts in
 *          the first --warm-up seconds behind the first message.
 * Talk:    "connected" on stdout when all have been answered 101. A line on stdin then, "end FIRST
 *          LAST UPDATE", says which trades there were since (ids) and which update of the book was
 *          the last. When everybody has what it subscribed to of these, or nothing has come for
 *          20 s, the JSON is written, "done" is told, and all stay connected until stdin ends.
 * Checks:  trades are FIRST to LAST without a gap or a repetition; U of a depth event is the u
 *          before it plus 1; u of bookTickers grows; all read the same trades and bookTickers, byte
 *          for byte (depth may be joined for whoever is slow). With --may-close 1 a subscriber may
 *          be closed; up to there the same holds for it.
 * Sample:  the first messages of the first subscriber, one a line, for bare_send.
 * Thread:  one, not pinned (taskset).
 * Exit:    0; 1 when a check fails or a connection broke, without "done"; 2 for bad arguments.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/measure.h"
#include "bench/ws_client.h"
#include "runtime/check.h"
#include "runtime/hash.h"
#include "runtime/hist.h"

enum { READY = 1024, SAMPLE_MAX = 4096, PATIENCE_S = 20, STALLED_BUFFER = 4096 };

struct options {
    struct http_address to;
    const char *target, *sample, *json;
    uint32_t count, stalled;
    double warm_up;
    bool may_close;
    bool trades, tickers, depths; /* what of it the target has */
};

struct subscriber {
    struct ws_client ws;
    uint64_t first_trade, last_trade, ticker_id, depth_id; /* 0: none yet */
    uint64_t hash;                                         /* of trades and bookTickers */
};

static struct {
    struct options options;
    struct subscriber *subscriber;
    int epoll;
    FILE *sample;
    uint32_t sampled;
    bool ending;
    uint64_t first, last, update; /* of "end" */
    int64_t first_us, last_us;    /* messages */
    uint64_t messages, bytes, reads, trades, depths, wrong;
    uint32_t closed, closed_slow;
    struct hist lag, depth_lag, since_trade; /* us */
} all;

static void die(const char *what)
{
    fprintf(stderr, "subscribers: %s\n", what);
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}

/* ---- messages ---- */

static void wrong(const char *what, const char *text, size_t length)
{
    if (all.wrong++ == 0)
        fprintf(stderr, "subscribers: %s: %.*s\n", what, (int)length, text);
}

static void on_trade(struct subscriber *sub, const char *text, size_t length, int64_t now,
                     bool measured)
{
    uint64_t id = ws_client_number(text, length, "\"t\":");
    if (!sub->first_trade)
        sub->first_trade = id;
    else if (id != sub->last_trade + 1)
        wrong("a trade is not the next one", text, length);
    sub->last_trade = id;
    all.trades++;
    if (!measured)
        return;
    hist_add_us(&all.lag, (int64_t)ws_client_number(text, length, "\"E\":"), now);
    hist_add_us(&all.since_trade, (int64_t)ws_client_number(text, length, "\"T\":"), now);
}

static void on_depth(struct subscriber *sub, const char *text, size_t length, int64_t now,
                     bool measured)
{
    uint64_t first = ws_client_number(text, length, "\"U\":");
    if (sub->depth_id && first != sub->depth_id + 1)
        wrong("a depth event does not follow the one before it", text, length);
    sub->depth_id = ws_client_number(text, length, "\"u\":");
    all.depths++;
    if (measured)
        hist_add_us(&all.depth_lag, (int64_t)ws_client_number(text, length, "\"E\":"), now);
}

static void on_ticker(struct subscriber *sub, const char *text, size_t length)
{
    uint64_t id = ws_client_number(text, length, "\"u\":");
    if (id <= sub->ticker_id)
        wrong("a bookTicker is not newer than the one before it", text, length);
    sub->ticker_id = id;
}

static bool begins(const char *text, size_t length, const char *with)
{
    return length >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

static void note(const struct subscriber *sub, const char *text, size_t length, int64_t now)
{
    all.messages++;
    all.last_us = now;
    if (!all.first_us)
        all.first_us = now;
    if (all.sample && sub == all.subscriber && all.sampled < SAMPLE_MAX) {
        fprintf(all.sample, "%.*s\n", (int)length, text);
        all.sampled++;
    }
}

static void on_text(void *user, const char *text, size_t length)
{
    struct subscriber *sub = user;
    int64_t now = now_us();
    note(sub, text, length, now);
    all.bytes += length + (length < 126 ? 2 : length <= UINT16_MAX ? 4 : 10); /* on the wire */
    bool measured = (double)(now - all.first_us) >= all.options.warm_up * 1e6;
    if (begins(text, length, "{\"e\":\"depthUpdate\"")) {
        on_depth(sub, text, length, now, measured);
        return;
    }
    sub->hash = hash_bytes(sub->hash, text, length);
    if (begins(text, length, "{\"e\":\"trade\""))
        on_trade(sub, text, length, now, measured);
    else if (begins(text, length, "{\"u\":"))
        on_ticker(sub, text, length);
    else
        wrong("an unknown message", text, length);
}

static void receive(struct subscriber *sub)
{
    all.reads++;
    if (ws_client_receive(&sub->ws, on_text, sub))
        return;
    all.closed++;
    all.closed_slow += sub->ws.close_code == 1008;
    if (!all.options.may_close) {
        fprintf(stderr, "subscribers: closed with %u\n", sub->ws.close_code);
        exit(1);
    }
}

/* ---- the run ---- */

/* As many open files as the system grants. */
static void raise_files(uint32_t wanted)
{
    struct rlimit files;
    ASSERT(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur < wanted)
        die("the system grants too few open files");
}

static void open_all(void)
{
    const struct options *options = &all.options;
    const char *why = NULL;
    int room = STALLED_BUFFER;
    struct ws_client stalled;
    for (uint32_t i = 0; i < options->stalled; i++) { /* its descriptor is closed by exit() */
        if (!ws_client_open(&stalled, &options->to, options->target, &why))
            die(why);
        setsockopt(stalled.socket, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    }
    for (uint32_t i = 0; i < options->count; i++) {
        struct subscriber *sub = &all.subscriber[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = sub};
        if (!ws_client_open(&sub->ws, &options->to, options->target, &why))
            die(why);
        ASSERT(epoll_ctl(all.epoll, EPOLL_CTL_ADD, sub->ws.socket, &event) == 0);
    }
}

static void take_command(void)
{
    char line[128];
    if (!fgets(line, sizeof line, stdin) ||
        sscanf(line, "end %lu %lu %lu", &all.first, &all.last, &all.update) != 3)
        die("what came on stdin is not understood");
    all.ending = true;
    epoll_ctl(all.epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
}

static bool has_all(const struct subscriber *sub)
{
    const struct options *options = &all.options;
    return (!options->trades || sub->last_trade >= all.last) &&
           (!options->tickers || sub->ticker_id >= all.update) &&
           (!options->depths || sub->depth_id >= all.update);
}

static bool complete(void)
{
    for (uint32_t i = 0; all.ending && i < all.options.count; i++)
        if (all.subscriber[i].ws.socket >= 0 && !has_all(&all.subscriber[i]))
            return false;
    return all.ending;
}

static void run(void)
{
    struct epoll_event ready[READY], commands = {.events = EPOLLIN};
    ASSERT(epoll_ctl(all.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &commands) == 0);
    while (!complete()) {
        int count = epoll_wait(all.epoll, ready, READY, all.ending ? PATIENCE_S * 1000 : -1);
        if (count == 0)
            return; /* what is missing is found by check_all() */
        for (int i = 0; i < count; i++)
            if (ready[i].data.ptr)
                receive(ready[i].data.ptr);
            else
                take_command();
    }
}

/* Who was closed has the beginning of what the others have; the order is checked as it comes. */
static void check_all(void)
{
    const struct subscriber *whole = NULL;
    for (uint32_t i = 0; i < all.options.count; i++) {
        const struct subscriber *sub = &all.subscriber[i];
        if (sub->first_trade && sub->first_trade != all.first)
            wrong("a subscriber did not begin with the first trade", "", 0);
        if (sub->ws.socket < 0)
            continue;
        if (!has_all(sub) || sub->last_trade > all.last)
            wrong("a subscriber did not get all, or more", "", 0);
        whole = whole ? whole : sub;
        if (sub->hash != whole->hash)
            wrong("two subscribers did not get the same", "", 0);
    }
}

/* ---- output and arguments ---- */

static void put_lag(FILE *file, const char *name, const struct hist *hist)
{
    fprintf(file, " \"%s\": {\"count\": %lu, \"p50\": %lu, \"p99\": %lu, \"max\": %lu},\n", name,
            hist->count, hist_quantile(hist, 0.5), hist_quantile(hist, 0.99), hist->max);
}

static void report(void)
{
    FILE *file = fopen(all.options.json, "we");
    if (!file)
        die("cannot write the JSON");
    fprintf(file, "{\"subscribers\": %u, \"stalled\": %u,\n", all.options.count,
            all.options.stalled);
    put_lag(file, "lag_us", &all.lag);
    put_lag(file, "depth_lag_us", &all.depth_lag);
    put_lag(file, "since_trade_us", &all.since_trade);
    fprintf(file,
            " \"seconds\": %.6f, \"messages\": %lu, \"bytes\": %lu, \"reads\": %lu, "
            "\"trades\": %lu, \"depths\": %lu,\n"
            " \"closed\": %u, \"closed_slow\": %u, \"wrong\": %lu}\n",
            (double)(all.last_us - all.first_us) / 1e6, all.messages, all.bytes, all.reads,
            all.trades, all.depths, all.closed, all.closed_slow, all.wrong);
    if (fclose(file) != 0)
        die("cannot write the JSON");
}

static bool parse(int argc, char **argv, struct options *options)
{
    bool to = false;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--to") == 0)
            to = http_address_parse(value, &options->to);
        else if (strcmp(name, "--target") == 0)
            options->target = value;
        else if (strcmp(name, "--count") == 0)
            options->count = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(name, "--stalled") == 0)
            options->stalled = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(name, "--warm-up") == 0)
            options->warm_up = strtod(value, NULL);
        else if (strcmp(name, "--may-close") == 0)
            options->may_close = strcmp(value, "1") == 0;
        else if (strcmp(name, "--sample") == 0)
            options->sample = value;
        else if (strcmp(name, "--json") == 0)
            options->json = value;
        else
            return false;
    }
    if (argc % 2 == 0 || !to || !options->target || !options->json)
        return false;
    options->trades = strstr(options->target, "@trade");
    options->tickers = strstr(options->target, "@bookTicker");
    options->depths = strstr(options->target, "@depth");
    return options->count + options->stalled > 0 && options->count <= 1000000 &&
           options->stalled <= 1000000 && options->warm_up >= 0;
}

int main(int argc, char **argv)
{
    if (!parse(argc, argv, &all.options)) {
        fprintf(stderr, "usage: subscribers --to HOST:PORT --target PATH --count N [--stalled M] "
                        "[--warm-up S] [--may-close 0|1] [--sample FILE] --json FILE\n");
        return 2;
    }
    raise_files(all.options.count + all.options.stalled + 16);
    all.subscriber = calloc(all.options.count + 1, sizeof *all.subscriber);
    all.epoll = epoll_create1(EPOLL_CLOEXEC);
    ASSERT(all.subscriber && all.epoll >= 0);
    if (all.options.sample && !(all.sample = fopen(all.options.sample, "we")))
        die("cannot write the sample");
    open_all();
    puts("connected");
    fflush(stdout);
    run();
    check_all();
    if (all.sample && fclose(all.sample) != 0)
        die("cannot write the sample");
    report();
    if (all.wrong)
        return 1;
    puts("done");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
