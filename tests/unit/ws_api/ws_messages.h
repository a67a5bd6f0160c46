/* ws_messages.h - the messages in a frame that goes to the wire, one after the other.
 *
 * Thread:  any.
 */
#ifndef WS_MESSAGES_H
#define WS_MESSAGES_H

#include "http/ws/frame.h"

/* The message at *at, which begins as 0 and moves behind it; false at the end. */
static inline bool ws_message_next(const struct ws_frame *frame, size_t *at, const char **text,
                                   size_t *length)
{
    const unsigned char *head = (const unsigned char *)frame->bytes + *at;
    if (*at >= frame->length)
        return false;
    uint32_t more = head[1] < 126 ? 0 : head[1] == 126 ? 2 : 8;
    *length = more ? 0 : head[1];
    for (uint32_t i = 0; i < more; i++)
        *length = *length << 8 | head[2 + i];
    *text = (const char *)head + 2 + more;
    *at += 2 + more + *length;
    return true;
}

#endif
