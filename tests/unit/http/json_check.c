#include <stdlib.h>
#include <string.h>

#include "http/json.h"
#include "http/text.h"
#include "runtime/check.h"
#include "tests/unit/http/json_twin.h"

enum { NODES_MAX = 256 };

static void show_number(struct text *out, const struct json_node *node)
{
    char *text = strndup(node->text, node->length), *end;
    if (strpbrk(text, ".eE"))
        text_format(out, "r%.17g ", strtod(text, &end));
    else
        text_format(out, "i%lld ", strtoll(text, &end, 10));
    ASSERT(*end == '\0');
    free(text);
}

/* As json_twin_read() shows it. */
static void show(struct text *out, const struct json_node *nodes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct json_node *node = &nodes[i];
        switch (node->type) {
        case JSON_OBJECT:
        case JSON_ARRAY:
            text_format(out, "%c%u ", node->type == JSON_OBJECT ? 'o' : 'a', node->count);
            break;
        case JSON_STRING:
            text_format(out, "s%u:", node->length);
            text_add(out, node->text, node->length);
            break;
        case JSON_NUMBER:
            show_number(out, node);
            break;
        default:
            text_add(out, &"nft"[node->type], 1);
        }
    }
}

/* Every member is found by its name, and `next` leads from one to the other. */
static void walk(const struct json_node *nodes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct json_node *node = &nodes[i];
        bool object = node->type == JSON_OBJECT;
        uint32_t child = i + 1;
        ASSERT(node->next > i && node->next <= count);
        for (uint32_t member = 0; member < node->count; member++) {
            if (object) {
                char *name = strndup(nodes[child].text, nodes[child].length);
                ASSERT(json_member(nodes, node, name) == &nodes[child + 1]);
                free(name);
            }
            child = nodes[child + object].next;
        }
        ASSERT(child == node->next);
    }
}

bool json_check(const char *text, size_t length)
{
    static struct json_node nodes[NODES_MAX];
    struct text ours = {0}, theirs = {0};
    struct json_twin_size size = {0};
    char *copy = malloc(length ? length : 1); /* of its own, so that reading past its end is seen */
    ASSERT(copy != NULL);
    memcpy(copy, text, length);
    uint32_t count = json_parse(copy, length, nodes, NODES_MAX);
    enum json_twin twin = json_twin_read(text, length, &theirs, &size);
    if (memchr(text, '\0', length)) /* which jansson passes over behind some values */
        twin = JSON_TWIN_REFUSES;
    bool within =
        size.nodes <= NODES_MAX && size.depth <= JSON_DEPTH_MAX && size.members <= JSON_MEMBERS_MAX;
    if (twin != JSON_TWIN_CANNOT)
        ASSERT((count > 0) == (twin == JSON_TWIN_READS && within));
    walk(nodes, count);
    if (count && twin == JSON_TWIN_READS) {
        show(&ours, nodes, count);
        ASSERT(count == size.nodes && ours.length == theirs.length);
        ASSERT(memcmp(ours.data, theirs.data, ours.length) == 0);
    }
    free(copy);
    free(ours.data);
    free(theirs.data);
    return count > 0;
}
