#define _GNU_SOURCE
#include "bench/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "actors/book/money.h"
#include "bench/http_client.h"
#include "bench/request_signer.h"
#include "runtime/check.h"

extern char **environ;

enum {
    IN_FLIGHT_MAX = 64, /* requests on the wire; when full, wait until half of them are answered */
    ANSWER_TIMEOUT_MS = 30000,
    MATCH_WINDOW_MS = 2000, /* the feed prints a trade 67 to 592 ms after its taker's creation */
    TAKE_PART_WINDOW_MS = 1000, /* and the change of its two orders closer to it than this */
    MATCH_TOLERANCE_ATOMS = 1,  /* it prints trades as doubles */
    ORDERS_OPEN_MAX = 10000,    /* MAX_NUM_ORDERS */
    MAX_QTY_UNITS_DEFAULT = 9000,
    CODES_MAX = 32,
};

static void *zeroed(size_t count, size_t bytes)
{
    void *block = calloc(count > 0 ? count : 1, bytes);
    ASSERT(block != NULL);
    return block;
}

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

__attribute__((format(printf, 1, 2))) static void remark(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("castle replay: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/* ---- one line of the recording ---- */

/* Trades come as doubles (1.7885566900000001): the one place where a float meets an amount, rounded
 * back at once to the decimal it was printed from. Orders and levels come as text. */
static bool read_atoms(const json_t *value, int64_t *atoms)
{
    uint32_t decimals;
    if (json_is_string(value))
        return money_parse(json_string_value(value), (uint32_t)json_string_length(value), atoms,
                           &decimals);
    if (!json_is_number(value))
        return false;
    double number = json_number_value(value);
    if (!(number >= 0 && number < 9e10))
        return false;
    *atoms = (int64_t)(number * (double)MONEY_ATOMS_PER_UNIT + 0.5);
    return true;
}

static bool read_side(const json_t *body, const char *key, struct replay_line *line,
                      enum replay_side side)
{
    const json_t *list = json_object_get(body, key);
    if (!json_is_array(list))
        return false;
    size_t count = json_array_size(list);
    line->level_count[side] = (uint32_t)count;
    line->levels[side] = zeroed(count, sizeof(struct replay_level));
    for (size_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(list, i);
        struct replay_level *level = &line->levels[side][i];
        if (!read_atoms(json_array_get(pair, 0), &level->price_atoms) ||
            !read_atoms(json_array_get(pair, 1), &level->qty_atoms))
            return false;
    }
    return true;
}

static bool read_body(const json_t *body, struct replay_line *line)
{
    if (line->kind == REPLAY_BOOK)
        return read_side(body, "bids", line, REPLAY_BID) &&
               read_side(body, "asks", line, REPLAY_ASK);
    const json_t *id = json_object_get(body, "id"), *type = json_object_get(body, "order_type");
    if (!json_is_integer(id) || !read_atoms(json_object_get(body, "price"), &line->price_atoms) ||
        !read_atoms(json_object_get(body, "amount"), &line->qty_atoms))
        return false;
    line->id = json_integer_value(id);
    if (line->kind == REPLAY_TRADE)
        return true;
    json_int_t side = json_is_integer(type) ? json_integer_value(type) : -1;
    line->side = side == 1 ? REPLAY_ASK : REPLAY_BID;
    return side == 0 || side == 1;
}

static bool read_kind(const char *word, size_t length, enum replay_kind *kind)
{
    static const char *const words[] = {[REPLAY_CREATED] = "order_created",
                                        [REPLAY_CHANGED] = "order_changed",
                                        [REPLAY_DELETED] = "order_deleted",
                                        [REPLAY_TRADE] = "trade",
                                        [REPLAY_BOOK] = "order_book"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strlen(words[i]) == length && memcmp(words[i], word, length) == 0) {
            *kind = (enum replay_kind)i;
            return true;
        }
    return false;
}

int replay_parse_line(const char *text, size_t length, struct replay_line *line)
{
    memset(line, 0, sizeof(*line));
    size_t at = 0;
    for (; at < length && text[at] >= '0' && text[at] <= '9' && at < 15; at++)
        line->time_ms = line->time_ms * 10 + (text[at] - '0');
    if (at == 0 || at == length || text[at] != ' ')
        return -1;
    const char *word = text + at + 1;
    const char *space = memchr(word, ' ', length - at - 1);
    if (space == NULL || !read_kind(word, (size_t)(space - word), &line->kind))
        return -1;
    json_t *body = json_loadb(space + 1, length - (size_t)(space + 1 - text), 0, NULL);
    bool ok = body != NULL && read_body(body, line);
    json_decref(body);
    if (!ok)
        replay_line_free(line);
    return ok ? 0 : -1;
}

void replay_line_free(struct replay_line *line)
{
    for (int side = 0; side < 2; side++) {
        free(line->levels[side]);
        line->levels[side] = NULL;
        line->level_count[side] = 0;
    }
}

bool replay_parse_speed(const char *text, int64_t *speed_ppm)
{
    int64_t atoms;
    uint32_t decimals;
    *speed_ppm = 0;
    if (strcmp(text, "max") == 0)
        return true;
    if (!money_parse(text, (uint32_t)strnlen(text, 64), &atoms, &decimals) || decimals > 6)
        return false;
    *speed_ppm = atoms / 100;
    return *speed_ppm > 0;
}

/* ---- trades ---- */

static uint32_t pair_trades(struct replay_trade *recorded, uint32_t recorded_count,
                            struct replay_trade *produced, uint32_t produced_count,
                            int64_t window_ms, int64_t tolerance_atoms, enum replay_match as)
{
    uint32_t pairs = 0, first = 0;
    for (uint32_t i = 0; i < recorded_count; i++) {
        struct replay_trade *mine = &recorded[i], *best = NULL;
        int64_t best_ms = INT64_MAX;
        if (mine->match != REPLAY_UNMATCHED || (as == REPLAY_OTHER_AMOUNT && mine->no_pairing))
            continue;
        while (first < produced_count && produced[first].time_ms < mine->time_ms - window_ms)
            first++;
        for (uint32_t j = first; j < produced_count; j++) {
            struct replay_trade *other = &produced[j];
            if (other->time_ms > mine->time_ms + window_ms)
                break;
            int64_t apart_ms = llabs(other->time_ms - mine->time_ms);
            if (other->match == REPLAY_UNMATCHED && other->price_atoms == mine->price_atoms &&
                llabs(other->qty_atoms - mine->qty_atoms) <= tolerance_atoms &&
                apart_ms < best_ms) {
                best = other;
                best_ms = apart_ms;
            }
        }
        if (best == NULL)
            continue;
        best->match = mine->match = as;
        best->partner = i;
        mine->partner = (uint32_t)(best - produced);
        pairs++;
    }
    return pairs;
}

uint32_t replay_match_trades(struct replay_trade *recorded, uint32_t recorded_count,
                             struct replay_trade *produced, uint32_t produced_count,
                             int64_t window_ms, int64_t tolerance_atoms)
{
    return pair_trades(recorded, recorded_count, produced, produced_count, window_ms,
                       tolerance_atoms, REPLAY_SAME);
}

uint32_t replay_pair_rest(struct replay_trade *recorded, uint32_t recorded_count,
                          struct replay_trade *produced, uint32_t produced_count, int64_t window_ms)
{
    return pair_trades(recorded, recorded_count, produced, produced_count, window_ms, INT64_MAX,
                       REPLAY_OTHER_AMOUNT);
}

/* ---- a map from int64 to int64, sized once, without removal ---- */

struct map {
    struct entry {
        int64_t key, value;
        bool used;
    } * entries;
    uint64_t mask;
};

static void map_init(struct map *map, uint32_t keys_max)
{
    uint64_t room = 16;
    while (room < (uint64_t)keys_max * 2 + 2)
        room *= 2;
    map->entries = zeroed(room, sizeof(struct entry));
    map->mask = room - 1;
}

static struct entry *map_probe(const struct map *map, int64_t key)
{
    uint64_t at = ((uint64_t)key * UINT64_C(0x9e3779b97f4a7c15)) >> 20;
    for (uint64_t probes = 0;; probes++, at++) {
        ASSERT(probes <= map->mask); /* sized for every key of the recording */
        struct entry *entry = &map->entries[at & map->mask];
        if (!entry->used || entry->key == key)
            return entry;
    }
}

static int64_t map_get(const struct map *map, int64_t key, int64_t otherwise)
{
    const struct entry *entry = map_probe(map, key);
    return entry->used ? entry->value : otherwise;
}

static int64_t *map_at(struct map *map, int64_t key)
{
    struct entry *entry = map_probe(map, key);
    entry->used = true;
    entry->key = key;
    return &entry->value;
}

/* ---- a naive picture of a book ---- */

struct replay_picture {
    struct map slots;     /* id -> index in open + 1; 0: not open */
    struct map levels[2]; /* price -> sum */
    struct replay_open *open;
    uint32_t count, room;
    uint64_t seq;
};

struct replay_picture *replay_picture_new(uint32_t ids_max)
{
    struct replay_picture *picture = zeroed(1, sizeof(*picture));
    map_init(&picture->slots, ids_max);
    map_init(&picture->levels[0], ids_max);
    map_init(&picture->levels[1], ids_max);
    return picture;
}

void replay_picture_free(struct replay_picture *picture)
{
    if (picture == NULL)
        return;
    free(picture->slots.entries);
    free(picture->levels[0].entries);
    free(picture->levels[1].entries);
    free(picture->open);
    free(picture);
}

static void picture_remove(struct replay_picture *picture, uint32_t index)
{
    struct replay_open *open = &picture->open[index];
    *map_at(&picture->levels[open->side], open->price_atoms) -= open->qty_atoms;
    *map_at(&picture->slots, open->id) = 0;
    *open = picture->open[--picture->count];
    if (index < picture->count)
        *map_at(&picture->slots, open->id) = index + 1;
}

void replay_picture_set(struct replay_picture *picture, int64_t id, enum replay_side side,
                        int64_t price_atoms, int64_t qty_atoms)
{
    ASSERT(qty_atoms >= 0);
    int64_t slot = map_get(&picture->slots, id, 0);
    uint64_t seq = ++picture->seq;
    if (slot != 0) {
        const struct replay_open *old = &picture->open[slot - 1];
        if (old->side == side && old->price_atoms == price_atoms)
            seq = old->seq; /* keeps its place */
        picture_remove(picture, (uint32_t)(slot - 1));
    }
    if (qty_atoms == 0)
        return;
    if (picture->count == picture->room) {
        picture->room = picture->room * 2 + 256;
        picture->open = realloc(picture->open, picture->room * sizeof(struct replay_open));
        ASSERT(picture->open != NULL);
    }
    picture->open[picture->count++] = (struct replay_open){
        .id = id, .price_atoms = price_atoms, .qty_atoms = qty_atoms, .seq = seq, .side = side};
    *map_at(&picture->slots, id) = picture->count;
    *map_at(&picture->levels[side], price_atoms) += qty_atoms;
}

static bool is_better(enum replay_side side, int64_t price_atoms, int64_t than_atoms)
{
    return side == REPLAY_BID ? price_atoms > than_atoms : price_atoms < than_atoms;
}

/* The oldest order at a price; NULL when there is none. *beaten: there is a better price. */
static struct replay_open *picture_head(const struct replay_picture *picture, enum replay_side side,
                                        int64_t price_atoms, bool *beaten)
{
    struct replay_open *head = NULL;
    *beaten = false;
    for (uint32_t i = 0; i < picture->count; i++) {
        struct replay_open *open = &picture->open[i];
        if (open->side != side)
            continue;
        if (is_better(side, open->price_atoms, price_atoms))
            *beaten = true;
        if (open->price_atoms == price_atoms && (head == NULL || open->seq < head->seq))
            head = open;
    }
    return head;
}

bool replay_picture_fill(struct replay_picture *picture, enum replay_side side, int64_t price_atoms,
                         int64_t qty_atoms)
{
    bool expected = true;
    for (uint32_t makers = 0; qty_atoms > 0; makers++) {
        bool beaten;
        struct replay_open *head = picture_head(picture, side, price_atoms, &beaten);
        if (head == NULL)
            return false;
        if (beaten || makers > 0)
            expected = false;
        int64_t taken = head->qty_atoms < qty_atoms ? head->qty_atoms : qty_atoms;
        qty_atoms -= taken;
        replay_picture_set(picture, head->id, side, price_atoms, head->qty_atoms - taken);
    }
    return expected;
}

int64_t replay_picture_left(const struct replay_picture *picture, int64_t id)
{
    int64_t slot = map_get(&picture->slots, id, 0);
    return slot == 0 ? 0 : picture->open[slot - 1].qty_atoms;
}

int64_t replay_picture_level(const struct replay_picture *picture, enum replay_side side,
                             int64_t price_atoms)
{
    return map_get(&picture->levels[side], price_atoms, 0);
}

const struct replay_open *replay_picture_open(const struct replay_picture *picture, uint32_t *count)
{
    *count = picture->count;
    return picture->open;
}

/* ---- the recording, and what each line asks for ---- */

enum step {
    STEP_NONE,           /* nothing to send: a check, or a deletion that is skipped */
    STEP_PLACE,          /* created */
    STEP_PLACE_CANCEL,   /* created, but its deletion came first in the feed */
    STEP_CANCEL,         /* deleted with amount left */
    STEP_CANCEL_IF_OPEN, /* deleted with amount 0: filled there; cancelled if still open here */
};

/* Why a recorded trade has no equal here. */
enum missing { MISSING_UNKNOWN_ORDER, MISSING_MARKET_ORDER, MISSING_OTHER_AMOUNT, MISSING_OTHER };
enum { MISSING_COUNT = MISSING_OTHER + 1 };

struct recording {
    struct replay_line *lines;
    enum step *steps;
    bool *in_feed; /* the line changes the feed's picture of the orders it created */
    uint32_t count, room;
    uint32_t kinds[REPLAY_BOOK + 1];
    struct map created; /* id -> line index + 1 of its creation, wherever that is */
    struct map market;  /* id -> 1: its price was changed, so it was a market order there */
    uint64_t deleted_unknown, deleted_twice, deleted_early, changed_unknown, created_twice;
    uint64_t market_orders;                  /* keys of `market` */
    int64_t bid_quote_atoms, ask_base_atoms; /* what a user needs who places every order */
    int64_t qty_atoms_max;
    struct replay_trade *trades;
    enum missing *reasons; /* per trade, before pairing: unknown, market or other */
    uint32_t trade_count;
};

static bool recording_add(struct recording *recording, const char *text, size_t length)
{
    if (recording->count == recording->room) {
        recording->room = recording->room * 2 + 4096;
        recording->lines = realloc(recording->lines, recording->room * sizeof(struct replay_line));
        ASSERT(recording->lines != NULL);
    }
    struct replay_line *line = &recording->lines[recording->count];
    if (replay_parse_line(text, length, line) != 0)
        return false;
    recording->count++;
    recording->kinds[line->kind]++;
    return true;
}

static bool recording_read(struct recording *recording, FILE *from, const char *path)
{
    char *text = NULL;
    size_t room = 0;
    ssize_t length;
    bool ok = true;
    for (uint64_t number = 1; ok && (length = getline(&text, &room, from)) > 0; number++) {
        if (length == 1 && text[0] == '\n')
            continue;
        ok = recording_add(recording, text, (size_t)length);
        if (!ok)
            remark("%s:%" PRIu64 ": not a line of a recording", path, number);
    }
    if (ok && ferror(from)) {
        remark("%s: %s", path, strerror(errno));
        ok = false;
    }
    free(text);
    return ok;
}

/* The name is one element of xz's argument list: no shell sees it, and "--" keeps it a name. */
static FILE *xz_open(const char *path, pid_t *pid)
{
    char *const argv[] = {"xz", "-dc", "--", (char *)path, NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return NULL;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    int code = posix_spawnp(pid, "xz", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    FILE *from = code == 0 ? fdopen(ends[0], "r") : NULL;
    if (from == NULL) {
        close(ends[0]);
        errno = code;
    }
    return from;
}

static bool recording_load(struct recording *recording, const char *path)
{
    static const char suffix[] = ".xz";
    size_t length = strlen(path);
    bool packed = length >= sizeof(suffix) && strcmp(path + length - 3, suffix) == 0;
    pid_t pid = -1;
    FILE *from = packed ? xz_open(path, &pid) : fopen(path, "re");
    if (from == NULL) {
        remark("%s%s: %s", packed ? "xz -dc " : "", path, strerror(errno));
        return false;
    }
    bool ok = recording_read(recording, from, path);
    fclose(from);
    int status = 0;
    if (pid > 0 && waitpid(pid, &status, 0) == pid && status != 0 && ok) {
        remark("xz -dc %s failed", path);
        ok = false;
    }
    if (ok && recording->count == 0) {
        remark("%s: no lines", path);
        ok = false;
    }
    return ok;
}

static void recording_free(struct recording *recording)
{
    for (uint32_t i = 0; i < recording->count; i++)
        replay_line_free(&recording->lines[i]);
    free(recording->lines);
    free(recording->steps);
    free(recording->in_feed);
    free(recording->created.entries);
    free(recording->market.entries);
    free(recording->trades);
    free(recording->reasons);
}

static bool add_funds(struct recording *recording, const struct replay_line *line)
{
    static const struct money_spec atoms = {.tick_atoms = 1, .lot_atoms = 1};
    int64_t cost_atoms;
    if (line->qty_atoms > recording->qty_atoms_max)
        recording->qty_atoms_max = line->qty_atoms;
    if (line->side == REPLAY_ASK)
        return !__builtin_add_overflow(recording->ask_base_atoms, line->qty_atoms,
                                       &recording->ask_base_atoms);
    return money_quote_ceil(&atoms, line->price_atoms, line->qty_atoms, &cost_atoms) &&
           !__builtin_add_overflow(recording->bid_quote_atoms, cost_atoms,
                                   &recording->bid_quote_atoms);
}

static enum step plan_created(struct recording *recording, const struct map *gone, uint32_t index)
{
    const struct replay_line *line = &recording->lines[index];
    if (map_get(&recording->created, line->id, 0) != index + 1) {
        recording->created_twice++;
        return STEP_NONE;
    }
    if (map_get(gone, line->id, 0) != 0)
        return STEP_PLACE_CANCEL;
    recording->in_feed[index] = true;
    return STEP_PLACE;
}

static enum step plan_deleted(struct recording *recording, struct map *gone, uint32_t index)
{
    const struct replay_line *line = &recording->lines[index];
    int64_t created = map_get(&recording->created, line->id, 0); /* line index + 1 */
    if (map_get(gone, line->id, 0) != 0) {
        recording->deleted_twice++;
        return STEP_NONE;
    }
    *map_at(gone, line->id) = 1;
    if (created == 0 || created > index) {
        recording->deleted_unknown++;
        recording->deleted_early += created > index;
        return STEP_NONE;
    }
    recording->in_feed[index] = true;
    return line->qty_atoms > 0 ? STEP_CANCEL : STEP_CANCEL_IF_OPEN;
}

static void plan_changed(struct recording *recording, const struct map *gone, uint32_t index)
{
    const struct replay_line *line = &recording->lines[index];
    int64_t created = map_get(&recording->created, line->id, 0);
    if (created == 0 || created > index || map_get(gone, line->id, 0) != 0) {
        recording->changed_unknown++;
        return;
    }
    recording->in_feed[index] = true;
    if (recording->lines[created - 1].price_atoms != line->price_atoms) {
        int64_t *known = map_at(&recording->market, line->id);
        recording->market_orders += *known == 0;
        *known = 1;
    }
}

/* Decides for each line, from the recording alone, what it sends and what it tells of the feed. */
static bool recording_plan(struct recording *recording)
{
    struct map gone; /* ids whose first deletion has been seen */
    map_init(&gone, recording->count);
    map_init(&recording->created, recording->count);
    map_init(&recording->market, recording->count);
    recording->steps = zeroed(recording->count, sizeof(enum step));
    recording->in_feed = zeroed(recording->count, sizeof(bool));
    for (uint32_t i = 0; i < recording->count; i++)
        if (recording->lines[i].kind == REPLAY_CREATED) {
            int64_t *first = map_at(&recording->created, recording->lines[i].id);
            if (*first == 0)
                *first = i + 1;
        }
    bool ok = true;
    for (uint32_t i = 0; i < recording->count && ok; i++) {
        const struct replay_line *line = &recording->lines[i];
        if (line->kind == REPLAY_CREATED) {
            recording->steps[i] = plan_created(recording, &gone, i);
            ok = line->price_atoms > 0 && line->qty_atoms > 0 && add_funds(recording, line);
            if (!ok)
                remark("line %u: an order without price or amount, or too much for a balance",
                       i + 1);
        } else if (line->kind == REPLAY_DELETED) {
            recording->steps[i] = plan_deleted(recording, &gone, i);
        } else if (line->kind == REPLAY_CHANGED) {
            plan_changed(recording, &gone, i);
        }
    }
    free(gone.entries);
    return ok;
}

/* ---- which orders took part in a recorded trade ---- */

/* One order_changed or order_deleted that took something off an order. any_amount: how much cannot
 * be told, because the order was created before the recording, or was a market order, whose last
 * fill is not taken off the amount its deletion prints. */
struct part {
    int64_t time_ms, id, qty_atoms;
    enum replay_side side;
    bool any_amount, used;
};

static uint32_t collect_parts(const struct recording *recording, struct part *parts)
{
    struct map left;
    uint32_t count = 0;
    map_init(&left, recording->count);
    for (uint32_t i = 0; i < recording->count; i++) {
        const struct replay_line *line = &recording->lines[i];
        if (line->kind == REPLAY_CREATED)
            *map_at(&left, line->id) = line->qty_atoms;
        if (line->kind != REPLAY_CHANGED && line->kind != REPLAY_DELETED)
            continue;
        int64_t before = map_get(&left, line->id, -1);
        bool deleted_open = line->kind == REPLAY_DELETED && line->qty_atoms > 0;
        bool market = map_get(&recording->market, line->id, 0) != 0;
        struct part part = {.time_ms = line->time_ms,
                            .id = line->id,
                            .side = line->side,
                            .qty_atoms = before - line->qty_atoms,
                            .any_amount = before < 0 || (market && deleted_open)};
        if (part.any_amount ? market || !deleted_open : part.qty_atoms != 0)
            parts[count++] = part;
        *map_at(&left, line->id) = line->qty_atoms;
    }
    free(left.entries);
    return count;
}

/* The free part of that side that fits best: a known amount before an unknown one, then the nearest
 * in time. */
static struct part *find_part(struct part *parts, uint32_t count, enum replay_side side,
                              const struct replay_trade *trade)
{
    struct part *best = NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct part *part = &parts[i];
        int64_t apart_ms = llabs(part->time_ms - trade->time_ms);
        if (part->used || part->side != side || apart_ms > TAKE_PART_WINDOW_MS ||
            (!part->any_amount &&
             llabs(part->qty_atoms - trade->qty_atoms) > MATCH_TOLERANCE_ATOMS))
            continue;
        if (best == NULL || part->any_amount < best->any_amount ||
            (part->any_amount == best->any_amount &&
             apart_ms < llabs(best->time_ms - trade->time_ms)))
            best = part;
    }
    if (best != NULL)
        best->used = true;
    return best;
}

static enum missing reason_of(const struct recording *recording, struct part *const parts[2])
{
    enum missing reason = MISSING_OTHER;
    for (int side = 0; side < 2; side++) {
        if (parts[side] == NULL)
            continue;
        if (map_get(&recording->created, parts[side]->id, 0) == 0)
            return MISSING_UNKNOWN_ORDER;
        if (map_get(&recording->market, parts[side]->id, 0) != 0)
            reason = MISSING_MARKET_ORDER;
    }
    return reason;
}

static void recording_explain(struct recording *recording)
{
    struct part *parts = zeroed(recording->count, sizeof(struct part));
    uint32_t part_count = collect_parts(recording, parts);
    recording->trades = zeroed(recording->kinds[REPLAY_TRADE], sizeof(struct replay_trade));
    recording->reasons = zeroed(recording->kinds[REPLAY_TRADE], sizeof(enum missing));
    for (uint32_t i = 0; i < recording->count; i++) {
        const struct replay_line *line = &recording->lines[i];
        if (line->kind != REPLAY_TRADE)
            continue;
        struct replay_trade *trade = &recording->trades[recording->trade_count];
        *trade = (struct replay_trade){.time_ms = line->time_ms,
                                       .price_atoms = line->price_atoms,
                                       .qty_atoms = line->qty_atoms};
        struct part *both[2] = {find_part(parts, part_count, REPLAY_BID, trade),
                                find_part(parts, part_count, REPLAY_ASK, trade)};
        enum missing reason = reason_of(recording, both);
        trade->no_pairing = reason != MISSING_OTHER;
        recording->reasons[recording->trade_count++] = reason;
    }
    free(parts);
}

/* ---- a run ---- */

struct options {
    const char *path;
    struct http_address url, admin;
    const char *token_path;
    int64_t speed_ppm; /* 0: as fast as possible */
    bool json;
};

struct code_count {
    int64_t code;
    uint64_t count;
    char msg[96];
};

struct codes {
    struct code_count list[CODES_MAX];
    uint32_t count;
};

struct counts {
    uint64_t created, placed, cancels, cancels_unknown, cancels_zero, cancels_reordered;
    uint64_t requests, http_errors, unexpected;
    uint64_t snapshots, compared, equal, different, skipped_unknown, skipped_timing;
    struct codes rejected, cancels_rejected;
};

struct run {
    const struct options *options;
    struct recording *recording;
    struct http_client *client; /* the one ordered connection */
    struct request_signer *signer;
    char key_header[256], delete_header[256];
    int64_t server_offset_us; /* the server's clock less ours */
    uint8_t *due;             /* answers a line still waits for */
    uint32_t sent, done;      /* lines handed out, lines finished: done <= sent */
    struct replay_picture *feed, *here;
    struct map excess[2]; /* price -> least unknown amount seen there so far, plus 1 */
    struct map offenders; /* ids behind differing levels */
    uint64_t offender_count;
    struct replay_trade *produced;
    uint32_t produced_count, produced_room;
    bool symbol_existed, book_was_empty;
    int64_t open_orders, open_orders_differ; /* -1: not asked or not answered */
    int64_t elapsed_us;
    struct counts counts;
};

static void count_code(struct codes *codes, int64_t code, const char *msg)
{
    uint32_t i = 0;
    while (i < codes->count && codes->list[i].code != code)
        i++;
    if (i == CODES_MAX)
        i--; /* lumped with the last; more kinds of refusal than a server has reasons for */
    struct code_count *slot = &codes->list[i];
    if (i == codes->count) {
        codes->count++;
        slot->code = code;
        snprintf(slot->msg, sizeof(slot->msg), "%s", msg);
    }
    slot->count++;
}

/* ---- signed requests ---- */

static const char *trimmed_decimal(int64_t atoms, char text[static MONEY_TEXT_MAX + 1])
{
    uint32_t length = money_format(atoms, text);
    while (text[length - 1] == '0')
        length--;
    if (text[length - 1] == '.')
        length--;
    text[length] = '\0';
    return text;
}

/* By the server's clock. */
static size_t sign(struct run *run, char *text, size_t length, size_t room)
{
    int64_t now_ms = (clock_us(CLOCK_REALTIME) + run->server_offset_us) / 1000;
    return request_signer_sign(run->signer, text, length, room, now_ms);
}

static bool sent_ok(struct run *run, enum http_client_status status)
{
    run->counts.requests++;
    if (status != HTTP_CLIENT_OK)
        remark("%s", http_client_error(run->client));
    return status == HTTP_CLIENT_OK;
}

static bool send_place(struct run *run, const struct replay_line *line)
{
    char body[768], price[MONEY_TEXT_MAX + 1], qty[MONEY_TEXT_MAX + 1];
    int length = snprintf(
        body, sizeof(body),
        "symbol=BTCUSD&side=%s&type=LIMIT&timeInForce=GTC&price=%s&quantity=%s"
        "&newClientOrderId=b%" PRId64 "&selfTradePreventionMode=NONE&newOrderRespType=FULL",
        line->side == REPLAY_BID ? "BUY" : "SELL", trimmed_decimal(line->price_atoms, price),
        trimmed_decimal(line->qty_atoms, qty), line->id);
    size_t bytes = sign(run, body, (size_t)length, sizeof(body));
    return sent_ok(
        run, http_client_send(run->client, "POST", "/api/v3/order", run->key_header, body, bytes));
}

static bool send_cancel(struct run *run, const struct replay_line *line)
{
    static const char path[] = "/api/v3/order?";
    enum { PATH_BYTES = sizeof(path) - 1 };
    char target[PATH_BYTES + 512];
    memcpy(target, path, PATH_BYTES);
    int length = snprintf(target + PATH_BYTES, sizeof(target) - PATH_BYTES,
                          "symbol=BTCUSD&origClientOrderId=b%" PRId64, line->id);
    sign(run, target + PATH_BYTES, (size_t)length, sizeof(target) - PATH_BYTES);
    return sent_ok(run,
                   http_client_send(run->client, "DELETE", target, run->delete_header, NULL, 0));
}

/* ---- answers ---- */

static bool field_atoms(const json_t *body, const char *key, int64_t *atoms)
{
    return read_atoms(json_object_get(body, key), atoms);
}

/* Files a refusal under its code. Something that is no refusal by the book is an HTTP error. */
static int64_t count_refusal(struct run *run, struct codes *codes, int status, const json_t *body)
{
    const json_t *code = json_object_get(body, "code");
    const char *msg = json_string_value(json_object_get(body, "msg"));
    if (status >= 500 || !json_is_integer(code))
        run->counts.http_errors++;
    if (!json_is_integer(code)) {
        char text[32];
        snprintf(text, sizeof(text), "HTTP status %d", status);
        count_code(codes, status, text);
        return status;
    }
    count_code(codes, json_integer_value(code), msg == NULL ? "" : msg);
    return json_integer_value(code);
}

static void add_produced(struct run *run, int64_t time_ms, int64_t price_atoms, int64_t qty_atoms)
{
    if (run->produced_count == run->produced_room) {
        run->produced_room = run->produced_room * 2 + 1024;
        run->produced = realloc(run->produced, run->produced_room * sizeof(struct replay_trade));
        ASSERT(run->produced != NULL);
    }
    run->produced[run->produced_count++] = (struct replay_trade){
        .time_ms = time_ms, .price_atoms = price_atoms, .qty_atoms = qty_atoms};
}

/* Carries a FULL answer into our picture: its fills come off the orders resting opposite, and what
 * is left of it rests. False when the answer contradicts itself, the picture or price-time
 * priority. */
static bool take_placed(struct run *run, const struct replay_line *line, const json_t *body)
{
    const json_t *fills = json_object_get(body, "fills");
    const char *status = json_string_value(json_object_get(body, "status"));
    enum replay_side opposite = line->side == REPLAY_BID ? REPLAY_ASK : REPLAY_BID;
    int64_t executed_atoms = -1, left_atoms = line->qty_atoms;
    bool expected = json_is_array(fills) && field_atoms(body, "executedQty", &executed_atoms);
    for (size_t i = 0; i < json_array_size(fills); i++) {
        const json_t *fill = json_array_get(fills, i);
        int64_t price_atoms, qty_atoms;
        if (!field_atoms(fill, "price", &price_atoms) || !field_atoms(fill, "qty", &qty_atoms) ||
            qty_atoms > left_atoms || is_better(line->side, price_atoms, line->price_atoms)) {
            expected = false; /* unreadable, more than was ordered, or beyond the limit */
            continue;
        }
        left_atoms -= qty_atoms;
        add_produced(run, line->time_ms, price_atoms, qty_atoms);
        if (!replay_picture_fill(run->here, opposite, price_atoms, qty_atoms))
            expected = false;
    }
    if (executed_atoms != line->qty_atoms - left_atoms || status == NULL ||
        (left_atoms == 0) != (strcmp(status, "FILLED") == 0))
        expected = false;
    replay_picture_set(run->here, line->id, line->side, line->price_atoms, left_atoms);
    return expected;
}

static void answer_place(struct run *run, const struct replay_line *line, int status,
                         const json_t *body)
{
    if (status == 200) {
        run->counts.placed++;
        run->counts.unexpected += !take_placed(run, line, body);
    } else {
        count_refusal(run, &run->counts.rejected, status, body);
    }
}

static void answer_cancel(struct run *run, const struct replay_line *line, enum step step,
                          int status, const json_t *body)
{
    enum { UNKNOWN_ORDER = -2011 };
    int64_t left_atoms = replay_picture_left(run->here, line->id), orig_atoms, executed_atoms;
    if (status != 200) {
        bool unknown =
            status == 400 && json_integer_value(json_object_get(body, "code")) == UNKNOWN_ORDER;
        run->counts.unexpected += unknown && left_atoms > 0;
        if (!unknown) {
            count_refusal(run, &run->counts.cancels_rejected, status, body);
            return;
        }
        run->counts.cancels_unknown++;
    } else {
        bool expected = left_atoms > 0 && field_atoms(body, "origQty", &orig_atoms) &&
                        field_atoms(body, "executedQty", &executed_atoms) &&
                        orig_atoms - executed_atoms == left_atoms;
        run->counts.unexpected += !expected;
        run->counts.cancels += step == STEP_CANCEL;
        run->counts.cancels_zero += step == STEP_CANCEL_IF_OPEN;
        run->counts.cancels_reordered += step == STEP_PLACE_CANCEL;
    }
    replay_picture_set(run->here, line->id, line->side, line->price_atoms, 0);
}

/* ---- a recorded snapshot against our book ---- */

/* The orders by which our level differs from the feed's, so that the report can say how few they
 * are. At a level that is compared at all, the feed's orders add up to the snapshot. */
static void blame(struct run *run, enum replay_side side, int64_t price_atoms)
{
    const struct replay_picture *pictures[2] = {run->here, run->feed};
    for (int i = 0; i < 2; i++) {
        uint32_t count;
        const struct replay_open *open = replay_picture_open(pictures[i], &count);
        for (uint32_t j = 0; j < count; j++) {
            if (open[j].side != side || open[j].price_atoms != price_atoms ||
                replay_picture_left(pictures[1 - i], open[j].id) == open[j].qty_atoms)
                continue;
            int64_t *seen = map_at(&run->offenders, open[j].id);
            run->offender_count += *seen == 0;
            *seen = 1;
        }
    }
}

/* A level is made only of known orders when the orders that the feed created and has not deleted
 * add up to what the snapshot shows. If it shows more, an order from before the recording is there;
 * what is unknown at a price can only shrink, so more than nothing where there was nothing before,
 * or less than the known ones, is a snapshot taken a moment before or after the lines around it. */
static void compare_level(struct run *run, enum replay_side side, int64_t price_atoms,
                          int64_t recorded_atoms)
{
    struct counts *counts = &run->counts;
    int64_t extra_atoms = recorded_atoms - replay_picture_level(run->feed, side, price_atoms);
    int64_t *least = map_at(&run->excess[side], price_atoms); /* plus 1; 0: never seen */
    int64_t unknown_atoms = extra_atoms > 0 ? extra_atoms : 0;
    if (*least == 0 || *least > unknown_atoms + 1)
        *least = unknown_atoms + 1;
    if (extra_atoms != 0) {
        counts->skipped_unknown += *least > 1;
        counts->skipped_timing += *least == 1;
        return;
    }
    counts->compared++;
    if (replay_picture_level(run->here, side, price_atoms) == recorded_atoms) {
        counts->equal++;
    } else {
        counts->different++;
        blame(run, side, price_atoms);
    }
}

static bool has_level(const struct replay_level *levels, uint32_t count, int64_t price_atoms)
{
    for (uint32_t i = 0; i < count; i++)
        if (levels[i].price_atoms == price_atoms)
            return true;
    return false;
}

/* Prices within the snapshot's reach where a picture has orders and the snapshot has none. */
static uint32_t collect_ghosts(const struct replay_picture *picture, enum replay_side side,
                               const struct replay_line *line, struct replay_level *ghosts,
                               uint32_t count)
{
    uint32_t levels = line->level_count[side], open_count;
    const struct replay_open *open = replay_picture_open(picture, &open_count);
    int64_t worst_atoms = line->levels[side][levels - 1].price_atoms;
    for (uint32_t i = 0; i < open_count; i++)
        if (open[i].side == side && is_better(side, open[i].price_atoms, worst_atoms) &&
            !has_level(line->levels[side], levels, open[i].price_atoms) &&
            !has_level(ghosts, count, open[i].price_atoms))
            ghosts[count++].price_atoms = open[i].price_atoms;
    return count;
}

static void compare_side(struct run *run, enum replay_side side, const struct replay_line *line)
{
    uint32_t here_count, feed_count, count = 0;
    if (line->level_count[side] == 0)
        return;
    const struct replay_level *levels = line->levels[side];
    for (uint32_t i = 0; i < line->level_count[side]; i++)
        compare_level(run, side, levels[i].price_atoms, levels[i].qty_atoms);
    replay_picture_open(run->here, &here_count);
    replay_picture_open(run->feed, &feed_count);
    struct replay_level *ghosts = zeroed(here_count + feed_count, sizeof(*ghosts));
    count = collect_ghosts(run->here, side, line, ghosts, count);
    count = collect_ghosts(run->feed, side, line, ghosts, count);
    for (uint32_t i = 0; i < count; i++)
        compare_level(run, side, ghosts[i].price_atoms, 0);
    free(ghosts);
}

/* ---- the flow: lines go out in order, and are finished in order when their answers are in ---- */

static void finish_line(struct run *run, uint32_t index)
{
    const struct replay_line *line = &run->recording->lines[index];
    if (run->recording->in_feed[index])
        replay_picture_set(run->feed, line->id, line->side, line->price_atoms,
                           line->kind == REPLAY_DELETED ? 0 : line->qty_atoms);
    if (line->kind == REPLAY_BOOK) {
        run->counts.snapshots++;
        compare_side(run, REPLAY_BID, line);
        compare_side(run, REPLAY_ASK, line);
    }
}

static void finish_lines(struct run *run)
{
    while (run->done < run->sent && run->due[run->done] == 0)
        finish_line(run, run->done++);
}

/* Takes one answer; it is the one the oldest unfinished line waits for. */
static enum http_client_status take_one(struct run *run, int timeout_ms)
{
    struct http_answer answer;
    enum http_client_status got = http_client_receive(run->client, timeout_ms, &answer);
    if (got == HTTP_CLIENT_FAILED)
        remark("%s", http_client_error(run->client));
    if (got != HTTP_CLIENT_OK)
        return got;
    finish_lines(run);
    ASSERT(run->done < run->sent && run->due[run->done] > 0);
    const struct replay_line *line = &run->recording->lines[run->done];
    enum step step = run->recording->steps[run->done];
    bool placing = step == STEP_PLACE || (step == STEP_PLACE_CANCEL && run->due[run->done] == 2);
    json_t *body = json_loadb(answer.body, answer.body_bytes, 0, NULL);
    if (placing)
        answer_place(run, line, answer.status, body);
    else
        answer_cancel(run, line, step, answer.status, body);
    json_decref(body);
    run->due[run->done]--;
    finish_lines(run);
    return HTTP_CLIENT_OK;
}

/* Waits until at most `in_flight` requests are unanswered. */
static bool settle(struct run *run, uint32_t in_flight)
{
    while (http_client_in_flight(run->client) > in_flight) {
        enum http_client_status got = take_one(run, ANSWER_TIMEOUT_MS);
        if (got == HTTP_CLIENT_TIMEOUT)
            remark("no answer within %d s", ANSWER_TIMEOUT_MS / 1000);
        if (got != HTTP_CLIENT_OK)
            return false;
    }
    finish_lines(run);
    return true;
}

/* Takes answers until a line's time has come. */
static bool wait_until(struct run *run, int64_t due_us)
{
    for (;;) {
        int64_t left_us = due_us - clock_us(CLOCK_MONOTONIC);
        if (left_us <= 0)
            return true;
        if (http_client_in_flight(run->client) == 0) {
            struct timespec nap = {.tv_sec = left_us / 1000000,
                                   .tv_nsec = left_us % 1000000 * 1000};
            nanosleep(&nap, NULL);
        } else if (take_one(run, (int)((left_us + 999) / 1000)) == HTTP_CLIENT_FAILED) {
            return false;
        }
    }
}

static bool send_line(struct run *run, uint32_t index)
{
    const struct replay_line *line = &run->recording->lines[index];
    enum step step = run->recording->steps[index];
    bool place = step == STEP_PLACE || step == STEP_PLACE_CANCEL;
    if (step != STEP_NONE && http_client_in_flight(run->client) + 2 > IN_FLIGHT_MAX &&
        !settle(run, IN_FLIGHT_MAX / 2))
        return false;
    if (step == STEP_CANCEL_IF_OPEN) {
        if (!settle(run, 0)) /* only the answers tell whether it is open */
            return false;
        if (replay_picture_left(run->here, line->id) == 0)
            step = STEP_NONE;
    }
    bool cancel = step != STEP_NONE && step != STEP_PLACE;
    if ((place && !send_place(run, line)) || (cancel && !send_cancel(run, line)))
        return false;
    run->counts.created += place;
    run->due[index] = (uint8_t)(place + cancel);
    run->sent = index + 1;
    finish_lines(run);
    return true;
}

static bool replay_all(struct run *run)
{
    const struct recording *recording = run->recording;
    int64_t speed_ppm = run->options->speed_ppm, start_us = clock_us(CLOCK_MONOTONIC);
    bool ok = true;
    for (uint32_t i = 0; i < recording->count && ok; i++) {
        int64_t at_us = (recording->lines[i].time_ms - recording->lines[0].time_ms) * 1000, due_us;
        if (speed_ppm > 0 && at_us > 0) {
            ok = money_mul_div(at_us, 1000000, speed_ppm, &due_us) &&
                 wait_until(run, start_us + due_us);
        }
        ok = ok && send_line(run, i);
        if (ok && speed_ppm > 0 && http_client_flush(run->client) != HTTP_CLIENT_OK) {
            remark("%s", http_client_error(run->client));
            ok = false;
        }
    }
    ok = ok && settle(run, 0);
    run->elapsed_us = clock_us(CLOCK_MONOTONIC) - start_us;
    return ok;
}

/* ---- setting the venue up ---- */

/* One request and its answer as JSON; NULL, with a remark, when there is none. */
static json_t *call(struct http_client *client, const char *method, const char *target,
                    const char *headers, const json_t *body, int *status)
{
    struct http_answer answer;
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    enum http_client_status got =
        http_client_send(client, method, target, headers, text, text == NULL ? 0 : strlen(text));
    free(text);
    if (got == HTTP_CLIENT_OK)
        got = http_client_receive(client, ANSWER_TIMEOUT_MS, &answer);
    if (got != HTTP_CLIENT_OK) {
        remark("%s %.*s: %s", method, (int)strcspn(target, "?"), target,
               got == HTTP_CLIENT_TIMEOUT ? "no answer" : http_client_error(client));
        return NULL;
    }
    *status = answer.status;
    json_t *json = json_loadb(answer.body, answer.body_bytes, 0, NULL);
    if (json == NULL)
        remark("%s %.*s: status %d, and no JSON", method, (int)strcspn(target, "?"), target,
               answer.status);
    return json;
}

struct admin {
    struct http_client *client;
    char headers[640];
};

/* An admin call that must answer 200 or 201, or, if may_exist, 409. The body is taken. */
static json_t *admin_call(struct admin *admin, const char *target, json_t *body, bool may_exist,
                          bool *existed)
{
    int status = 0;
    json_t *answer = call(admin->client, "POST", target, admin->headers, body, &status);
    json_decref(body);
    *existed = status == 409;
    if (answer == NULL || status == 200 || status == 201 || (may_exist && status == 409))
        return answer;
    const char *msg = json_string_value(json_object_get(answer, "msg"));
    remark("POST %s: status %d: %s", target, status, msg == NULL ? "" : msg);
    json_decref(answer);
    return NULL;
}

static bool make_symbol(struct run *run, struct admin *admin)
{
    int64_t max_qty = run->recording->qty_atoms_max / MONEY_ATOMS_PER_UNIT + 1;
    char qty_text[32];
    snprintf(qty_text, sizeof(qty_text), "%" PRId64,
             max_qty > MAX_QTY_UNITS_DEFAULT ? max_qty : (int64_t)MAX_QTY_UNITS_DEFAULT);
    json_t *answer = admin_call(
        admin, "/admin/v1/symbols",
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:[{s:s,s:i}]}", "symbol", "BTCUSD",
                  "baseAsset", "BTC", "quoteAsset", "USD", "tickSize", "0.01", "stepSize",
                  "0.00000001", "minQty", "0.00000001", "maxQty", qty_text, "minNotional", "0",
                  "makerCommission", "0", "takerCommission", "0", "filters", "filterType",
                  "MAX_NUM_ORDERS", "maxNumOrders", (int)ORDERS_OPEN_MAX),
        true, &run->symbol_existed);
    if (answer != NULL && run->symbol_existed)
        remark("BTCUSD is there already and is used as it is, whatever its filters and fees");
    json_decref(answer);
    return answer != NULL;
}

static bool deposit(struct admin *admin, json_int_t user, const char *asset, int64_t atoms,
                    int64_t unique)
{
    char target[96], amount[MONEY_TEXT_MAX + 1], request[64];
    bool existed;
    if (atoms == 0)
        return true;
    snprintf(target, sizeof(target), "/admin/v1/users/%lld/deposits", (long long)user);
    snprintf(request, sizeof(request), "replay-%" PRId64 "-%s", unique, asset);
    json_t *answer = admin_call(admin, target,
                                json_pack("{s:s,s:s,s:s}", "asset", asset, "amount",
                                          trimmed_decimal(atoms, amount), "requestId", request),
                                false, &existed);
    json_decref(answer);
    return answer != NULL;
}

static bool use_keys(struct run *run, const json_t *keys)
{
    const char *api_key = json_string_value(json_object_get(keys, "apiKey"));
    const char *secret = json_string_value(json_object_get(keys, "secretKey"));
    if (api_key == NULL || secret == NULL || strlen(api_key) > 128 ||
        (run->signer = request_signer_new(secret)) == NULL) {
        remark("the admin API made no usable HMAC key");
        return false;
    }
    snprintf(run->key_header, sizeof(run->key_header),
             "X-MBX-APIKEY: %s\r\nContent-Type: application/x-www-form-urlencoded\r\n", api_key);
    snprintf(run->delete_header, sizeof(run->delete_header), "X-MBX-APIKEY: %s\r\n", api_key);
    return true;
}

/* Every run is a user of its own, who can pay for all orders of the recording at once. */
static bool make_user(struct run *run, struct admin *admin)
{
    int64_t unique = clock_us(CLOCK_REALTIME);
    char name[48], target[96];
    bool existed;
    snprintf(name, sizeof(name), "replay-%" PRId64, unique);
    json_t *user =
        admin_call(admin, "/admin/v1/users", json_pack("{s:s}", "name", name), false, &existed);
    const json_t *id_field = json_object_get(user, "userId");
    json_int_t id = json_integer_value(id_field);
    bool ok = json_is_integer(id_field);
    if (user != NULL && !ok)
        remark("the admin API answered a new user without userId");
    json_decref(user);
    if (!ok)
        return false;
    snprintf(target, sizeof(target), "/admin/v1/users/%lld/keys", (long long)id);
    json_t *keys =
        admin_call(admin, target,
                   json_pack("{s:s,s:[s,s]}", "type", "HMAC", "permissions", "USER_DATA", "TRADE"),
                   false, &existed);
    ok = keys != NULL && use_keys(run, keys);
    json_decref(keys);
    return ok && deposit(admin, id, "BTC", run->recording->ask_base_atoms, unique) &&
           deposit(admin, id, "USD", run->recording->bid_quote_atoms, unique);
}

static bool read_token(const char *path, char *token, size_t room)
{
    const char *from_environment = path == NULL ? getenv("CASTLE_ADMIN_TOKEN") : NULL;
    if (from_environment != NULL) {
        snprintf(token, room, "%s", from_environment);
        return true;
    }
    FILE *file = fopen(path, "re");
    bool ok = file != NULL && fgets(token, (int)room, file) != NULL;
    if (ok)
        token[strcspn(token, " \t\r\n")] = '\0';
    if (!ok || token[0] == '\0')
        remark("%s: %s", path, file == NULL ? strerror(errno) : "no token in it");
    if (file != NULL)
        fclose(file);
    return ok && token[0] != '\0';
}

static bool set_up(struct run *run)
{
    struct admin admin = {0};
    char token[512];
    if (!read_token(run->options->token_path, token, sizeof(token)))
        return false;
    snprintf(admin.headers, sizeof(admin.headers),
             "Authorization: Bearer %s\r\nContent-Type: application/json\r\n", token);
    admin.client = http_client_open(&run->options->admin);
    bool ok = make_symbol(run, &admin) && make_user(run, &admin);
    http_client_close(admin.client);
    return ok;
}

/* Requests are stamped with the server's time: its clock need not be ours. */
static bool look_at_venue(struct run *run)
{
    int status = 0;
    int64_t before_us = clock_us(CLOCK_REALTIME);
    json_t *answer = call(run->client, "GET", "/api/v3/time", NULL, NULL, &status);
    const json_t *server_ms = json_object_get(answer, "serverTime");
    bool ok = status == 200 && json_is_integer(server_ms);
    if (answer != NULL && !ok)
        remark("GET /api/v3/time: status %d", status);
    run->server_offset_us = json_integer_value(server_ms) * 1000 - before_us;
    if (llabs(run->server_offset_us) < 500000)
        run->server_offset_us = 0; /* less than the request itself may take */
    json_decref(answer);
    if (!ok)
        return false;
    answer = call(run->client, "GET", "/api/v3/depth?symbol=BTCUSD&limit=5", NULL, NULL, &status);
    run->book_was_empty = status == 200 && json_array_size(json_object_get(answer, "bids")) == 0 &&
                          json_array_size(json_object_get(answer, "asks")) == 0;
    if (answer != NULL && !run->book_was_empty)
        remark("BTCUSD's book is not empty: the comparison means little");
    json_decref(answer);
    return answer != NULL;
}

/* At the end, the server's own list of our open orders against the picture its answers gave. */
static void check_open_orders(struct run *run)
{
    static const char path[] = "/api/v3/openOrders?";
    char target[512];
    int status = 0;
    uint32_t here_count;
    run->open_orders = run->open_orders_differ = -1;
    memcpy(target, path, sizeof(path));
    size_t at = sizeof(path) - 1;
    int length = snprintf(target + at, sizeof(target) - at, "symbol=BTCUSD");
    sign(run, target + at, (size_t)length, sizeof(target) - at);
    json_t *list = call(run->client, "GET", target, run->delete_header, NULL, &status);
    run->counts.requests++;
    if (status == 200 && json_is_array(list)) {
        int64_t same = 0;
        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *order = json_array_get(list, i);
            const char *name = json_string_value(json_object_get(order, "clientOrderId"));
            int64_t id = name != NULL && name[0] == 'b' ? strtoll(name + 1, NULL, 10) : 0;
            int64_t orig_atoms, executed_atoms, left_atoms = replay_picture_left(run->here, id);
            same += left_atoms > 0 && field_atoms(order, "origQty", &orig_atoms) &&
                    field_atoms(order, "executedQty", &executed_atoms) &&
                    orig_atoms - executed_atoms == left_atoms;
        }
        replay_picture_open(run->here, &here_count);
        run->open_orders = (int64_t)json_array_size(list);
        run->open_orders_differ = run->open_orders + here_count - 2 * same;
    }
    json_decref(list);
}

