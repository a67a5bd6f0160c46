#include "http/ws/socket.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <wslay/wslay.h>

#include "http/h2o_quiet.h"
#include "http/ws/handshake.h"
#include "http/ws/hub.h"
#include "http/ws/life.h"
#include "runtime/check.h"

enum { WRITE_FRAMES = 64, WRITE_BYTES = 64 << 10, MESSAGE_MAX = 16 << 10 };

struct ws_hub {
    struct ingress *ingress;
    h2o_linklist_t open;   /* by when their next ping is due: it is the same time for all */
    h2o_linklist_t ending; /* a close frame was sent or came; by deadline */
    h2o_linklist_t active; /* something to write, or to end */
    h2o_loop_t *loop;
    h2o_timeout_t flush; /* see flush() */
    h2o_timeout_entry_t flush_entry;
    struct text control; /* scratch: what wslay answers */
    uint32_t count;
    bool draining;
};

struct ws {
    h2o_linklist_t timed, active; /* in hub->open or hub->ending; in hub->active */
    struct ws_hub *hub;
    const struct ws_kind *kind;
    void (*opened)(struct ws *ws);
    void *data;
    h2o_socket_t *sock;
    wslay_event_context_ptr in;
    struct ws_queue queue;
    uint32_t writing; /* of the queue's first frames: in the write under way */
    size_t writing_bytes;
    struct ws_life life;
    int64_t due_us; /* of its place in a timed list */
    struct address client;
    uint32_t fragments;
    bool ending, heard; /* heard: the peer has said that it closes, or cannot be understood */
    bool half_closed, gone;
    size_t path, query; /* lengths in url */
    char url[];         /* path and query, one behind the other */
};

struct ingress *ws_ingress(const struct ws *ws)
{
    return ws->hub->ingress;
}

void *ws_data(const struct ws *ws)
{
    return ws->data;
}

void ws_set_data(struct ws *ws, void *data)
{
    ws->data = data;
}

struct slice ws_path(const struct ws *ws)
{
    return (struct slice){ws->url, ws->path};
}

struct slice ws_query(const struct ws *ws)
{
    return (struct slice){ws->url + ws->path, ws->query};
}

const struct address *ws_client(const struct ws *ws)
{
    return &ws->client;
}

static struct ws_counts *counts_of(const struct ws *ws)
{
    return &ws->hub->ingress->counts.ws;
}

static int64_t now_of(const struct ws *ws)
{
    return ws->hub->ingress->core->now_us;
}

/* ---- out ---- */

static void activate(struct ws *ws)
{
    if (!h2o_linklist_is_linked(&ws->active))
        h2o_linklist_insert(&ws->hub->active, &ws->active);
}

static void time_at(struct ws *ws, h2o_linklist_t *list, int64_t due_us)
{
    if (h2o_linklist_is_linked(&ws->timed))
        h2o_linklist_unlink(&ws->timed);
    ws->due_us = due_us;
    h2o_linklist_insert(list, &ws->timed); /* to the end */
}

/* From now on nothing is sent but what waits, and it ends when that is out, or at the deadline. */
static void begin_to_end(struct ws *ws)
{
    if (ws->ending)
        return;
    ws->ending = true;
    time_at(ws, &ws->hub->ending, now_of(ws) + WS_END_US);
    activate(ws);
}

/* There is nobody to talk to: the next turn frees it. */
static void lose(struct ws *ws)
{
    ws->gone = true;
    if (h2o_linklist_is_linked(&ws->timed))
        h2o_linklist_unlink(&ws->timed);
    activate(ws);
}

static void note_queued(struct ws *ws, const struct ws_frame *frame)
{
    counter_add(&counts_of(ws)->frames, frame->messages);
    counter_add(&counts_of(ws)->bytes, frame->length);
    activate(ws);
}

static ssize_t on_control(wslay_event_context_ptr in, const uint8_t *data, size_t length, int flags,
                          void *user)
{
    struct ws *ws = user;
    (void)in;
    (void)flags;
    text_add(&ws->hub->control, (const char *)data, length);
    return (ssize_t)length;
}

/* Control frames are let in beyond the budget of messages, or a client could not be told that it is
 * over it. */
static void put_control(struct ws *ws, const char *bytes, size_t length)
{
    struct ws_frame *frame = ws_frame_encoded(bytes, length, 1);
    size_t most = ws->kind->waiting_max ? ws->kind->waiting_max : WS_QUEUE_BYTES;
    if (ws_queue_push(&ws->queue, frame, most + MESSAGE_MAX))
        note_queued(ws, frame);
    else
        lose(ws);
    ws_frame_release(frame);
}

