#define _GNU_SOURCE
#include "demo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/book/money.h"
#include "http/secrets.h"
#include "runtime/check.h"
#include "storage/segment.h"
#include "storage/snapshot.h"

#define MARKER    "castle-demo"
#define KEYS_FILE "demo.keys"

/* The bots' funds outlast years of fees. */
const struct demo_user demo_users[DEMO_USERS] = {
    [DEMO_ALICE] = {"alice", 1000000, 50, 500},
    [DEMO_BOB] = {"bob", 1000000, 50, 500},
    [DEMO_MAKERS + DEMO_BTCUSDT] = {"maker-btcusdt", 200000000, 5000, 50000},
    [DEMO_MAKERS + DEMO_ETHUSDT] = {"maker-ethusdt", 200000000, 5000, 50000},
    [DEMO_MAKERS + DEMO_ETHBTC] = {"maker-ethbtc", 200000000, 5000, 50000},
    [DEMO_TAKERS] = {"taker-1", 200000000, 5000, 50000},
    [DEMO_TAKERS + 1] = {"taker-2", 200000000, 5000, 50000},
};

static void path_of(char path[4096], const char *directory, const char *name)
{
    snprintf(path, 4096, "%s/%s", directory, name);
}

static bool complain(const char *what, const char *path)
{
    fprintf(stderr, "castle: cannot %s %s: %s\n", what, path, strerror(errno));
    return false;
}

/* ---- the directory ---- */

static bool is_there(const char *directory, const char *name)
{
    char path[4096];
    path_of(path, directory, name);
    return access(path, F_OK) == 0;
}

/* Nothing but what opening a directory, and a mark that was cut short, leave there. */
static bool is_empty(DIR *dir)
{
    struct dirent *entry;
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strcmp(entry->d_name, "lock") != 0 && strcmp(entry->d_name, KEYS_FILE ".new") != 0)
            return false;
    return true;
}

static bool has_room(const char *option, uint64_t room, uint32_t least)
{
    if (room < least)
        fprintf(stderr, "castle: option --%s: a demo needs at least %" PRIu32 ", not %" PRIu64 "\n",
                option, least, room);
    return room >= least;
}

bool demo_may_use(const struct options *options)
{
    if (!has_room("max-users", options->max_users, DEMO_USERS) ||
        !has_room("max-symbols", options->max_symbols, DEMO_SYMBOLS))
        return false;
    const char *directory = options->data;
    DIR *dir = opendir(directory);
    if (!dir) /* missing, or opening it will say why not */
        return true;
    bool may = is_there(directory, MARKER) || is_empty(dir);
    closedir(dir);
    if (!may)
        fprintf(stderr,
                "castle: option --data: %s is not a demo's directory (it has no file " MARKER
                "): it stays as it is; name another one, or an empty one\n",
                directory);
    return may;
}

