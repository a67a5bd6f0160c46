/* control.h - what a client says on a market stream connection: SUBSCRIBE and its like (API §1.6).
 *
 * Thread:  the ingress core's.
 * Source:  Binance's public documentation of WebSocket streams, for the methods and error texts.
 */
#ifndef WS_CONTROL_H
#define WS_CONTROL_H

#include "http/ws/stream.h"

enum {
    /* 1,024 names of 37 bytes, the longest kline's with a time zone, in quotes and with commas. */
    CONTROL_MESSAGE_MAX = 41 << 10,
    CONTROL_NODES_MAX = 2 * STREAMS_PER_CLIENT
};

/* Does what the message asks for and writes the answer behind what `out` has. */
void control_answer(struct stream_client *client, char *message, size_t length, struct text *out);

#endif
