/* user_stream.h - who watches which user's events on this ingress core, and what they are told.
 *
 * Thread:  the ingress core's.
 * Memory:  a watch is the caller's; the list of each user, an array of users_max heads, is taken at
 *          start as address space.
 * Order:   a watch hears of a user's events in the order of that user's account shard, each durable
 *          (PROTOCOL §2.5): of one input first every executionReport, then every listStatus, then
 *          balanceUpdate, then outboundAccountPosition. Answers to requests and events may race.
 * Start:   user_watch_begin() for a call whose answer says "subscribed". The account shard is asked
 *          behind the setting of the interest (exchange.h, `watched`), so every input that it takes
 *          later is told, and nothing of an earlier one: the watch is told nothing before done().
 *          Both come by one lane, so nothing falls between.
 */
#ifndef USER_STREAM_H
#define USER_STREAM_H

#include "actors/msg/user_event.h"
#include "http/text.h"
#include "runtime/counter.h"

struct arena;
struct call;
struct ingress;
struct request;

struct user_watch { /* one subscription to a user's events; memory of the caller, zeroed */
    /* One event object, e.g. {"e":"executionReport",...}; durable. Valid during the call. */
    void (*event)(struct user_watch *watch, const char *json, size_t length);
    struct user_watch *next, *prev; /* from here on the registry's own, except micro */
    struct call *call;              /* whose answer is awaited, or NULL */
    uint32_t user;                  /* 0: not in the registry */
    bool micro;                     /* times in microseconds */
    bool on;                        /* is told events */
};

/* Of one input: reports, lists, balance, position. */
enum { USER_TEXTS_MAX = USER_EVENT_ORDERS + USER_EVENT_LISTS + 2 };

struct user_texts { /* the events of one input, rendered one behind the other */
    struct text text;
    size_t end[USER_TEXTS_MAX];
    uint32_t count;
};

struct user_streams {           /* of one ingress core */
    struct user_watch **first;  /* [users_max + 1] */
    struct user_watch *at;      /* being told; NULL when that one was removed */
    struct user_watch *later;   /* to be told next */
    struct user_texts texts[2]; /* in milliseconds and in microseconds */
    counter watches, told;      /* told: events handed to watches */
};

/* What user_streams_init takes from an arena. */
size_t user_streams_bytes(uint32_t users_max);
void user_streams_init(struct user_streams *streams, struct arena *arena, uint32_t users_max);
/* Frees what it rendered into. */
void user_streams_fini(struct user_streams *streams);

/* Adds the watch at once. What is told from here on may begin at any input: user_watch_begin() is
 * what a client's subscription wants. */
void user_watch_add(struct ingress *ingress, struct user_watch *watch, uint32_t user, bool micro);

/* Removes it, on or only begun; harmless when it is in no registry. Also from inside event(). Must
 * be called before the watch's memory goes. */
void user_watch_remove(struct ingress *ingress, struct user_watch *watch);

/* Subscribes `call`, which authenticate() has let through as `request` (its user and time window;
 * the type is set here). done(), called once when every later event is sure to come, answers the
 * call; the watch's first event comes after it. When the call is answered otherwise, by a reject or
 * the deadline, the watch is not on: user_watch_remove() it. */
void user_watch_begin(struct call *call, const struct request *request, struct user_watch *watch,
                      bool micro, void (*done)(struct call *call));

/* Tells the watches what the account shard says of one input; the gateway's sink. */
void user_stream_tell(struct ingress *ingress, const struct user_event *event);

#endif
