#include "http/ws/life.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum life_due life_due(struct ws_life *life, int64_t now_us)
{
    if (now_us - life->opened_us >= LIFE_MAX_US)
        return LIFE_OLD;
    if (life->pings && now_us - life->ping_us[0] >= LIFE_PONG_US)
        return LIFE_SILENT;
    if (life->pings == LIFE_PINGS) /* this ping came early: the oldest still has its time */
        return LIFE_PING;
    life->ping_us[life->pings++] = now_us;
    return LIFE_PING;
}

size_t life_payload(int64_t now_us, char out[static 24])
{
    return (size_t)snprintf(out, 24, "%" PRId64, now_us / 1000);
}

void life_pong(struct ws_life *life, const char *payload, size_t length)
{
    for (uint32_t i = 0; i < life->pings; i++) {
        char sent[24];
        if (life_payload(life->ping_us[i], sent) != length || memcmp(sent, payload, length) != 0)
            continue;
        life->pings -= i + 1;
        memmove(life->ping_us, life->ping_us + i + 1, life->pings * sizeof *life->ping_us);
        return;
    }
}

bool life_takes(struct ws_life *life, int64_t now_us)
{
    int64_t *oldest = &life->frame_us[life->frame_at];
    if (*oldest && now_us - *oldest < LIFE_SECOND_US)
        return false;
    *oldest = now_us;
    life->frame_at = (life->frame_at + 1) % LIFE_FRAMES;
    return true;
}
