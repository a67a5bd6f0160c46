#include "http/options.h"

#include <errno.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/check.h"

enum kind { TEXT, NUMBER, FLAG, CHOICE };

static const struct option {
    const char *name;
    enum kind kind;
    size_t at;
    uint64_t low, high;
    const char *choices; /* CHOICE: "a|b" */
} table[] = {
    {"data", TEXT, offsetof(struct options, data), 0, 0, NULL},
    {"listen", TEXT, offsetof(struct options, listen), 0, 0, NULL},
    {"admin", TEXT, offsetof(struct options, admin), 0, 0, NULL},
    {"config", TEXT, offsetof(struct options, config), 0, 0, NULL},
    {"ready-file", TEXT, offsetof(struct options, ready_file), 0, 0, NULL},
    {"roles", TEXT, offsetof(struct options, roles), 0, 0, NULL},
    {"admin-token-file", TEXT, offsetof(struct options, admin_token_file), 0, 0, NULL},
    {"tls-cert", TEXT, offsetof(struct options, tls_cert), 0, 0, NULL},
    {"tls-key", TEXT, offsetof(struct options, tls_key), 0, 0, NULL},
    {"trusted-proxies", TEXT, offsetof(struct options, trusted_proxies), 0, 0, NULL},
    {"cores", NUMBER, offsetof(struct options, cores), 1, 64, NULL},
    {"done-orders", NUMBER, offsetof(struct options, done_orders), 1, 1000000, NULL},
    {"market-shards", NUMBER, offsetof(struct options, market_shards), 1, 4096, NULL},
    {"account-shards", NUMBER, offsetof(struct options, account_shards), 1, 1024, NULL},
    {"max-users", NUMBER, offsetof(struct options, max_users), 1, 10000000, NULL},
    {"max-symbols", NUMBER, offsetof(struct options, max_symbols), 1, 8000, NULL},
    {"max-orders", NUMBER, offsetof(struct options, max_orders), 16, 100000000, NULL},
    {"segment-mib", NUMBER, offsetof(struct options, segment_mib), 1, 1024, NULL},
    {"snapshot-seconds", NUMBER, offsetof(struct options, snapshot_seconds), 1, 86400, NULL},
    {"snapshot-records", NUMBER, offsetof(struct options, snapshot_records), 1, UINT32_MAX, NULL},
    {"max-connections", NUMBER, offsetof(struct options, max_connections), 1, 1000000, NULL},
    {"max-connections-per-address", NUMBER, offsetof(struct options, max_connections_per_address),
     1, 1000000, NULL},
    {"request-timeout", NUMBER, offsetof(struct options, request_timeout), 1, 600, NULL},
    {"idle-timeout", NUMBER, offsetof(struct options, idle_timeout), 1, 3600, NULL},
    {"prefault", FLAG, offsetof(struct options, prefault), 0, 0, NULL},
    {"pin", CHOICE, offsetof(struct options, pin), 0, 0, "on|off"},
    {"rate-limits", CHOICE, offsetof(struct options, rate_limits), 0, 0, "binance|off"},
    {"history", CHOICE, offsetof(struct options, history), 0, 0, "sqlite|off"},
    {"durability", CHOICE, offsetof(struct options, durability), 0, 0, "sync|none"},
    {"log-level", CHOICE, offsetof(struct options, log_level), 0, 0, "debug|info|warn|error"},
};
enum { OPTIONS = sizeof table / sizeof *table };

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
    if ((option->kind == CHOICE && !is_choice(option->choices, value)) || value[0] == '\0') {
        fprintf(stderr, "castle: %s: '%s' is not one of %s\n", from, value,
                option->choices ? option->choices : "the values it takes");
        return false;
    }
    memcpy(field, &value, sizeof value);
    return true;
}

static const struct option *find(const char *name, size_t length)
{
    for (uint32_t i = 0; i < OPTIONS; i++)
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
    const struct option *option = find(name, strlen(name));
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
    int line = ini_parse(options->config, from_file, &file);
    if (file.failed)
        return false;
    if (line != 0) {
        if (line < 0)
            fprintf(stderr, "castle: option --config: cannot read %s\n", options->config);
        else
            fprintf(stderr, "castle: %s: line %d is not key = value\n", options->config, line);
        return false;
    }
    return true;
}

static bool read_environment(struct options *options, bool config_only)
{
    for (uint32_t i = 0; i < OPTIONS; i++) {
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
        const struct option *option = find(name + 2, length);
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

bool options_read(struct options *options, int argc, char **argv)
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
    if (!read_environment(options, true) || !read_arguments(options, argc, argv, true))
        return false;
    if (options->config && !read_file(options))
        return false;
    return read_environment(options, false) && read_arguments(options, argc, argv, false) &&
           check_addresses(options) && check_tls(options) && check_proxies(options);
}