/* ---- the report ---- */

struct summary {
    uint32_t matched, missing, extra, extra_other_amount;
    uint32_t missing_by[MISSING_COUNT];
    int64_t recorded_atoms, produced_atoms;
};

static struct summary summarize(struct run *run)
{
    struct recording *recording = run->recording;
    struct summary summary = {0};
    summary.matched =
        replay_match_trades(recording->trades, recording->trade_count, run->produced,
                            run->produced_count, MATCH_WINDOW_MS, MATCH_TOLERANCE_ATOMS);
    summary.extra_other_amount =
        replay_pair_rest(recording->trades, recording->trade_count, run->produced,
                         run->produced_count, MATCH_WINDOW_MS);
    summary.missing = recording->trade_count - summary.matched;
    summary.extra = run->produced_count - summary.matched;
    for (uint32_t i = 0; i < recording->trade_count; i++) {
        const struct replay_trade *trade = &recording->trades[i];
        summary.recorded_atoms += trade->qty_atoms;
        if (trade->match == REPLAY_UNMATCHED)
            summary.missing_by[recording->reasons[i]]++;
        else if (trade->match == REPLAY_OTHER_AMOUNT)
            summary.missing_by[MISSING_OTHER_AMOUNT]++;
    }
    for (uint32_t i = 0; i < run->produced_count; i++)
        summary.produced_atoms += run->produced[i].qty_atoms;
    return summary;
}

