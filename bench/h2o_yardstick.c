/* h2o_yardstick.c - h2o with a trivial handler, answering the GET or POST that Castle answers.
 *
 * Use:     h2o_yardstick PORT_FILE ANSWER_FILE
 * Method:  one thread; the set-up of http/server.c, its small buffers (PARTS §4) and allocator
 * included. Any GET, and any POST with a body, is answered 200 with the bytes of ANSWER_FILE, one
 * of Castle's own answers, so that both servers send as much. What the ratio of the two then says
 * is what an exchange costs. Binds 127.0.0.1 on a free port, which it writes to PORT_FILE by
 * rename. Exit:    only by a signal; 1 when it cannot start, 2 for bad arguments.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/h2o_quiet.h"

enum { ANSWER_MAX = 16384 };

static h2o_globalconf_t conf;
static h2o_context_t ctx;
static h2o_accept_ctx_t accept_ctx;
static char answer[ANSWER_MAX];
static size_t answer_bytes;

static int on_request(h2o_handler_t *handler, h2o_req_t *req)
{
    static h2o_generator_t generator;
    (void)handler;
    bool get = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("GET"));
    bool post = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("POST"));
    if (!get && !(post && req->entity.len))
        return -1; /* 404: a load that does not post what it should is a mistake */
    h2o_iovec_t body = h2o_strdup(&req->pool, answer, answer_bytes);
    req->res.status = 200;
    req->res.reason = "OK";
    req->res.content_length = answer_bytes;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/json;charset=UTF-8"));
    h2o_start_response(req, &generator);
    h2o_send(req, &body, 1, H2O_SEND_STATE_FINAL);
    return 0;
}

static void on_accept(h2o_socket_t *listener, const char *error)
{
    h2o_socket_t *sock;
    if (error)
        return;
    while ((sock = h2o_evloop_socket_accept(listener)))
        h2o_accept(&accept_ctx, sock);
}

/* A listening socket on a free port, or -1. */
static int bind_any(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, length) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &length) != 0)
        return -1;
    *port = ntohs(at.sin_port);
    return fd;
}

static bool write_port(const char *path, uint16_t port)
{
    char temp[4096];
    snprintf(temp, sizeof temp, "%s.new", path);
    FILE *file = fopen(temp, "we");
    bool ok = file && fprintf(file, "%u\n", port) > 0;
    ok = file && fclose(file) == 0 && ok;
    return ok && rename(temp, path) == 0;
}

static bool read_answer(const char *path)
{
    FILE *file = fopen(path, "re");
    answer_bytes = file ? fread(answer, 1, sizeof answer, file) : 0;
    if (file)
        fclose(file);
    return answer_bytes > 0 && answer_bytes < sizeof answer;
}

int main(int argc, char **argv)
{
    uint16_t port;
    if (argc != 3) {
        fprintf(stderr, "usage: h2o_yardstick PORT_FILE ANSWER_FILE\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    if (!read_answer(argv[2])) {
        fprintf(stderr, "h2o_yardstick: cannot read an answer of 1 to %d bytes from %s\n",
                ANSWER_MAX - 1, argv[2]);
        return 1;
    }
    int fd = bind_any(&port);
    if (fd < 0) {
        perror("h2o_yardstick: cannot listen");
        return 1;
    }
    h2o_socket_buffer_prototype.allocator.max = 2048;
    h2o_socket_buffer_prototype._initial_buf.capacity = 1024;
    h2o_config_init(&conf);
    conf.server_name = h2o_iovec_init(H2O_STRLIT("castle"));
    conf.http1.req_timeout = 5000;
    conf.http2.idle_timeout = 30000;
    h2o_hostconf_t *host =
        h2o_config_register_host(&conf, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    h2o_handler_t *handler = h2o_create_handler(path, sizeof *handler);
    handler->on_req = on_request;
    h2o_loop_t *loop = h2o_evloop_create();
    h2o_context_init(&ctx, loop, &conf);
    accept_ctx = (h2o_accept_ctx_t){.ctx = &ctx, .hosts = conf.hosts};
    h2o_socket_t *listener = h2o_evloop_socket_create(loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(listener, on_accept);
    if (!write_port(argv[1], port)) {
        perror("h2o_yardstick: cannot write the port file");
        return 1;
    }
    for (;;)
        h2o_evloop_run(loop, INT32_MAX);
}
