/* options.h - what `castle serve` and `castle demo` can be told: command line > environment > file
 * > default (DESIGN §10).
 *
 * Thread:  the starting one.
 * Every option is also a key of the INI file and a variable CASTLE_ + its name in capitals.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "http/address.h"

struct options {
    const char *data, *listen, *admin, *config, *ready_file, *roles, *pin, *rate_limits, *history,
        *durability;
    const char *admin_token_file, *log_level, *tls_cert, *tls_key, *trusted_proxies;
    struct proxies proxies; /* what trusted_proxies says */
    uint64_t cores, done_orders, market_shards, account_shards;
    uint64_t max_users, max_symbols, max_orders, max_connections, max_connections_per_address;
    uint64_t request_timeout, idle_timeout; /* seconds */
    uint64_t segment_mib, snapshot_seconds, snapshot_records;
    bool prefault;
    uint64_t seed, days;             /* demo alone */
    bool demo, keep;                 /* demo: the subcommand is `demo` */
    bool shards_given, limits_given; /* not defaulted: they must agree with an existing directory */
};

/* Fills `options`; false with a message on stderr that names the option or key (exit 2). argv[0] is
 * the subcommand: `demo` takes options of its own, too, and has some other defaults. */
bool options_read(struct options *options, int argc, char **argv);

/* Lists the options of `serve`, or of `demo` with its own first: what each means, takes, and is
 * when it is not given. */
void options_help(FILE *out, bool demo);

/* Splits "HOST:PORT" or "[V6]:PORT"; false when it is neither. */
bool options_address(const char *text, char host[static 256], uint16_t *port);

#endif
