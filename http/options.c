#include "http/options.h"

#include <errno.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/check.h"

enum { DEMO_SEGMENT_MIB = 16, DEMO_SEED = 1, DEMO_DAYS = 7 };
enum { FILE_LINE_MAX = 65536 };

enum kind { TEXT, NUMBER, FLAG, CHOICE };

static const struct option {
    const char *name;
    enum kind kind;
    size_t at;
    uint64_t low, high;
    const char *value; /* CHOICE: "a|b"; else what the help calls the value */
    const char *help;
    const char *unset; /* what holds when nothing is given and nothing is the default */
} table[] = {
    {"data", TEXT, offsetof(struct options, data), 0, 0, "DIR",
     "The directory of the exchange: journal, snapshots, history, secrets. Made if it is missing.",
     NULL},
    {"listen", TEXT, offsetof(struct options, listen), 0, 0, "HOST:PORT",
     "Where clients are served; [HOST]:PORT for IPv6, port 0 picks a free one.", NULL},
    {"admin", TEXT, offsetof(struct options, admin), 0, 0, "HOST:PORT",
     "Where the operator is served, without TLS: a private address.", NULL},
    {"config", TEXT, offsetof(struct options, config), 0, 0, "FILE",
     "Options as lines of key = value, such as data = /srv/castle.", "none"},
    {"ready-file", TEXT, offsetof(struct options, ready_file), 0, 0, "FILE",
     "Written when requests are served, with the pid and both addresses in JSON; removed at the "
     "end.",
     "none"},
    {"roles", TEXT, offsetof(struct options, roles), 0, 0, "ROLES",
     "What each core does: ingress, match, account, storage joined by +, cores separated by "
     "commas.",
     "each core does everything"},
    {"admin-token-file", TEXT, offsetof(struct options, admin_token_file), 0, 0, "FILE",
     "The token that the admin listener asks for. CASTLE_ADMIN_TOKEN goes before it.",
     "admin.token in the directory of the exchange, made if it is missing"},
    {"tls-cert", TEXT, offsetof(struct options, tls_cert), 0, 0, "FILE",
     "Clients are served by TLS, with this chain of certificates in PEM. SIGHUP reads it again.",
     "no TLS"},
    {"tls-key", TEXT, offsetof(struct options, tls_key), 0, 0, "FILE",
     "The key of the certificate in PEM, without a passphrase.", "no TLS"},
    {"trusted-proxies", TEXT, offsetof(struct options, trusted_proxies), 0, 0, "NETWORKS",
     "Whose X-Forwarded-For is believed: up to 64 addresses and networks, separated by commas.",
     "nobody's"},
    {"cores", NUMBER, offsetof(struct options, cores), 1, 64, "N",
     "Threads that run the exchange, one a core.",
     "as many as there are processors it may use, 64 at most"},
    {"done-orders", NUMBER, offsetof(struct options, done_orders), 1, 1000000, "N",
     "Finished orders that each account keeps in memory; older ones come from the history.", NULL},
    {"market-shards", NUMBER, offsetof(struct options, market_shards), 1, 4096, "N",
     "Shards that symbols are spread over. Fixed when the directory is made.", NULL},
    {"account-shards", NUMBER, offsetof(struct options, account_shards), 1, 1024, "N",
     "Shards that users are spread over. Fixed when the directory is made.", NULL},
    {"max-users", NUMBER, offsetof(struct options, max_users), 1, 10000000, "N",
     "Users there may be. Fixed when the directory is made.", NULL},
    {"max-symbols", NUMBER, offsetof(struct options, max_symbols), 1, 8000, "N",
     "Symbols there may be. Fixed when the directory is made.", NULL},
    {"max-orders", NUMBER, offsetof(struct options, max_orders), 16, 100000000, "N",
     "Open orders there may be. Fixed when the directory is made.", NULL},
    {"segment-mib", NUMBER, offsetof(struct options, segment_mib), 1, 1024, "MIB",
     "Size of a file of the journal.", NULL},
    {"snapshot-seconds", NUMBER, offsetof(struct options, snapshot_seconds), 1, 86400, "SECONDS",
     "A snapshot is made after this long, if anything has happened.", NULL},
    {"snapshot-records", NUMBER, offsetof(struct options, snapshot_records), 1, UINT32_MAX, "N",
     "A snapshot is made after so many records of the journal.", NULL},
    {"max-connections", NUMBER, offsetof(struct options, max_connections), 1, 1000000, "N",
     "Connections of clients there may be; no more than the limit of open files allows.", NULL},
    {"max-connections-per-address", NUMBER, offsetof(struct options, max_connections_per_address),
     1, 1000000, "N", "Those of one address; of a /64 with IPv6.", NULL},
    {"request-timeout", NUMBER, offsetof(struct options, request_timeout), 1, 600, "SECONDS",
     "A request must be complete this long after its first byte.", NULL},
    {"idle-timeout", NUMBER, offsetof(struct options, idle_timeout), 1, 3600, "SECONDS",
     "A connection may wait this long for its next request, or leave an answer unread.", NULL},
    {"prefault", FLAG, offsetof(struct options, prefault), 0, 0, NULL,
     "All memory is taken from the system at the start, not when it is first used.", NULL},
    {"pin", CHOICE, offsetof(struct options, pin), 0, 0, "on|off",
     "Each core's thread stays on one processor.", NULL},
    {"rate-limits", CHOICE, offsetof(struct options, rate_limits), 0, 0, "binance|off",
     "With off nobody is refused for asking too much; it is still counted.", NULL},
    {"history", CHOICE, offsetof(struct options, history), 0, 0, "sqlite|off",
     "With off, lookups know what is in memory only.", NULL},
    {"durability", CHOICE, offsetof(struct options, durability), 0, 0, "sync|none",
     "With none, answers do not wait for the disk and a crash loses them: for measuring.", NULL},
    {"log-level", CHOICE, offsetof(struct options, log_level), 0, 0, "debug|info|warn|error",
     "The lowest level of the log, which is JSON lines on standard output.", NULL},
    /* DEMO_OPTIONS of them: of `castle demo` alone */
    {"keep", FLAG, offsetof(struct options, keep), 0, 0, NULL,
     "The directory is not wiped at the start: users, keys, orders and trades go on.", NULL},
    {"seed", NUMBER, offsetof(struct options, seed), 0, UINT64_MAX, "N",
     "Of the market: one seed is one week, candle by candle.", NULL},
    {"days", NUMBER, offsetof(struct options, days), 0, DEMO_DAYS, "N",
     "Days of trading in the past.", NULL},
};
enum { OPTIONS = sizeof table / sizeof *table, DEMO_OPTIONS = 3 };

