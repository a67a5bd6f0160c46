/* fuzz_guard.c - HTTP/1 heads: what guard_head() lets in, h2o's parser and a suspicious reader
 * understand alike.
 *
 * Input:   a head, as it was received, and what follows.
 */
#include <strings.h>

#include "http/guard.h"
#include "runtime/check.h"
#include "tests/fuzz/fuzz.h"

/* picohttpparser, as libh2o exports it; Debian has no header for it. */
struct phr_header {
    const char *name; /* NULL: the line before goes on */
    size_t name_length;
    const char *value;
    size_t value_length;
};
int phr_parse_request(const char *data, size_t length, const char **method, size_t *method_length,
                      const char **path, size_t *path_length, int *minor,
                      struct phr_header *headers, size_t *count, size_t last_length);

enum { HEADERS_MAX = 100 }; /* h2o's own limit */

static bool is(const char *data, size_t length, const char *word)
{
    return length == strlen(word) && strncasecmp(data, word, length) == 0;
}

/* Counts what says where the body ends; false when something else is wrong with the head. */
static bool count_lengths(const struct phr_header *headers, size_t count, uint32_t *lengths,
                          uint32_t *codings)
{
    bool good = true;
    *lengths = *codings = 0;
    for (size_t i = 0; i < count; i++) {
        const struct phr_header *header = &headers[i];
        if (!header->name)
            good = false;
        else if (is(header->name, header->name_length, "content-length"))
            ++*lengths;
        else if (is(header->name, header->name_length, "transfer-encoding")) {
            ++*codings;
            good &= is(header->value, header->value_length, "chunked");
        }
    }
    return good;
}

static bool has_bare_newline(const char *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (data[i] == '\n' && (i == 0 || data[i - 1] != '\r'))
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct phr_header headers[HEADERS_MAX];
    const char *method, *path;
    size_t method_length, path_length, count = HEADERS_MAX;
    uint32_t lengths, codings;
    int minor;
    char *head = fuzz_copy(data, size);
    enum guard_head judged = guard_head(head, size);
    int end = phr_parse_request(head, size, &method, &method_length, &path, &path_length, &minor,
                                headers, &count, 0);
    if (end > 0) { /* h2o would make a request of it */
        char *alone = fuzz_copy(data, (size_t)end);
        ASSERT(guard_head(alone, (size_t)end) == judged); /* what follows is not looked at */
        free(alone);
        bool good = count_lengths(headers, count, &lengths, &codings) &&
                    !has_bare_newline(head, (size_t)end);
        if (judged != GUARD_HEAD_AMBIGUOUS) {
            ASSERT(good);
            ASSERT(lengths + codings <= 1 && codings == (judged == GUARD_HEAD_CHUNKED));
        } else {
            ASSERT(!good || lengths + codings > 1); /* nothing good is refused */
        }
    }
    free(head);
    return 0;
}
