/* fuzz_ws.c - whatever a peer sends on a WebSocket of market streams: frames, and requests in them.
 *
 * Input:   a byte of flags, then, as they say, bytes for the wire as they are, or frames to be
 *          encoded: a head (FIN and opcode), a length, the payload.
 * Checks:  what comes back are whole frames, unmasked and of the shortest form; texts are JSON;
 *          nothing follows a close; the connection is gone when its peer is.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/h2o_quiet.h"
#include "http/json.h"
#include "http/ws/control.h"
#include "http/ws/hub.h"
#include "runtime/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/world.h"

enum { RAW = 1, COMBINED = 2, LIMITED = 4, WIRE_MAX = 1 << 17, BACK_MAX = 1 << 22 };

static struct world *world;
static struct ws_hub *hub;
static h2o_loop_t *loop;
static struct json_node nodes[1 << 16];

static void begin(void)
{
    world = world_init(NULL, NULL);
    world_open(world);
    struct ingress *ingress = world_ingress(world);
    ingress->streams = streams_new(ingress);
    loop = h2o_evloop_create();
    hub = ws_hub_new(ingress, loop);
}

/* The frames that the input asks for, masked with zeros: as good as any other mask. */
static size_t encode(const uint8_t *data, size_t size, uint8_t *out)
{
    size_t length = 0;
    for (size_t at = 0; at + 3 <= size;) {
        uint8_t head = data[at];
        size_t asked = (size_t)data[at + 1] << 8 | data[at + 2], left = size - at - 3;
        size_t payload = asked < left ? asked : left;
        if (length + payload + 8 > WIRE_MAX)
            break;
        out[length++] = head & 0x8F;
        if (payload < 126) {
            out[length++] = (uint8_t)(0x80 | payload);
        } else {
            out[length++] = 0x80 | 126;
            out[length++] = (uint8_t)(payload >> 8);
            out[length++] = (uint8_t)payload;
        }
        memset(out + length, 0, 4);
        memcpy(out + length + 4, data + at + 3, payload);
        length += 4 + payload;
        at += 3 + payload;
    }
    return length;
}

/* One frame of the server's; returns its bytes. */
static size_t check_frame(uint8_t *at, size_t left, bool *closed)
{
    ASSERT(!*closed && left >= 2);
    uint8_t opcode = at[0] & 0x0F;
    size_t length = at[1], head = 2;
    ASSERT((at[0] & 0xF0) == 0x80); /* final, nothing reserved; and no mask, below */
    if (length == 126) {
        ASSERT(left >= 4);
        length = (size_t)at[2] << 8 | at[3];
        head = 4;
        ASSERT(length >= 126);
    } else {
        ASSERT(length < 126);
    }
    ASSERT(left >= head + length);
    if (opcode == 1)
        ASSERT(json_parse((char *)at + head, length, nodes, sizeof nodes / sizeof *nodes) > 0);
    else
        ASSERT(opcode == 8 || opcode == 9 || opcode == 10);
    *closed = opcode == 8;
    return head + length;
}

static void turn(void)
{
    world_turn(world);
    streams_turn(world_ingress(world)->streams, true);
    ws_hub_turn(hub);
    h2o_evloop_run(loop, 0);
}

/* What has come back, behind what there is; at most BACK_MAX. */
static size_t collect(int fd, uint8_t *back, size_t length)
{
    ssize_t got;
    while (length < BACK_MAX && (got = read(fd, back + length, BACK_MAX - length)) > 0)
        length += (size_t)got;
    return length;
}

static void talk(int fd, const uint8_t *wire, size_t length)
{
    static uint8_t back[BACK_MAX];
    size_t came = 0, sent = 0;
    bool closed = false;
    for (uint32_t i = 0; i < 64 && sent < length; i++) {
        size_t piece = length - sent < 5000 ? length - sent : 5000;
        ssize_t wrote = send(fd, wire + sent, piece, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (wrote < 0)
            break;
        sent += (size_t)wrote;
        turn();
        came = collect(fd, back, came);
    }
    for (uint32_t i = 0; i < 8; i++) {
        turn();
        came = collect(fd, back, came);
    }
    for (size_t at = 0; at < came && came < BACK_MAX;)
        at += check_frame(back + at, came - at, &closed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t wire[WIRE_MAX];
    static const char combined[] = "/stream", raw[] = "/ws";
    int pair[2];
    if (!world)
        begin();
    if (size < 1 || size > WIRE_MAX / 4)
        return 0;
    size_t length = size - 1;
    if (data[0] & RAW)
        memcpy(wire, data + 1, length);
    else
        length = encode(data + 1, size - 1, wire);
    world_ingress(world)->shared->unlimited = !(data[0] & LIMITED);
    ASSERT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    for (uint32_t i = 0; i < 2; i++)
        fcntl(pair[i], F_SETFL, O_NONBLOCK);
    h2o_socket_t *sock = h2o_evloop_socket_create(loop, pair[0], 0);
    const char *path = data[0] & COMBINED ? combined : raw;
    ws_hub_adopt(hub, sock, (struct slice){path, strlen(path)}, (struct slice){"", 0}, &stream_kind,
                 stream_open);
    talk(pair[1], wire, length);
    close(pair[1]);
    for (uint32_t i = 0; i < 16 && !ws_hub_idle(hub); i++)
        turn();
    ASSERT(ws_hub_idle(hub));
    return 0;
}
