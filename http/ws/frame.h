/* frame.h - WebSocket frames on their way out, and the bounded queue of them that a client has.
 *
 * Thread:  the ingress core's: references are counted without atomics.
 * Memory:  a frame is one block, shared by all queues it stands in; a queue holds pointers.
 * Source:  RFC 6455 §5.2. A server masks nothing, and every message here is one frame.
 */
#ifndef WS_FRAME_H
#define WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/text.h"

struct ws_frame {
    uint32_t refs, length, messages; /* messages: one, or several behind each other */
    char bytes[];                    /* as they go to the wire */
};

/* One text message, encoded; the caller has one reference. Expects: length <= UINT32_MAX - 10. */
struct ws_frame *ws_frame_new(const char *text, size_t length);

/* Encodes one more text message behind what is there. */
void ws_frame_append(struct text *out, const char *text, size_t length);

/* Of bytes that are encoded already: so many messages. */
struct ws_frame *ws_frame_encoded(const char *bytes, size_t length, uint32_t messages);

void ws_frame_release(struct ws_frame *frame);

/* ---- what waits for one client ---- */

enum {
    WS_FRAME_COST = 64
}; /* what a frame counts beside its bytes, so that small ones cost, too */

struct ws_queue {
    struct ws_frame **slot; /* a ring of `room`, a power of two */
    uint32_t head, count, room;
    size_t bytes; /* with WS_FRAME_COST for each */
};

/* Appends the frame and takes a reference; false, and nothing is changed, where the queue would
 * hold more than `bytes_max`. */
bool ws_queue_push(struct ws_queue *queue, struct ws_frame *frame, size_t bytes_max);

/* The i-th from the front. Expects: i < count. */
struct ws_frame *ws_queue_at(const struct ws_queue *queue, uint32_t i);

/* Takes `count` frames off the front, or all but `count`, and releases them. */
void ws_queue_drop(struct ws_queue *queue, uint32_t count);
void ws_queue_keep(struct ws_queue *queue, uint32_t count);

/* Releases everything. */
void ws_queue_fini(struct ws_queue *queue);

#endif