static double per_second(uint64_t count, int64_t elapsed_us)
{
    return elapsed_us > 0 ? (double)count * 1e6 / (double)elapsed_us : 0.0;
}

static json_t *codes_json(const struct codes *codes)
{
    json_t *object = json_object();
    for (uint32_t i = 0; i < codes->count; i++) {
        char key[32];
        snprintf(key, sizeof(key), "%" PRId64, codes->list[i].code);
        json_object_set_new(object, key, json_integer((json_int_t)codes->list[i].count));
    }
    return object;
}

static json_t *count_or_null(int64_t count)
{
    return count < 0 ? json_null() : json_integer(count);
}

static void put(json_t *object, const char *key, uint64_t count)
{
    json_object_set_new(object, key, json_integer((json_int_t)count));
}

static void put_flow(json_t *to, const struct run *run)
{
    const struct counts *counts = &run->counts;
    const struct recording *recording = run->recording;
    put(to, "created", counts->created);
    put(to, "placed", counts->placed);
    json_object_set_new(to, "rejected", codes_json(&counts->rejected));
    put(to, "cancels", counts->cancels);
    put(to, "cancelsUnknown", counts->cancels_unknown);
    put(to, "cancelsZeroAmount", counts->cancels_zero);
    put(to, "cancelsReordered", counts->cancels_reordered);
    json_object_set_new(to, "cancelsRejected", codes_json(&counts->cancels_rejected));
    put(to, "deletedUnknown", recording->deleted_unknown);
    put(to, "deletedTwice", recording->deleted_twice);
    put(to, "marketOrders", recording->market_orders);
}

