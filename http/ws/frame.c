#include "http/ws/frame.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/check.h"

enum { FINAL_TEXT = 0x81, HEAD_MAX = 10, QUEUE_FIRST = 16 };

/* Writes the head of an unmasked text frame; returns its length. The shortest form, as §5.2 wants.
 */
static uint32_t put_head(unsigned char head[static HEAD_MAX], size_t length)
{
    uint32_t more = length < 126 ? 0 : length <= UINT16_MAX ? 2 : 8;
    head[0] = FINAL_TEXT;
    head[1] = (unsigned char)(more == 0 ? length : more == 2 ? 126 : 127);
    for (uint32_t i = 0; i < more; i++)
        head[2 + i] = (unsigned char)((uint64_t)length >> 8 * (more - 1 - i));
    return 2 + more;
}

static struct ws_frame *make(const void *head, size_t head_length, const char *rest, size_t length)
{
    struct ws_frame *frame = malloc(sizeof *frame + head_length + length);
    ASSERT(frame != NULL);
    ASSERT(length <= UINT32_MAX - HEAD_MAX);
    frame->refs = frame->messages = 1;
    frame->length = (uint32_t)(head_length + length);
    if (head_length)
        memcpy(frame->bytes, head, head_length);
    if (length)
        memcpy(frame->bytes + head_length, rest, length);
    return frame;
}

struct ws_frame *ws_frame_new(const char *text, size_t length)
{
    unsigned char head[HEAD_MAX];
    uint32_t head_length = put_head(head, length);
    return make(head, head_length, text, length);
}

void ws_frame_append(struct text *out, const char *text, size_t length)
{
    unsigned char head[HEAD_MAX];
    text_add(out, (const char *)head, put_head(head, length));
    text_add(out, text, length);
}

struct ws_frame *ws_frame_encoded(const char *bytes, size_t length, uint32_t messages)
{
    struct ws_frame *frame = make(NULL, 0, bytes, length);
    frame->messages = messages;
    return frame;
}

void ws_frame_release(struct ws_frame *frame)
{
    ASSERT(frame->refs > 0);
    if (--frame->refs == 0)
        free(frame);
}

/* ---- the queue ---- */

static void grow(struct ws_queue *queue)
{
    uint32_t room = queue->room ? 2 * queue->room : QUEUE_FIRST;
    struct ws_frame **slot = malloc(room * sizeof *slot);
    ASSERT(slot != NULL);
    for (uint32_t i = 0; i < queue->count; i++)
        slot[i] = ws_queue_at(queue, i);
    free(queue->slot);
    queue->slot = slot;
    queue->room = room;
    queue->head = 0;
}

bool ws_queue_push(struct ws_queue *queue, struct ws_frame *frame, size_t bytes_max)
{
    if (queue->bytes + frame->length + WS_FRAME_COST > bytes_max)
        return false;
    if (queue->count == queue->room)
        grow(queue);
    queue->slot[(queue->head + queue->count) & (queue->room - 1)] = frame;
    queue->count++;
    queue->bytes += frame->length + WS_FRAME_COST;
    frame->refs++;
    return true;
}

struct ws_frame *ws_queue_at(const struct ws_queue *queue, uint32_t i)
{
    ASSERT(i < queue->count);
    return queue->slot[(queue->head + i) & (queue->room - 1)];
}

static void release(struct ws_queue *queue, struct ws_frame *frame)
{
    queue->bytes -= frame->length + WS_FRAME_COST;
    ws_frame_release(frame);
}

/* A client that caught up gives back what a burst took. */
static void shrink(struct ws_queue *queue)
{
    if (queue->count || queue->room <= QUEUE_FIRST)
        return;
    free(queue->slot);
    *queue = (struct ws_queue){.bytes = queue->bytes};
}

void ws_queue_drop(struct ws_queue *queue, uint32_t count)
{
    ASSERT(count <= queue->count);
    for (uint32_t i = 0; i < count; i++)
        release(queue, ws_queue_at(queue, i));
    queue->head = (queue->head + count) & (queue->room ? queue->room - 1 : 0);
    queue->count -= count;
    shrink(queue);
}

void ws_queue_keep(struct ws_queue *queue, uint32_t count)
{
    for (; queue->count > count; queue->count--)
        release(queue, ws_queue_at(queue, queue->count - 1));
}

void ws_queue_fini(struct ws_queue *queue)
{
    ws_queue_keep(queue, 0);
    free(queue->slot);
    *queue = (struct ws_queue){0};
}
