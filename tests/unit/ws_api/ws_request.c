#define _GNU_SOURCE /* strsep */
#include "tests/unit/ws_api/ws_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/text.h"
#include "tests/fuzz/world.h"

enum { PAIRS_MAX = 64 };

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The pairs of a query string, sorted; those without a '=' are left out. */
static uint32_t split(char *text, char *pair[PAIRS_MAX])
{
    uint32_t count = 0;
    for (char *at = text, *one; count < PAIRS_MAX && (one = strsep(&at, "&"));)
        if (strchr(one, '='))
            pair[count++] = one;
    qsort(pair, count, sizeof *pair, by_text);
    return count;
}

static void sign(struct world *world, uint32_t nth, char *const pair[], uint32_t count,
                 char hex[64])
{
    struct text text = {0};
    for (uint32_t i = 0; i < count; i++) {
        text_str(&text, i ? "&" : "");
        text_str(&text, pair[i]);
    }
    world_sign(world, nth, text.data, text.length, hex);
    free(text.data);
}

/* As JSON, in any order but the sorted one. */
const char *ws_signed_request(struct world *world, uint32_t nth, const char *method,
                              const char *params)
{
    static struct text request;
    char text[WS_REQUEST_PARAMS], hex[64], *pair[PAIRS_MAX];
    snprintf(text, sizeof text, "apiKey=%.64s&timestamp=%lld%s%s", world_key(world, nth),
             (long long)world_now_ms(world), params[0] ? "&" : "", params);
    uint32_t count = split(text, pair);
    sign(world, nth, pair, count, hex);
    request.length = 0;
    text_str(&request, "{\"id\":1,\"method\":");
    text_quoted(&request, method, strlen(method));
    text_str(&request, ",\"params\":{");
    while (count-- > 0) {
        const char *value = strchr(pair[count], '=');
        text_quoted(&request, pair[count], (size_t)(value - pair[count]));
        text_str(&request, ":");
        text_quoted(&request, value + 1, strlen(value + 1));
        text_str(&request, ",");
    }
    text_str(&request, "\"signature\":\"");
    text_add(&request, hex, sizeof hex);
    text_add(&request, "\"}}", 4);
    return request.data;
}
