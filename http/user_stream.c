#include "http/user_stream.h"

#include <stdlib.h>

#include "http/ingress.h"
#include "http/render_event.h"
#include "runtime/check.h"

size_t user_streams_bytes(uint32_t users_max)
{
    return arena_bytes((users_max + 1ul) * sizeof(struct user_watch *));
}

void user_streams_init(struct user_streams *streams, struct arena *arena, uint32_t users_max)
{
    *streams = (struct user_streams){0};
    streams->first = arena_alloc(arena, (users_max + 1ul) * sizeof *streams->first);
}

void user_streams_fini(struct user_streams *streams)
{
    free(streams->texts[0].text.data);
    free(streams->texts[1].text.data);
    *streams = (struct user_streams){0};
}

/* ---- who watches ---- */

static void put_in(struct ingress *ingress, struct user_watch *watch, uint32_t user, bool micro)
{
    struct user_streams *streams = &ingress->user_streams;
    struct user_watch **first = &streams->first[user];
    ASSERT(user > 0 && user <= ingress->ex->config.users_max && !watch->user);
    if (!*first)
        exchange_watch(ingress->ex, user, ingress->core->id, true);
    watch->user = user;
    watch->micro = micro;
    watch->prev = NULL;
    watch->next = *first;
    if (*first)
        (*first)->prev = watch;
    *first = watch;
    counter_add(&streams->watches, 1);
}

void user_watch_add(struct ingress *ingress, struct user_watch *watch, uint32_t user, bool micro)
{
    put_in(ingress, watch, user, micro);
    watch->on = true;
}

static void forget_call(struct user_watch *watch)
{
    if (watch->call && watch->call->watch == watch)
        watch->call->watch = NULL;
    watch->call = NULL;
}

void user_watch_remove(struct ingress *ingress, struct user_watch *watch)
{
    struct user_streams *streams = &ingress->user_streams;
    if (!watch->user)
        return;
    forget_call(watch);
    if (streams->at == watch)
        streams->at = NULL;
    if (streams->later == watch)
        streams->later = watch->next;
    if (watch->next)
        watch->next->prev = watch->prev;
    if (watch->prev)
        watch->prev->next = watch->next;
    else
        streams->first[watch->user] = watch->next;
    if (!streams->first[watch->user])
        exchange_watch(ingress->ex, watch->user, ingress->core->id, false);
    watch->user = 0;
    watch->on = false;
    watch->next = watch->prev = NULL;
    counter_set(&streams->watches, counter_get(&streams->watches) - 1);
}

/* The account shard has seen the interest: what it takes from here on is told. */
static void on_begun(struct call *call, const struct msg *msg)
{
    struct user_watch *watch = call->watch;
    if (!watch) { /* removed meanwhile, by an owner that still waits for an answer */
        call_reject(call, REJECT_BUSY);
        return;
    }
    forget_call(watch);
    if (msg->reply.reject != REJECT_NONE) {
        user_watch_remove(call->ingress, watch);
        call_reject(call, msg->reply.reject);
        return;
    }
    watch->on = true;
    call->watch_done(call);
}

void user_watch_begin(struct call *call, const struct request *request, struct user_watch *watch,
                      bool micro, void (*done)(struct call *call))
{
    struct request barrier = *request;
    put_in(call->ingress, watch, request->user, micro);
    barrier.type = REQUEST_WATCH;
    watch->call = call;
    call->watch = watch;
    call->watch_done = done;
    call_send(call, &barrier, on_begun);
}

/* ---- telling ---- */

static void tell(struct user_streams *streams, struct user_watch *watch,
                 const struct user_texts *texts)
{
    size_t from = 0;
    streams->at = watch;
    for (uint32_t i = 0; i < texts->count && streams->at == watch; i++) {
        counter_add(&streams->told, 1);
        watch->event(watch, texts->text.data + from, texts->end[i] - from);
        from = texts->end[i];
    }
    streams->at = NULL;
}

void user_stream_tell(struct ingress *ingress, const struct user_event *event)
{
    struct user_streams *streams = &ingress->user_streams;
    bool rendered[2] = {false, false};
    ASSERT(event->user <= ingress->ex->config.users_max && !streams->at);
    for (struct user_watch *watch = streams->first[event->user]; watch; watch = streams->later) {
        struct user_texts *texts = &streams->texts[watch->micro];
        streams->later = watch->next;
        if (!watch->on)
            continue;
        if (!rendered[watch->micro])
            render_user_event(&ingress->directory, event, watch->micro, texts);
        rendered[watch->micro] = true;
        tell(streams, watch, texts);
    }
    streams->later = NULL;
}