/* What a server and a demo leave in their directory, whatever else somebody has put there. */
static bool is_ours(const char *name)
{
    static const char *const whole[] = {
        SEGMENT_SPARE,    "seal.tmp",       "snapshot.tmp",       "crashes.log", "history.db",
        "history.db-wal", "history.db-shm", "history.db-journal", "secrets.key", "secrets.key.new",
        "admin.token",    KEYS_FILE,        KEYS_FILE ".new",
    };
    uint64_t lsn;
    for (uint32_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (strcmp(name, whole[i]) == 0)
            return true;
    return segment_number(name) != 0 || snapshot_lsn(name, &lsn);
}

/* The mark stays: a wipe that is cut short is still a demo's. The keys go first: without them it is
 * made anew, whatever is left. */
static bool wipe(const char *directory)
{
    DIR *dir = opendir(directory);
    struct dirent *entry;
    bool ok = dir && (unlinkat(dirfd(dir), KEYS_FILE, 0) == 0 || errno == ENOENT);
    while (ok && (entry = readdir(dir)))
        ok = !is_ours(entry->d_name) || unlinkat(dirfd(dir), entry->d_name, 0) == 0;
    if (!ok)
        complain("wipe", directory);
    if (dir)
        closedir(dir);
    return ok;
}

/* By rename, and mode 0600: what is there is whole, and nobody else's. */
static bool write_file(const char *directory, const char *name, const char *text)
{
    char path[4096], temp[4096];
    path_of(path, directory, name);
    ASSERT((size_t)snprintf(temp, sizeof temp, "%s/" KEYS_FILE ".new", directory) < sizeof temp);
    int file = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t length = strlen(text);
    if (file < 0)
        return complain("write", temp);
    bool ok = write(file, text, length) == (ssize_t)length && fsync(file) == 0;
    ok = close(file) == 0 && ok && rename(temp, path) == 0;
    return ok || complain("write", path);
}

/* ---- keys ---- */

static bool read_keys(struct demo *demo)
{
    char path[4096], name[32];
    unsigned number;
    path_of(path, demo->directory, KEYS_FILE);
    FILE *file = fopen(path, "re");
    if (!file)
        return complain("read", path);
    bool ok = true;
    for (uint32_t i = 0; i < DEMO_USERS && ok; i++)
        ok = fscanf(file, "%31s %u %64s %64s", name, &number, demo->keys[i].key,
                    demo->keys[i].secret) == 4 &&
             strcmp(name, demo_users[i].name) == 0 && number == i + 1 &&
             strlen(demo->keys[i].key) == DEMO_TOKEN && strlen(demo->keys[i].secret) == DEMO_TOKEN;
    fclose(file);
    if (!ok)
        fprintf(stderr,
                "castle: %s does not have the keys of this version's users: leave out "
                "--keep\n",
                path);
    return ok;
}

bool demo_open(struct demo *demo, const char *directory, bool keep)
{
    *demo = (struct demo){.directory = directory};
    if (keep && is_there(directory, KEYS_FILE))
        return read_keys(demo);
    if (!wipe(directory) || !write_file(directory, MARKER,
                                        "`castle demo` wipes this directory when it starts, "
                                        "unless it is told --keep.\n"))
        return false;
    for (uint32_t i = 0; i < DEMO_USERS; i++) {
        secrets_token(demo->keys[i].key);
        secrets_token(demo->keys[i].secret);
    }
    return true;
}

bool demo_finish(const struct demo *demo)
{
    char text[DEMO_USERS * (2 * DEMO_TOKEN + 64)];
    size_t length = 0;
    for (uint32_t i = 0; i < DEMO_USERS; i++)
        length +=
            (size_t)snprintf(text + length, sizeof text - length, "%s %u %s %s\n",
                             demo_users[i].name, i + 1, demo->keys[i].key, demo->keys[i].secret);
    ASSERT(length < sizeof text);
    return write_file(demo->directory, KEYS_FILE, text);
}

/* ---- what it tells ---- */

/* One write(): the log has lines of its own on stdout. */
void demo_tell(const struct demo *demo, const char *listen, const char *admin, int64_t price_atoms)
{
    const struct demo_key *alice = &demo->keys[DEMO_ALICE], *bob = &demo->keys[DEMO_BOB];
    int64_t price = price_atoms / MONEY_ATOMS_PER_UNIT * 99 / 100; /* rests, for a while */
    char *text;
    int length = asprintf(
        &text,
        "\n"
        "Castle's demo is at http://%s (the page: http://%s/; admin http://%s, token in "
        "%s).\n"
        "Bots quote and trade BTCUSDT, ETHUSDT and ETHBTC. Two users with 1,000,000 USDT, 50 BTC "
        "and 500 ETH are yours:\n"
        "\n"
        "  alice  key     %s\n"
        "         secret  %s\n"
        "  bob    key     %s\n"
        "         secret  %s\n"
        "\n"
        "Paste one of these. curl, an order that rests a little below the market:\n"
        "\n"
        "P=\"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=%" PRId64
        "&timestamp=$(date +%%s%%3N)\"; curl -H 'X-MBX-APIKEY: %s' 'http://%s/api/v3/order' -d "
        "\"$P&signature=$(printf %%s \"$P\" | openssl dgst -sha256 -hmac '%s' | sed 's/.* //')\"\n"
        "\n"
        "ccxt for JavaScript (npm install ccxt), a market order:\n"
        "\n"
        "node --input-type=module -e \"import ccxt from 'ccxt'; const x = new "
        "ccxt.binance({apiKey: "
        "'%s', secret: '%s'}); for (const [k, u] of Object.entries(x.urls.api)) if (typeof u === "
        "'string') x.urls.api[k] = 'http://%s' + new URL(u).pathname; const o = await "
        "x.createMarketBuyOrder('ETH/USDT', 0.5); console.log(o.status, o.average, (await "
        "x.fetchBalance()).ETH);\"\n"
        "\n"
        "python-binance (pip install python-binance), a market order:\n"
        "\n"
        "python3 -c \"from binance.client import Client; Client.API_URL = 'http://%s/api'; c = "
        "Client('%s', '%s'); o = c.order_market_sell(symbol='ETHBTC', quantity='0.5'); "
        "print(o['status'], o['fills'], c.get_asset_balance('BTC'))\"\n"
        "\n"
        "And without a key: curl 'http://%s/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=24'\n"
        "Ctrl-C drains and stops.\n",
        listen, listen, admin, demo->token_from, alice->key, alice->secret, bob->key, bob->secret,
        price, alice->key, listen, alice->secret, alice->key, alice->secret, listen, listen,
        bob->key, bob->secret, listen);
    ASSERT(length > 0);
    fflush(stdout);
    for (ssize_t at = 0, put; at < length; at += put)
        if ((put = write(STDOUT_FILENO, text + at, (size_t)(length - at))) <= 0)
            break; /* nobody reads it */
    free(text);
}
