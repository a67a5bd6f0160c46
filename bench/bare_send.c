/* bare_send.c - the yardstick of market streams: a loop of send() to as many sockets.
 *
 * Use:     bare_send --port-file FILE --sample FILE --a-write K --rate R --seconds S --count N
 * Method:  N connections are accepted, and each handshake answered with one constant 101:
 *          subscribers uses one key. Then, R times a second, a batch of K messages (a fraction
 *          carries over) is made once and sent to each by a send() of its own, to sockets with the
 *          send buffer that Castle gives its own. The messages are those of the sample, which
 *          Castle told, over and over, with time and ids made anew, so that the reader can check
 *          and measure them as it does Castle's. A batch that is late is sent at once.
 * Talk:    the port is written to FILE by rename; a line on stdin begins; then JSON on stdout: the
 *          trades and the update that were sent, batches and bytes. The connections stay until
 *          stdin ends.
 * Thread:  one, not pinned (taskset).
 * Exit:    0; 1 when a connection broke; 2 for bad arguments.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/measure.h"
#include "http/ws/hub.h"
#include "runtime/check.h"

enum { MESSAGES_MAX = 4096, MESSAGE_MAX = 64 << 10, BATCH_MAX = 4 << 20 };

struct told {
    char *text;
    size_t length;
};

static struct {
    const char *port_file, *sample;
    double a_write, rate, seconds;
    uint32_t count;
    int *socket;
    struct told message[MESSAGES_MAX];
    uint32_t messages;
    char batch[BATCH_MAX];
    size_t batch_bytes;
    uint64_t sent; /* messages, of those that are made */
    uint64_t trade, update;
} bare = {.trade = 0, .update = 1000};

static void die(const char *what)
{
    fprintf(stderr, "bare_send: %s\n", what);
    exit(1);
}

static void read_sample(void)
{
    static char line[MESSAGE_MAX];
    FILE *file = fopen(bare.sample, "re");
    while (file && bare.messages < MESSAGES_MAX && fgets(line, sizeof line, file)) {
        size_t length = strcspn(line, "\n");
        bare.message[bare.messages++] = (struct told){strndup(line, length), length};
    }
    if (!file || !bare.messages)
        die("the sample cannot be read");
    fclose(file);
}

/* ---- connections ---- */

static int listen_anywhere(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    char text[4096], name[4096];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, length) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &length) != 0)
        die("cannot listen");
    snprintf(name, sizeof name, "%s.new", bare.port_file);
    snprintf(text, sizeof text, "%u\n", ntohs(at.sin_port));
    FILE *file = fopen(name, "we");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0 || rename(name, bare.port_file) != 0)
        die("cannot write the port");
    return fd;
}

/* The request is not looked at: subscribers sends one, whole, and waits. */
static void shake_hands(int fd)
{
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                 "Connection: Upgrade\r\n"
                                 "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    char request[4096];
    size_t have = 0;
    while (have < 4 || memcmp(request + have - 4, "\r\n\r\n", 4) != 0) {
        ssize_t got =
            have < sizeof request ? recv(fd, request + have, sizeof request - have, 0) : 0;
        if (got <= 0)
            die("a connection ended inside its handshake");
        have += (size_t)got;
    }
    if (send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) != sizeof answer - 1)
        die("a connection broke");
}

