/* life.h - how long a WebSocket connection may live, be silent, and how often it may speak (API
 * §1.5): a ping every 20 s, its pong within 60 s, 24 hours in all, 5 frames a second.
 *
 * Thread:  the connection's core. Pure: time is an argument, in microseconds; socket.c acts.
 */
#ifndef WS_LIFE_H
#define WS_LIFE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LIFE_PING_US = 20000000, LIFE_PONG_US = 60000000, LIFE_SECOND_US = 1000000 };
enum { LIFE_FRAMES = 5, LIFE_PINGS = LIFE_PONG_US / LIFE_PING_US };
#define LIFE_MAX_US INT64_C(86400000000)

struct ws_life {
    int64_t opened_us;
    int64_t ping_us[LIFE_PINGS]; /* not answered yet, the oldest first */
    uint32_t pings;
    uint32_t frame_at;
    int64_t frame_us[LIFE_FRAMES]; /* when the last ones came: a ring, the oldest at frame_at */
};

enum life_due { LIFE_PING, LIFE_SILENT, LIFE_OLD };

/* Called every LIFE_PING_US: what is due. A ping's payload is life_payload(now_us). */
enum life_due life_due(struct ws_life *life, int64_t now_us);

/* The payload of the ping sent at `now_us`: its time in milliseconds. Returns its length. */
size_t life_payload(int64_t now_us, char out[static 24]);

/* A pong came. One with the payload of a ping not answered yet answers it and all older ones; any
 * other is let pass, and answers nothing. */
void life_pong(struct ws_life *life, const char *payload, size_t length);

/* Counts a frame in; false where it is one too many within a second. */
bool life_takes(struct ws_life *life, int64_t now_us);

#endif