static void put_trades(json_t *to, const struct run *run, const struct summary *summary)
{
    static const char *const reasons[MISSING_COUNT] = {[MISSING_UNKNOWN_ORDER] = "unknownOrder",
                                                       [MISSING_MARKET_ORDER] = "marketOrder",
                                                       [MISSING_OTHER_AMOUNT] = "otherAmount",
                                                       [MISSING_OTHER] = "other"};
    char recorded[MONEY_TEXT_MAX + 1], produced[MONEY_TEXT_MAX + 1];
    recorded[money_format(summary->recorded_atoms, recorded)] = '\0';
    produced[money_format(summary->produced_atoms, produced)] = '\0';
    json_t *missing_by = json_object(), *extra_by = json_object();
    for (int i = 0; i < MISSING_COUNT; i++)
        put(missing_by, reasons[i], summary->missing_by[i]);
    put(extra_by, "otherAmount", summary->extra_other_amount);
    put(extra_by, "other", summary->extra - summary->extra_other_amount);
    put(to, "tradesRecorded", run->recording->trade_count);
    put(to, "tradesProduced", run->produced_count);
    put(to, "tradesMatched", summary->matched);
    put(to, "tradesMissing", summary->missing);
    json_object_set_new(to, "tradesMissingBy", missing_by);
    put(to, "tradesExtra", summary->extra);
    json_object_set_new(to, "tradesExtraBy", extra_by);
    json_object_set_new(to, "volumeRecorded", json_string(recorded));
    json_object_set_new(to, "volumeProduced", json_string(produced));
}