/* How many of the table there are for this subcommand. */
static uint32_t options_count(const struct options *options)
{
    return options->demo ? OPTIONS : OPTIONS - DEMO_OPTIONS;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t length = strlen(value);
    for (const char *at = choices; length; at++) {
        if (strncmp(at, value, length) == 0 && (at[length] == '|' || at[length] == '\0'))
            return true;
        at = strchr(at, '|');
        if (!at)
            return false;
    }
    return false;
}

/* `from` says where the value came from: "option --cores". `value` is kept: it must stay. */
static bool set(struct options *options, const struct option *option, const char *value,
                const char *from)
{
    void *field = (char *)options + option->at;
    char *end;
    if (option->kind == NUMBER) {
        errno = 0;
        uint64_t number = strtoull(value, &end, 10);
        if (value[0] < '0' || value[0] > '9' || *end || errno || number < option->low ||
            number > option->high) {
            fprintf(stderr, "castle: %s: '%s' is not a number from %lu to %lu\n", from, value,
                    option->low, option->high);
            return false;
        }
        memcpy(field, &number, sizeof number);
        return true;
    }
    if (option->kind == FLAG) {
        bool on = strcmp(value, "on") == 0 || strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
        bool off =
            strcmp(value, "off") == 0 || strcmp(value, "false") == 0 || strcmp(value, "0") == 0;
        if (!on && !off) {
            fprintf(stderr, "castle: %s: '%s' is neither on nor off\n", from, value);
            return false;
        }
        memcpy(field, &on, sizeof on);
        return true;
    }
    if ((option->kind == CHOICE && !is_choice(option->value, value)) || value[0] == '\0') {
        fprintf(stderr, "castle: %s: '%s' is not one of %s\n", from, value,
                option->kind == CHOICE ? option->value : "the values it takes");
        return false;
    }
    memcpy(field, &value, sizeof value);
    return true;
}

static const struct option *find(const struct options *options, const char *name, size_t length)
{
    for (uint32_t i = 0; i < options_count(options); i++)
        if (strlen(table[i].name) == length && memcmp(table[i].name, name, length) == 0)
            return &table[i];
    return NULL;
}

static void note_given(struct options *options, const struct option *option)
{
    if (strstr(option->name, "-shards"))
        options->shards_given = true;
    if (strncmp(option->name, "max-", 4) == 0 && strncmp(option->name, "max-connections", 15) != 0)
        options->limits_given = true;
}

struct file {
    struct options *options;
    const char *path;
    bool failed;
};