static void accept_all(void)
{
    struct rlimit files;
    int listener, buffer = WS_SEND_BUFFER, on = 1;
    ASSERT(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = files.rlim_max;
    ASSERT(setrlimit(RLIMIT_NOFILE, &files) == 0);
    listener = listen_anywhere();
    for (uint32_t i = 0; i < bare.count; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            die("cannot accept a connection");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
        shake_hands(fd);
        bare.socket[i] = fd;
    }
    close(listener);
}

/* ---- batches ---- */

/* The text with the number behind `name`, where it has one, replaced by `value`. */
static size_t put_number(char *text, size_t length, const char *name, uint64_t value)
{
    char digits[24];
    char *at = memmem(text, length, name, strlen(name));
    if (!at)
        return length;
    at += strlen(name);
    size_t old = strspn(at, "0123456789"),
           new = (size_t)snprintf(digits, sizeof digits, "%lu", value);
    memmove(at + new, at + old, (size_t)(text + length - at) - old);
    memcpy(at, digits, new);
    return length + new - old;
}

/* With time and ids of now: each trade is the next one, each change of the book one update. */
static size_t renew(char *text, size_t length, uint64_t now_us)
{
    text[length] = 0; /* strspn() ends there */
    length = put_number(text, length, "\"E\":", now_us);
    if (strncmp(text, "{\"e\":\"trade\"", 12) == 0) {
        length = put_number(text, length, "\"t\":", ++bare.trade);
        return put_number(text, length, "\"T\":", now_us);
    }
    length = put_number(text, length, "\"U\":", ++bare.update); /* of depth events alone */
    return put_number(text, length, "\"u\":", bare.update);
}

static void add_message(const struct told *message, uint64_t now_us)
{
    static char text[MESSAGE_MAX + 64];
    memcpy(text, message->text, message->length);
    size_t length = renew(text, message->length, now_us);
    ASSERT(bare.batch_bytes + length + 4 <= BATCH_MAX);
    unsigned char *out = (unsigned char *)bare.batch + bare.batch_bytes;
    size_t head = 2;
    out[0] = 0x81;
    out[1] = (unsigned char)length;
    if (length >= 126) {
        out[1] = 126;
        out[2] = (unsigned char)(length >> 8);
        out[3] = (unsigned char)length;
        head = 4;
    }
    memcpy(out + head, text, length);
    bare.batch_bytes += head + length;
}

static uint64_t real_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void send_batch(void)
{
    for (uint32_t i = 0; i < bare.count; i++)
        for (size_t at = 0; at < bare.batch_bytes;) {
            ssize_t put =
                send(bare.socket[i], bare.batch + at, bare.batch_bytes - at, MSG_NOSIGNAL);
            if (put < 0 && errno != EINTR)
                die("a connection broke");
            at += put < 0 ? 0 : (size_t)put;
        }
}

static void run(void)
{
    uint64_t batches = (uint64_t)(bare.rate * bare.seconds + 0.5), bytes = 0,
             start = measure_now_ns();
    for (uint64_t i = 0; i < batches; i++) {
        uint64_t due = start + (uint64_t)((double)i * 1e9 / bare.rate);
        struct timespec until = {(time_t)(due / 1000000000), (long)(due % 1000000000)};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
            ;
        uint64_t now_us = real_us(), upto = (uint64_t)((double)(i + 1) * bare.a_write + 0.5);
        for (bare.batch_bytes = 0; bare.sent < upto; bare.sent++)
            add_message(&bare.message[bare.sent % bare.messages], now_us);
        send_batch();
        bytes += bare.batch_bytes * bare.count;
    }
    printf("{\"trades\": %lu, \"update\": %lu, \"batches\": %lu, \"bytes\": %lu}\n", bare.trade,
           bare.update, batches, bytes);
    fflush(stdout);
}

static bool parse(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--port-file") == 0)
            bare.port_file = value;
        else if (strcmp(name, "--sample") == 0)
            bare.sample = value;
        else if (strcmp(name, "--a-write") == 0)
            bare.a_write = strtod(value, NULL);
        else if (strcmp(name, "--rate") == 0)
            bare.rate = strtod(value, NULL);
        else if (strcmp(name, "--seconds") == 0)
            bare.seconds = strtod(value, NULL);
        else if (strcmp(name, "--count") == 0)
            bare.count = (uint32_t)strtoul(value, NULL, 10);
        else
            return false;
    }
    return argc % 2 == 1 && bare.port_file && bare.sample && bare.a_write >= 1 && bare.rate > 0 &&
           bare.seconds > 0 && bare.count > 0;
}

int main(int argc, char **argv)
{
    char line[16];
    if (!parse(argc, argv)) {
        fprintf(stderr, "usage: bare_send --port-file FILE --sample FILE --a-write K --rate R "
                        "--seconds S --count N\n");
        return 2;
    }
    read_sample();
    bare.socket = calloc(bare.count, sizeof *bare.socket);
    ASSERT(bare.socket != NULL);
    accept_all();
    if (fgets(line, sizeof line, stdin))
        run();
    while (fgets(line, sizeof line, stdin))
        ;
    return 0;
}