/* Takes the control frames that wslay has made into the queue: pongs, pings, a close. */
static void take_control(struct ws *ws)
{
    struct text *text = &ws->hub->control;
    text->length = 0;
    wslay_event_send(ws->in);
    if (text->length)
        put_control(ws, text->data, text->length);
    if (!ws->gone && wslay_event_get_close_sent(ws->in))
        begin_to_end(ws);
}

void ws_close(struct ws *ws, uint16_t code, const char *reason)
{
    if (ws->ending || ws->gone)
        return;
    ASSERT(strlen(reason) <= 123); /* RFC 6455 §5.5 */
    wslay_event_queue_close(ws->in, code, (const uint8_t *)reason, strlen(reason));
    take_control(ws);
}

/* What waits is not sent any more; what is being written must be, or the frame would be torn. */
static void close_slow(struct ws *ws)
{
    counter_add(&counts_of(ws)->slow, 1);
    ws_queue_keep(&ws->queue, ws->writing);
    ws_close(ws, WS_POLICY, "Too slow: more waits for you than we keep.");
}

bool ws_send_frame(struct ws *ws, struct ws_frame *frame)
{
    if (ws->ending || ws->gone)
        return false;
    size_t most = ws->kind->waiting_max ? ws->kind->waiting_max : WS_QUEUE_BYTES;
    if (!ws_queue_push(&ws->queue, frame, most)) {
        close_slow(ws);
        return false;
    }
    note_queued(ws, frame);
    return true;
}

bool ws_send(struct ws *ws, const char *text, size_t length)
{
    struct ws_frame *frame = ws_frame_new(text, length);
    bool sent = ws_send_frame(ws, frame);
    ws_frame_release(frame);
    return sent;
}

size_t ws_backlog(const struct ws *ws)
{
    return ws->writing ? ws->queue.bytes : 0;
}

size_t ws_waiting(const struct ws *ws)
{
    return ws->queue.bytes;
}

static void on_written(h2o_socket_t *sock, const char *err);

static bool write_some(struct ws *ws)
{
    h2o_iovec_t bufs[WRITE_FRAMES];
    size_t bytes = 0;
    uint32_t count = 0;
    if (ws->writing || !ws->queue.count)
        return false;
    for (; count < WRITE_FRAMES && count < ws->queue.count && bytes < WRITE_BYTES; count++) {
        struct ws_frame *frame = ws_queue_at(&ws->queue, count);
        bufs[count] = h2o_iovec_init(frame->bytes, frame->length);
        bytes += frame->length;
    }
    ws->writing = count;
    ws->writing_bytes = bytes + count * WS_FRAME_COST;
    h2o_socket_write(ws->sock, bufs, count, on_written);
    return true;
}

static void on_written(h2o_socket_t *sock, const char *err)
{
    struct ws *ws = sock->data;
    ws_queue_drop(&ws->queue, ws->writing);
    ws->writing = 0;
    if (err)
        lose(ws);
    else if (ws->gone || ws->ending || !write_some(ws))
        activate(ws);
}

/* ---- in ---- */