static int from_file(void *arg, const char *section, const char *name, const char *value)
{
    struct file *file = arg;
    char from[256];
    const struct option *option = find(file->options, name, strlen(name));
    if (file->failed)
        return 0;
    snprintf(from, sizeof from, "key '%.100s' in %.100s", name, file->path);
    if (section[0] || !option || strcmp(name, "config") == 0) {
        fprintf(stderr, "castle: %s is not known\n", from);
        file->failed = true;
        return 0;
    }
    note_given(file->options, option);
    char *copy = strdup(value); /* arguments and variables stay; what inih read does not */
    ASSERT(copy != NULL);
    file->failed = !set(file->options, option, copy, from);
    if (file->failed || (option->kind != TEXT && option->kind != CHOICE))
        free(copy);
    return !file->failed;
}

static bool read_file(struct options *options)
{
    struct file file = {.options = options, .path = options->config};
    FILE *in = fopen(options->config, "re");
    /* else inih reads a line of more than 200 bytes as two, and an indented one as the value of the
     * key above it */
    ini_use_stack = false;
    ini_initial_alloc = ini_max_line = FILE_LINE_MAX;
    ini_allow_multiline = false;
    int line = in ? ini_parse_file(in, from_file, &file) : 0;
    bool read = in && !ferror(in); /* a directory can be opened, not read */
    if (!read)
        fprintf(stderr, "castle: option --config: cannot read %s: %s\n", options->config,
                strerror(errno));
    else if (line && !file.failed)
        fprintf(stderr, "castle: %s: line %d is not key = value\n", options->config, line);
    if (in)
        fclose(in);
    return read && line == 0;
}

static bool read_environment(struct options *options, bool config_only)
{
    for (uint32_t i = 0; i < options_count(options); i++) {
        char name[64] = "CASTLE_", from[80];
        size_t at = strlen(name);
        for (const char *c = table[i].name; *c; c++)
            name[at++] = *c == '-' ? '_' : (char)(*c - 'a' + 'A');
        name[at] = '\0';
        const char *value = getenv(name);
        if (!value || (strcmp(table[i].name, "config") == 0) != config_only)
            continue;
        snprintf(from, sizeof from, "variable %s", name);
        note_given(options, &table[i]);
        if (!set(options, &table[i], value, from))
            return false;
    }
    return true;
}

/* The arguments; with `config_only` just --config is looked at. */
static bool read_arguments(struct options *options, int argc, char **argv, bool config_only)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = NULL;
        char from[128];
        if (strncmp(name, "--", 2) != 0) {
            fprintf(stderr, "castle: '%s' is not an option\n", name);
            return false;
        }
        const char *equals = strchr(name, '=');
        size_t length = equals ? (size_t)(equals - name) - 2 : strlen(name) - 2;
        const struct option *option = find(options, name + 2, length);
        snprintf(from, sizeof from, "option %.*s", (int)(length + 2 > 80 ? 80 : length + 2), name);
        if (!option) {
            fprintf(stderr, "castle: %s is not known\n", from);
            return false;
        }
        if (equals)
            value = equals + 1;
        else if (option->kind == FLAG)
            value = "on";
        else if (i + 1 < argc)
            value = argv[++i];
        if (!value) {
            fprintf(stderr, "castle: %s needs a value\n", from);
            return false;
        }
        if ((strcmp(option->name, "config") == 0) != config_only)
            continue;
        note_given(options, option);
        if (!set(options, option, value, from))
            return false;
    }
    return true;
}

bool options_address(const char *text, char host[static 256], uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    char *end;
    if (!colon || colon == text || colon[1] < '0' || colon[1] > '9' || colon - text > 255)
        return false;
    unsigned long number = strtoul(colon + 1, &end, 10);
    if (*end || number > 65535)
        return false;
    size_t length = (size_t)(colon - text);
    if (text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    }
    memcpy(host, text, length);
    host[length] = '\0';
    *port = (uint16_t)number;
    return true;
}

static bool check_addresses(const struct options *options)
{
    char host[256];
    uint16_t port;
    if (!options_address(options->listen, host, &port)) {
        fprintf(stderr, "castle: option --listen: '%s' is not HOST:PORT\n", options->listen);
        return false;
    }
    if (!options_address(options->admin, host, &port)) {
        fprintf(stderr, "castle: option --admin: '%s' is not HOST:PORT\n", options->admin);
        return false;
    }
    return true;
}

static bool check_tls(const struct options *options)
{
    if (options->demo && options->tls_cert) {
        fprintf(stderr, "castle: option --tls-cert: the bots of a demo do not speak TLS\n");
        return false;
    }
    if (!options->tls_cert == !options->tls_key)
        return true;
    fprintf(stderr, "castle: option --tls-%s needs --tls-%s as well\n",
            options->tls_cert ? "cert" : "key", options->tls_cert ? "key" : "cert");
    return false;
}

