/* demo_bots.h - the bots of `castle demo`: makers that keep a ladder of quotes around a price that
 * wanders, and takers that come now and then.
 *
 * Thread:  one of their own, which shares nothing with the exchange: it speaks HTTP/1.1 to the
 * public listener, with signed requests under API keys, like anybody else.
 * Limits:  those of any account and address. They keep to 90 of 100 orders in 10 s each; where the
 * server is on a loopback address they come from 127.0.0.2, so that their requests are not counted
 * with those of who tries the demo.
 * Errors:  a refusal is counted and passed over: a maker looks again every few seconds at what of
 * its orders rests, and quotes what is missing. 429 and 418 silence all bots for a while. A
 * connection that breaks is made anew.
 */
#ifndef DEMO_BOTS_H
#define DEMO_BOTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "bench/http_client.h"
#include "demo.h"

struct demo_bots {
    const struct demo *demo;
    uint64_t seed;
    struct http_address to;
    char listen[HTTP_HOST_MAX + 16], admin[HTTP_HOST_MAX + 16];
    pthread_t thread;
    _Atomic bool stop, ended;
    /* counters; any thread may read them */
    _Atomic uint64_t requests, refused;
};

/* Begins once the server answers; when the ladders stand, tells on stdout where it all is
 * (demo_tell()). */
void demo_bots_start(struct demo_bots *bots, const struct demo *demo, uint64_t seed,
                     const char *listen_host, uint16_t listen_port, const char *admin_host,
                     uint16_t admin_port);

/* Asks them to cancel what they have resting and to end; they have within two seconds or so, while
 * the server still answers. */
void demo_bots_stop(struct demo_bots *bots);
bool demo_bots_ended(const struct demo_bots *bots);

#endif