static void put_levels(json_t *to, const struct run *run)
{
    const struct counts *counts = &run->counts;
    put(to, "snapshots", counts->snapshots);
    put(to, "levelsCompared", counts->compared);
    put(to, "levelsEqual", counts->equal);
    put(to, "levelsDifferent", counts->different);
    put(to, "levelsDifferentOrders", run->offender_count);
    put(to, "levelsSkipped", counts->skipped_unknown + counts->skipped_timing);
    json_t *by = json_object();
    put(by, "unknownOrder", counts->skipped_unknown);
    put(by, "timing", counts->skipped_timing);
    json_object_set_new(to, "levelsSkippedBy", by);
}

static void report_json(const struct run *run, const struct summary *summary)
{
    const struct counts *counts = &run->counts;
    json_t *to = json_object();
    put_flow(to, run);
    put_trades(to, run, summary);
    put_levels(to, run);
    json_object_set_new(to, "openOrders", count_or_null(run->open_orders));
    json_object_set_new(to, "openOrdersDiffer", count_or_null(run->open_orders_differ));
    put(to, "answersUnexpected", counts->unexpected);
    json_object_set_new(to, "symbolExisted", json_boolean(run->symbol_existed));
    json_object_set_new(to, "bookWasEmpty", json_boolean(run->book_was_empty));
    json_object_set_new(to, "seconds", json_real((double)run->elapsed_us / 1e6));
    json_object_set_new(to, "ordersPerSecond",
                        json_real(per_second(counts->created, run->elapsed_us)));
    json_object_set_new(to, "requestsPerSecond",
                        json_real(per_second(counts->requests, run->elapsed_us)));
    put(to, "requests", counts->requests);
    put(to, "httpErrors", counts->http_errors);
    json_dumpf(to, stdout, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(to);
}

static void print_codes(const char *what, const struct codes *codes)
{
    for (uint32_t i = 0; i < codes->count; i++)
        printf("    %-8s %6" PRId64 " x %-6" PRIu64 " %s\n", what, codes->list[i].code,
               codes->list[i].count, codes->list[i].msg);
}

static void report_flow(const struct run *run)
{
    const struct counts *counts = &run->counts;
    const struct recording *recording = run->recording;
    printf("orders      %" PRIu64 " created there, %" PRIu64 " placed here\n", counts->created,
           counts->placed);
    print_codes("refused", &counts->rejected);
    printf("cancels     %" PRIu64 ", and %" PRIu64 " filled there but open here, %" PRIu64
           " whose deletion came first\n",
           counts->cancels, counts->cancels_zero, counts->cancels_reordered);
    printf("            %" PRIu64 " found nothing (filled here, deleted with an amount there)\n",
           counts->cancels_unknown);
    print_codes("refused", &counts->cancels_rejected);
    printf("skipped     %" PRIu64 " deletions of unknown orders (%" PRIu64
           " of them created later), %" PRIu64 " second deletions\n",
           recording->deleted_unknown, recording->deleted_early, recording->deleted_twice);
}

static void report_checks(const struct run *run, const struct summary *summary)
{
    const struct counts *counts = &run->counts;
    char recorded[MONEY_TEXT_MAX + 1], produced[MONEY_TEXT_MAX + 1];
    const uint32_t *by = summary->missing_by;
    printf("trades      %u recorded (%s BTC), %u produced (%s BTC), %u the same\n",
           run->recording->trade_count, trimmed_decimal(summary->recorded_atoms, recorded),
           run->produced_count, trimmed_decimal(summary->produced_atoms, produced),
           summary->matched);
    printf("  missing   %u: %u with an order from before the recording, %u with a market order,\n"
           "            %u of another amount, %u other\n",
           summary->missing, by[MISSING_UNKNOWN_ORDER], by[MISSING_MARKET_ORDER],
           by[MISSING_OTHER_AMOUNT], by[MISSING_OTHER]);
    printf("  extra     %u: %u of another amount, %u other\n", summary->extra,
           summary->extra_other_amount, summary->extra - summary->extra_other_amount);
    printf("snapshots   %" PRIu64 ": %" PRIu64 " levels of known orders, %" PRIu64
           " equal, %" PRIu64 " different (by %" PRIu64 " orders)\n",
           counts->snapshots, counts->compared, counts->equal, counts->different,
           run->offender_count);
    printf("  skipped   %" PRIu64 " levels with unknown orders, %" PRIu64
           " taken a moment before or after\n",
           counts->skipped_unknown, counts->skipped_timing);
    printf("venue       %" PRIu64 " answers that contradict price-time priority or each other\n",
           counts->unexpected);
    if (run->open_orders >= 0)
        printf("open        %" PRId64 " orders at the end, %" PRId64 " not as the answers said\n",
               run->open_orders, run->open_orders_differ);
}

static void report_text(const struct run *run, const struct summary *summary)
{
    const struct counts *counts = &run->counts;
    printf("recording   %s: %u lines\n", run->options->path, run->recording->count);
    report_flow(run);
    report_checks(run, summary);
    printf("rates       %.3f s, %.0f orders/s, %.0f requests/s; %" PRIu64 " requests, %" PRIu64
           " HTTP errors\n",
           (double)run->elapsed_us / 1e6, per_second(counts->created, run->elapsed_us),
           per_second(counts->requests, run->elapsed_us), counts->requests, counts->http_errors);
    puts("What each difference means: docs/REPLAY.md");
}

/* ---- the subcommand ---- */

const char replay_options[] =
    "  FILE\n"
    "        The recording; a name that ends in .xz is read through xz -dc.\n"
    "  --url http://HOST:PORT\n"
    "        Where the server serves clients.\n"
    "  --admin HOST:PORT\n"
    "        Its admin listener; http://HOST:PORT may be written, too.\n"
    "  --admin-token-file FILE\n"
    "        The token of that listener. Not needed with the variable CASTLE_ADMIN_TOKEN.\n"
    "  --speed max|N\n"
    "        As fast as it goes, or N times as fast as recorded. Default: max.\n"
    "  --json\n"
    "        The report as JSON. Default: off.\n";

static int usage(const char *format, const char *what)
{
    fputs("castle replay: ", stderr);
    fprintf(stderr, format, what);
    fputs("\nusage: castle replay " REPLAY_USAGE "\n", stderr);
    return 2;
}

/* The value of --name VALUE or --name=VALUE at argv[*at], *at moved onto it. False when argv[*at]
 * is another word; *value NULL when the value is missing. */
static bool take_option(int argc, char **argv, int *at, const char *name, const char **value)
{
    size_t length = strlen(name);
    const char *word = argv[*at];
    if (strncmp(word, name, length) != 0 || (word[length] != '\0' && word[length] != '='))
        return false;
    if (word[length] == '=')
        *value = word + length + 1;
    else
        *value = *at + 1 < argc ? argv[++*at] : NULL;
    return true;
}

static int parse_value(struct options *options, const char *name, const char *value)
{
    if (value == NULL || *value == '\0')
        return usage("%s needs a value", name);
    if (strcmp(name, "--url") == 0 && !http_address_parse(value, &options->url))
        return usage("--url: %s is not http://HOST:PORT", value);
    if (strcmp(name, "--admin") == 0 && !http_address_parse(value, &options->admin))
        return usage("--admin: %s is not http://HOST:PORT or HOST:PORT", value);
    if (strcmp(name, "--speed") == 0 && !replay_parse_speed(value, &options->speed_ppm))
        return usage("--speed: %s is neither max nor a number above 0", value);
    if (strcmp(name, "--admin-token-file") == 0)
        options->token_path = value;
    return 0;
}

static int check_complete(const struct options *options)
{
    if (options->path == NULL)
        return usage("%s is missing", "FILE");
    if (options->url.host[0] == '\0')
        return usage("%s is missing", "--url");
    if (options->admin.host[0] == '\0')
        return usage("%s is missing", "--admin");
    if (options->token_path == NULL && getenv("CASTLE_ADMIN_TOKEN") == NULL)
        return usage("%s is missing", "--admin-token-file");
    return 0;
}

static int parse_options(int argc, char **argv, struct options *options)
{
    static const char *const valued[] = {"--url", "--admin", "--admin-token-file", "--speed"};
    for (int i = 1; i < argc; i++) {
        const char *value = NULL;
        int code = -1;
        for (size_t j = 0; j < sizeof(valued) / sizeof(valued[0]) && code < 0; j++)
            if (take_option(argc, argv, &i, valued[j], &value))
                code = parse_value(options, valued[j], value);
        if (code > 0)
            return code;
        if (code == 0)
            continue;
        if (strcmp(argv[i], "--json") == 0)
            options->json = true;
        else if (argv[i][0] == '-' && argv[i][1] != '\0')
            return usage("%s is not an option of replay", argv[i]);
        else if (options->path != NULL)
            return usage("%s: a second FILE", argv[i]);
        else
            options->path = argv[i];
    }
    return check_complete(options);
}

static bool run_and_report(struct run *run)
{
    struct recording *recording = run->recording;
    run->client = http_client_open(&run->options->url);
    run->due = zeroed(recording->count, 1);
    run->feed = replay_picture_new(recording->count);
    run->here = replay_picture_new(recording->count);
    map_init(&run->offenders, recording->count);
    uint64_t prices_max = recording->count;
    for (uint32_t i = 0; i < recording->count; i++)
        prices_max += recording->lines[i].level_count[0] + recording->lines[i].level_count[1];
    ASSERT(prices_max < UINT32_MAX / 4);
    map_init(&run->excess[0], (uint32_t)prices_max);
    map_init(&run->excess[1], (uint32_t)prices_max);
    if (!set_up(run) || !look_at_venue(run) || !replay_all(run))
        return false;
    check_open_orders(run);
    struct summary summary = summarize(run);
    if (run->options->json)
        report_json(run, &summary);
    else
        report_text(run, &summary);
    return fflush(stdout) == 0;
}

static void run_free(struct run *run)
{
    http_client_close(run->client);
    request_signer_free(run->signer);
    free(run->due);
    free(run->produced);
    free(run->excess[0].entries);
    free(run->excess[1].entries);
    free(run->offenders.entries);
    replay_picture_free(run->feed);
    replay_picture_free(run->here);
}

int replay_main(int argc, char **argv)
{
    struct options options = {0};
    struct recording recording = {0};
    struct run run = {.options = &options, .recording = &recording};
    int code = parse_options(argc, argv, &options);
    if (code != 0)
        return code;
    bool ok = recording_load(&recording, options.path) && recording_plan(&recording);
    if (ok) {
        recording_explain(&recording);
        ok = run_and_report(&run);
    }
    run_free(&run);
    recording_free(&recording);
    return ok ? 0 : 1;
}