static bool check_proxies(struct options *options)
{
    const char *wrong;
    size_t length;
    if (!options->trusted_proxies ||
        proxies_read(&options->proxies, options->trusted_proxies, &wrong, &length))
        return true;
    fprintf(stderr,
            "castle: option --trusted-proxies: '%.*s' is not an address or a network such as "
            "10.0.0.0/8, or is beyond the %d that there may be\n",
            (int)length, wrong, PROXIES_MAX);
    return false;
}

static void set_defaults(struct options *options, bool demo)
{
    *options = (struct options){.data = "castle-data",
                                .listen = "127.0.0.1:8080",
                                .admin = "127.0.0.1:8081",
                                .pin = "on",
                                .rate_limits = "binance",
                                .history = "sqlite",
                                .durability = "sync",
                                .log_level = "info",
                                .done_orders = 1000,
                                .market_shards = 256,
                                .account_shards = 64,
                                .max_users = 100000,
                                .max_symbols = 1000,
                                .max_orders = 4000000,
                                .max_connections = 10000,
                                .max_connections_per_address = 1000,
                                .request_timeout = 10,
                                .idle_timeout = 75,
                                .segment_mib = 64,
                                .snapshot_seconds = 60,
                                .snapshot_records = 4000000};
    options->demo = demo;
    if (demo) { /* small, and quiet but for what it prints itself */
        options->data = "castle-demo";
        options->log_level = "warn";
        options->segment_mib = DEMO_SEGMENT_MIB;
        options->seed = DEMO_SEED;
        options->days = DEMO_DAYS;
    }
}

bool options_read(struct options *options, int argc, char **argv)
{
    set_defaults(options, strcmp(argv[0], "demo") == 0);
    if (!read_environment(options, true) || !read_arguments(options, argc, argv, true))
        return false;
    if (options->config && !read_file(options))
        return false;
    return read_environment(options, false) && read_arguments(options, argc, argv, false) &&
           check_addresses(options) && check_tls(options) && check_proxies(options);
}

/* ---- the help ---- */

enum { HELP_WIDTH = 80, HELP_INDENT = 8 };

static uint32_t put_words(FILE *out, const char *text, uint32_t column)
{
    for (const char *at = text; *at;) {
        uint32_t length = (uint32_t)strcspn(at, " ");
        if (column + 1 + length > HELP_WIDTH) {
            fprintf(out, "\n%*s", HELP_INDENT - 1, "");
            column = HELP_INDENT - 1;
        }
        fprintf(out, " %.*s", (int)length, at);
        column += 1 + length;
        at += length;
        at += strspn(at, " ");
    }
    return column;
}

/* What holds when the option is not given: `out` keeps it, unless it is text that stays. */
static const char *default_text(const struct option *option, const struct options *defaults,
                                char out[static 32])
{
    const void *field = (const char *)defaults + option->at;
    const char *text;
    uint64_t number;
    bool on;
    switch (option->kind) {
    case NUMBER:
        memcpy(&number, field, sizeof number);
        if (number == 0 && option->unset)
            return option->unset;
        snprintf(out, 32, "%lu", number);
        return out;
    case FLAG:
        memcpy(&on, field, sizeof on);
        return on ? "on" : "off";
    default:
        memcpy(&text, field, sizeof text);
        return text ? text : option->unset;
    }
}

static void put_option(FILE *out, const struct option *option, const struct options *defaults)
{
    char number[32], range[64], last[160];
    const char *text = default_text(option, defaults, number);
    ASSERT(text != NULL);
    fprintf(out, "  --%s%s%s\n%*s", option->name, option->value ? " " : "",
            option->value ? option->value : "", HELP_INDENT - 1, "");
    uint32_t column = put_words(out, option->help, HELP_INDENT - 1);
    if (option->kind == NUMBER) {
        snprintf(range, sizeof range, "From %lu to %lu.", option->low, option->high);
        column = put_words(out, range, column);
    }
    snprintf(last, sizeof last, "Default: %s.", text);
    put_words(out, last, column);
    fputc('\n', out);
}

void options_help(FILE *out, bool demo)
{
    struct options defaults;
    set_defaults(&defaults, demo);
    for (uint32_t i = options_count(&defaults); i-- > OPTIONS - DEMO_OPTIONS;)
        put_option(out, &table[i], &defaults);
    for (uint32_t i = 0; i < OPTIONS - DEMO_OPTIONS; i++)
        put_option(out, &table[i], &defaults);
}
