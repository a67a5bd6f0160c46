/* Goal: the help of `serve` and `demo` says what is so. Method: it is read as a person reads it,
 * and what it says is tried: the default of every option gives what no option gives, both ends of a
 * range are taken, one beyond them is not. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/options.h"

enum { OPTIONS_ROOM = 64 };

struct told {
    char name[64], value[64], text[512];
};

/* The options that the help lists, their texts in one line each. */
static uint32_t read_help(bool demo, struct told out[OPTIONS_ROOM])
{
    char *help = NULL;
    size_t size;
    uint32_t count = 0;
    FILE *file = open_memstream(&help, &size);
    options_help(file, demo);
    fclose(file);
    for (char *line = strtok(help, "\n"); line; line = strtok(NULL, "\n")) {
        cr_assert_leq(strlen(line), 80, "%s", line);
        if (strncmp(line, "  --", 4) == 0) {
            cr_assert_lt(count, OPTIONS_ROOM);
            struct told *told = &out[count++];
            *told = (struct told){0};
            cr_assert_geq(sscanf(line, "  --%63s %63s", told->name, told->value), 1, "%s", line);
        } else {
            cr_assert(count > 0 && strncmp(line, "        ", 8) == 0, "%s", line);
            cr_assert_lt(strlen(out[count - 1].text) + strlen(line), sizeof out->text);
            strcat(out[count - 1].text, line + 7);
        }
    }
    free(help);
    return count;
}

static const char *find_default(const struct told *told, char out[static 128])
{
    const char *at = strstr(told->text, " Default: ");
    cr_assert(at != NULL, "--%s: %s", told->name, told->text);
    snprintf(out, 128, "%s", at + strlen(" Default: "));
    cr_assert_eq(out[strlen(out) - 1], '.', "--%s: %s", told->name, told->text);
    out[strlen(out) - 1] = '\0';
    return out;
}

static bool try_one(struct options *options, bool demo, const char *name, const char *value)
{
    static char word[256]; /* options point into it */
    snprintf(word, sizeof word, "--%s=%s", name, value);
    char *argv[] = {(char *)(demo ? "demo" : "serve"), word, NULL};
    return options_read(options, 2, argv);
}

static bool is_sentence(const struct told *told, const char *text)
{
    return told->value[0] == 'N' && told->value[1] == '\0'
               ? text[0] < '0' || text[0] > '9'
               : strcmp(text, "none") == 0 || strchr(text, ' ') || strcmp(text, "nobody's") == 0;
}

static bool same(const struct options *a, const struct options *b)
{
    const char *const texts[][2] = {{a->data, b->data},
                                    {a->listen, b->listen},
                                    {a->admin, b->admin},
                                    {a->pin, b->pin},
                                    {a->rate_limits, b->rate_limits},
                                    {a->history, b->history},
                                    {a->durability, b->durability},
                                    {a->log_level, b->log_level}};
    const uint64_t numbers[][2] = {{a->done_orders, b->done_orders},
                                   {a->market_shards, b->market_shards},
                                   {a->account_shards, b->account_shards},
                                   {a->max_users, b->max_users},
                                   {a->max_symbols, b->max_symbols},
                                   {a->max_orders, b->max_orders},
                                   {a->max_connections, b->max_connections},
                                   {a->max_connections_per_address, b->max_connections_per_address},
                                   {a->request_timeout, b->request_timeout},
                                   {a->idle_timeout, b->idle_timeout},
                                   {a->segment_mib, b->segment_mib},
                                   {a->snapshot_seconds, b->snapshot_seconds},
                                   {a->snapshot_records, b->snapshot_records},
                                   {a->prefault, b->prefault},
                                   {a->keep, b->keep},
                                   {a->seed, b->seed},
                                   {a->days, b->days}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i][0], texts[i][1]) != 0)
            return false;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i][0] != numbers[i][1])
            return false;
    return true;
}

static void check_defaults(bool demo, uint32_t sentences_expected)
{
    static struct told told[OPTIONS_ROOM];
    struct options bare, given;
    char *argv[] = {(char *)(demo ? "demo" : "serve"), NULL};
    uint32_t count = read_help(demo, told), sentences = 0;
    cr_assert(options_read(&bare, 1, argv));
    for (uint32_t i = 0; i < count; i++) {
        char text[128];
        find_default(&told[i], text);
        if (is_sentence(&told[i], text)) {
            sentences++;
            continue;
        }
        cr_assert(try_one(&given, demo, told[i].name, text), "--%s %s", told[i].name, text);
        cr_assert(same(&bare, &given), "--%s %s is not its default", told[i].name, text);
    }
    cr_assert_eq(sentences, sentences_expected, "%u have no value by default", sentences);
}

Test(options, the_defaults_that_the_help_tells_are_those_that_hold)
{
    check_defaults(false, 8);
    check_defaults(true, 8);
}

Test(options, both_ends_of_a_range_are_taken_and_no_more)
{
    static struct told told[OPTIONS_ROOM];
    uint32_t count = read_help(true, told), ranges = 0;
    for (uint32_t i = 0; i < count; i++) {
        unsigned long low, high;
        char text[32];
        struct options options;
        const char *range = strstr(told[i].text, " From ");
        if (!range || sscanf(range, " From %lu to %lu.", &low, &high) != 2)
            continue;
        ranges++;
        for (uint32_t end = 0; end < 2; end++) {
            snprintf(text, sizeof text, "%lu", end ? high : low);
            cr_assert(try_one(&options, true, told[i].name, text), "--%s %s", told[i].name, text);
        }
        if (low > 0) {
            snprintf(text, sizeof text, "%lu", low - 1);
            cr_assert_not(try_one(&options, true, told[i].name, text), "--%s %s", told[i].name,
                          text);
        }
        if (high < UINT64_MAX) {
            snprintf(text, sizeof text, "%lu", high + 1);
            cr_assert_not(try_one(&options, true, told[i].name, text), "--%s %s", told[i].name,
                          text);
        }
    }
    cr_assert_geq(ranges, 16);
}

Test(options, every_choice_that_the_help_tells_is_taken_and_no_other)
{
    static struct told told[OPTIONS_ROOM];
    uint32_t count = read_help(false, told), choices = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct options options;
        if (!strchr(told[i].value, '|'))
            continue;
        for (char *value = strtok(told[i].value, "|"); value; value = strtok(NULL, "|")) {
            cr_assert(try_one(&options, false, told[i].name, value), "--%s %s", told[i].name,
                      value);
            choices++;
        }
        cr_assert_not(try_one(&options, false, told[i].name, "other"), "--%s", told[i].name);
        cr_assert_not(try_one(&options, false, told[i].name, "o"), "--%s", told[i].name);
    }
    cr_assert_geq(choices, 12);
}

Test(options, a_demo_lists_its_own_options_and_its_own_defaults)
{
    static struct told serve[OPTIONS_ROOM], demo[OPTIONS_ROOM];
    uint32_t in_serve = read_help(false, serve), in_demo = read_help(true, demo), other = 0;
    cr_assert_eq(in_demo, in_serve + 3);
    for (uint32_t i = 0; i < in_serve; i++) {
        uint32_t same_name = 0;
        for (uint32_t j = 0; j < in_demo; j++)
            if (strcmp(serve[i].name, demo[j].name) == 0) {
                same_name++;
                other += strcmp(serve[i].text, demo[j].text) != 0;
            }
        cr_assert_eq(same_name, 1, "--%s is %u times in the help of demo", serve[i].name,
                     same_name);
    }
    cr_assert_eq(other, 3, "data, log-level and segment-mib differ, but %u do", other);
}