static ssize_t on_receive(wslay_event_context_ptr in, uint8_t *out, size_t room, int flags,
                          void *user)
{
    struct ws *ws = user;
    size_t length = ws->sock->input->size;
    (void)flags;
    if (length == 0) {
        wslay_event_set_error(in, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    if (length > room)
        length = room;
    memcpy(out, ws->sock->input->bytes, length);
    h2o_buffer_consume(&ws->sock->input, length);
    return (ssize_t)length;
}

static void on_frame(wslay_event_context_ptr in,
                     const struct wslay_event_on_frame_recv_start_arg *frame, void *user)
{
    struct ws *ws = user;
    if (wslay_is_ctrl_frame(frame->opcode))
        return;
    ws->fragments = frame->opcode == WSLAY_CONTINUATION_FRAME ? ws->fragments + 1 : 0;
    if (ws->fragments <= WS_FRAGMENTS_MAX)
        return;
    ws_close(ws, WS_POLICY, "Too many fragments.");
    wslay_event_shutdown_read(in); /* those that follow would cost memory, too */
}

static void on_message(wslay_event_context_ptr in, const struct wslay_event_on_msg_recv_arg *msg,
                       void *user)
{
    struct ws *ws = user;
    bool counts = msg->opcode != WSLAY_CONNECTION_CLOSE &&
                  (wslay_is_ctrl_frame(msg->opcode) || ws->kind->limits_text);
    (void)in;
    if (ws->ending || msg->opcode == WSLAY_CONNECTION_CLOSE)
        return;
    if (counts && !ws->hub->ingress->shared->unlimited && !life_takes(&ws->life, now_of(ws))) {
        ws_close(ws, WS_POLICY, "Too many requests");
        return;
    }
    if (msg->opcode == WSLAY_PING)
        take_control(ws); /* the pong comes before the answer to what follows */
    else if (msg->opcode == WSLAY_PONG)
        life_pong(&ws->life, (const char *)msg->msg, msg->msg_length);
    else if (msg->opcode == WSLAY_BINARY_FRAME)
        ws_close(ws, WS_UNSUPPORTED, "Messages are JSON, in text frames.");
    else if (msg->opcode == WSLAY_TEXT_FRAME) /* wslay's own copy, freed after this call */
        ws->kind->text(ws, msg->msg_length ? (char *)(uintptr_t)msg->msg : (char[]){""},
                       msg->msg_length);
}

/* wslay answers what is no frame at all with a close that has no code: ours says which. */
static void close_unreadable(struct ws *ws)
{
    static const unsigned char close_1002[] = {0x88, 2, WS_PROTOCOL_ERROR >> 8,
                                               WS_PROTOCOL_ERROR & 0xFF};
    if (!ws->ending)
        put_control(ws, (const char *)close_1002, sizeof close_1002);
}

/* Reads what has come. Once the peer has closed, or cannot be understood, the rest is dropped. */
static void take_in(struct ws *ws)
{
    if (!ws->gone && !ws->heard) {
        int result = wslay_event_recv(ws->in);
        if (result == WSLAY_ERR_CALLBACK_FAILURE)
            close_unreadable(ws);
        else if (result == 0)
            take_control(ws);
        else
            lose(ws);
        ws->heard = !wslay_event_get_read_enabled(ws->in);
    }
    if (!ws->heard)
        return;
    h2o_buffer_consume(&ws->sock->input, ws->sock->input->size);
    if (!ws->gone)
        begin_to_end(ws);
    activate(ws);
}

static void on_read(h2o_socket_t *sock, const char *err)
{
    struct ws *ws = sock->data;
    if (!err) {
        take_in(ws);
        return;
    }
    h2o_socket_read_stop(sock);
    lose(ws);
}

/* ---- a connection's beginning and end ---- */

static void ws_free(struct ws *ws)
{
    struct ws_hub *hub = ws->hub;
    if (h2o_linklist_is_linked(&ws->timed))
        h2o_linklist_unlink(&ws->timed);
    if (h2o_linklist_is_linked(&ws->active))
        h2o_linklist_unlink(&ws->active);
    hub->count--;
    counter_set(&hub->ingress->counts.ws.open, hub->count);
    if (ws->sock) {
        ws->kind->closed(ws);
        h2o_socket_close(ws->sock);
    }
    ws_queue_fini(&ws->queue);
    wslay_event_context_free(ws->in);
    free(ws);
}

static struct ws *ws_new(struct ws_hub *hub, struct slice path, struct slice query,
                         const struct address *client, const struct ws_kind *kind)
{
    static const struct wslay_event_callbacks callbacks = {.recv_callback = on_receive,
                                                           .send_callback = on_control,
                                                           .on_frame_recv_start_callback = on_frame,
                                                           .on_msg_recv_callback = on_message};
    struct ws *ws = calloc(1, sizeof *ws + path.length + query.length);
    ASSERT(ws != NULL);
    ws->hub = hub;
    ws->kind = kind;
    ws->client = *client;
    ws->path = path.length;
    ws->query = query.length;
    memcpy(ws->url, path.data, path.length);
    memcpy(ws->url + path.length, query.data, query.length);
    ASSERT(wslay_event_context_server_init(&ws->in, &callbacks, ws) == 0);
    wslay_event_config_set_max_recv_msg_length(ws->in,
                                               kind->message_max ? kind->message_max : MESSAGE_MAX);
    hub->count++;
    counter_set(&hub->ingress->counts.ws.open, hub->count);
    counter_add(&hub->ingress->counts.ws.opened, 1);
    return ws;
}

/* The socket is ours, and what it has read already. */
static void adopt(struct ws *ws, h2o_socket_t *sock)
{
    int buffer = WS_SEND_BUFFER;
    ws->sock = sock;
    sock->data = ws;
    setsockopt(h2o_socket_get_fd(sock), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    ws->life.opened_us = now_of(ws);
    time_at(ws, &ws->hub->open, now_of(ws) + LIFE_PING_US);
    ws->opened(ws);
    h2o_socket_read_start(sock, on_read);
    take_in(ws); /* what was sent right behind the handshake */
    if (ws->hub->draining)
        ws->kind->drain(ws);
}

void ws_hub_adopt(struct ws_hub *hub, h2o_socket_t *sock, struct slice path, struct slice query,
                  const struct ws_kind *kind, void (*opened)(struct ws *ws))
{
    struct ws *ws = ws_new(hub, path, query, &(struct address){.byte = {1}}, kind);
    ws->opened = opened;
    adopt(ws, sock);
}

/* 101 is out: the socket's input begins with the request. */
static void on_upgraded(void *user, h2o_socket_t *sock, size_t request)
{
    struct ws *ws = user;
    if (!sock) { /* the client has left */
        ws_free(ws);
        return;
    }
    h2o_buffer_consume(&sock->input, request);
    adopt(ws, sock);
}

void ws_hub_upgrade(struct ws_hub *hub, h2o_req_t *req, const char *key,
                    const struct address *client, const struct ws_kind *kind,
                    void (*opened)(struct ws *ws))
{
    char accept[HANDSHAKE_ACCEPT_BYTES];
    struct slice path = {req->path.base, req->path.len}, query = {"", 0};
    if (req->query_at != SIZE_MAX) {
        path.length = req->query_at;
        query = (struct slice){path.data + path.length + 1, req->path.len - path.length - 1};
    }
    struct ws *ws = ws_new(hub, path, query, client, kind);
    ws->opened = opened;
    handshake_accept(key, accept);
    h2o_iovec_t value = h2o_strdup(&req->pool, accept, strlen(accept));
    req->res.status = 101;
    req->res.reason = "Switching Protocols";
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_UPGRADE, NULL, H2O_STRLIT("websocket"));
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("sec-websocket-accept"), 0,
                          "Sec-WebSocket-Accept", value.base, value.len);
    h2o_http1_upgrade(req, NULL, 0, on_upgraded, ws);
}

bool ws_hub_admits(struct ws_hub *hub, uint64_t address)
{
    struct ingress_shared *shared = hub->ingress->shared;
    uint32_t window = (uint32_t)(hub->ingress->core->now_us / WS_OPENED_US);
    return shared->unlimited || tally_add(&shared->opened, address, window, 1) <= WS_OPENED_MAX;
}

/* ---- the turn ---- */

static void ping(struct ws *ws)
{
    int64_t now_us = now_of(ws);
    char payload[24];
    switch (life_due(&ws->life, now_us)) {
    case LIFE_OLD:
        ws_close(ws, WS_GOING_AWAY, "24 hours are over.");
        return;
    case LIFE_SILENT:
        counter_add(&counts_of(ws)->silent, 1);
        ws_close(ws, WS_POLICY, "No pong within 60 seconds.");
        return;
    case LIFE_PING:
        break;
    }
    struct wslay_event_msg msg = {.opcode = WSLAY_PING, .msg = (uint8_t *)payload};
    msg.msg_length = life_payload(now_us, payload);
    wslay_event_queue_msg(ws->in, &msg);
    time_at(ws, &ws->hub->open, now_us + LIFE_PING_US);
    take_control(ws);
}

static struct ws *first_timed(h2o_linklist_t *list, int64_t now_us)
{
    if (h2o_linklist_is_empty(list))
        return NULL;
    struct ws *ws = H2O_STRUCT_FROM_MEMBER(struct ws, timed, list->next);
    return ws->due_us <= now_us ? ws : NULL;
}

/* What it waits for to end: the write of the close frame, then the peer's end. */
static void end(struct ws *ws)
{
    if (ws->writing || ws->queue.count)
        return;
    if (wslay_event_get_close_received(ws->in))
        lose(ws);
    if (ws->gone || !ws->heard || ws->half_closed)
        return;
    /* close(2) with input unread would be a reset, which can take the close frame with it */
    ws->half_closed = true;
    shutdown(h2o_socket_get_fd(ws->sock), SHUT_WR);
}

/* What may wait behind a write that the peer does not take. */
static size_t budget_of(const struct ws *ws)
{
    return ws->kind->waiting_max ? ws->kind->waiting_max : WS_BUDGET_BYTES;
}

static void act(struct ws *ws)
{
    h2o_linklist_unlink(&ws->active);
    if (!ws->gone && !ws->ending && ws->writing &&
        ws->queue.bytes - ws->writing_bytes > budget_of(ws))
        close_slow(ws);
    if (!ws->gone)
        write_some(ws);
    if (!ws->gone && ws->ending)
        end(ws);
    if (ws->gone)
        ws_free(ws);
}

/* Writes and ends. h2o 2.2.5 loses track of a socket whose write is complete at once outside its
 * loop, when it still polls that socket for an earlier write: the loop then finds it writable with
 * nobody to tell, and aborts. A timeout's callback is followed by those of complete writes, so this
 * is one, and is run by the turn, at any time of the clock. */
static void flush(h2o_timeout_entry_t *entry)
{
    struct ws_hub *hub = H2O_STRUCT_FROM_MEMBER(struct ws_hub, flush_entry, entry);
    h2o_linklist_t acting;
    h2o_linklist_init_anchor(&acting);
    h2o_linklist_insert_list(&acting, &hub->active); /* what activates itself again: next turn */
    while (!h2o_linklist_is_empty(&acting))
        act(H2O_STRUCT_FROM_MEMBER(struct ws, active, acting.next));
}

bool ws_hub_turn(struct ws_hub *hub)
{
    int64_t now_us = hub->ingress->core->now_us;
    struct ws *ws;
    while ((ws = first_timed(&hub->open, now_us)))
        ping(ws);
    while ((ws = first_timed(&hub->ending, now_us)))
        lose(ws);
    if (hub->draining && hub->ingress->calls == 0)
        while (!h2o_linklist_is_empty(&hub->open)) /* closing takes it out of this list */
            ws_close(H2O_STRUCT_FROM_MEMBER(struct ws, timed, hub->open.next), WS_GOING_AWAY,
                     "The server shuts down.");
    h2o_timeout_link(hub->loop, &hub->flush, &hub->flush_entry);
    h2o_timeout_run(hub->loop, &hub->flush, UINT64_MAX);
    return !h2o_linklist_is_empty(&hub->active);
}

struct ws_hub *ws_hub_new(struct ingress *ingress, h2o_loop_t *loop)
{
    struct ws_hub *hub = calloc(1, sizeof *hub);
    ASSERT(hub != NULL);
    hub->ingress = ingress;
    hub->loop = loop;
    h2o_linklist_init_anchor(&hub->open);
    h2o_linklist_init_anchor(&hub->ending);
    h2o_linklist_init_anchor(&hub->active);
    h2o_timeout_init(loop, &hub->flush, 0);
    hub->flush_entry.cb = flush;
    ingress->ws = hub;
    return hub;
}

/* ---- for an operator ---- */

static uint32_t place(const struct ws *ws, struct ws_row *rows, uint32_t count, uint32_t room)
{
    uint32_t at = count;
    while (at > 0 && rows[at - 1].waiting < ws->queue.bytes)
        at--;
    if (at == room)
        return count;
    count += count < room;
    memmove(&rows[at + 1], &rows[at], (count - at - 1) * sizeof *rows);
    rows[at] = (struct ws_row){.client = ws->client,
                               .kind = ws->kind->name,
                               .opened_us = ws->life.opened_us,
                               .waiting = ws->queue.bytes,
                               .budget = budget_of(ws),
                               .subscriptions = ws->kind->subscriptions(ws),
                               .core = ws->hub->ingress->core->id,
                               .behind = ws->writing != 0};
    return count;
}

uint32_t ws_hub_slowest(const struct ws_hub *hub, struct ws_row *rows, uint32_t count,
                        uint32_t room)
{
    for (const h2o_linklist_t *at = hub->open.next; at != &hub->open; at = at->next)
        count = place(H2O_STRUCT_FROM_MEMBER(struct ws, timed, at), rows, count, room);
    return count;
}

void ws_hub_drain(struct ws_hub *hub)
{
    hub->draining = true;
    for (h2o_linklist_t *at = hub->open.next, *next; at != &hub->open; at = next) {
        next = at->next;
        struct ws *ws = H2O_STRUCT_FROM_MEMBER(struct ws, timed, at);
        ws->kind->drain(ws);
    }
}

bool ws_hub_idle(const struct ws_hub *hub)
{
    return hub->count == 0;
}
