#define _GNU_SOURCE /* memmem */

#include "http/page.h"

#include <string.h>
#include <strings.h>

const struct page_file *page_find(struct slice path, uint32_t listeners)
{
    for (size_t i = 0; i < page_files_count; i++)
        if ((page_files[i].listeners & listeners) && strlen(page_files[i].path) == path.length &&
            memcmp(page_files[i].path, path.data, path.length) == 0)
            return &page_files[i];
    return NULL;
}

/* Whether one of the tags that the client has is the form's (RFC 9110 13.1.2). An ETag is in
 * quotes that it has none of inside, so one that is found is a whole one. */
static bool client_has(const struct call *call, const struct page_form *form)
{
    struct slice asked = call->if_none_match;
    return asked.length && memmem(asked.data, asked.length, form->etag, strlen(form->etag));
}

/* One coding of Accept-Encoding (RFC 9110 12.5.3): gzip, and not with a weight of 0. */
static bool is_gzip(struct slice coding)
{
    static const char gzip[] = "gzip";
    const char *at = coding.data, *end = coding.data + coding.length;
    while (at < end && *at == ' ')
        at++;
    if ((size_t)(end - at) < sizeof gzip - 1 || strncasecmp(at, gzip, sizeof gzip - 1) != 0)
        return false;
    at += sizeof gzip - 1;
    while (at < end && *at == ' ')
        at++;
    if (at == end)
        return true;
    if (*at != ';')
        return false; /* another word that begins so */
    const char *weight = memchr(at, '=', (size_t)(end - at));
    while (weight && ++weight < end)
        if (*weight >= '1' && *weight <= '9')
            return true;
    return weight == NULL;
}

static bool takes_gzip(struct slice accepted)
{
    if (!accepted.length)
        return false; /* no such header: nothing to point into */
    const char *end = accepted.data + accepted.length;
    for (const char *at = accepted.data; at < end; at++) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        if (is_gzip((struct slice){at, (size_t)(stop - at)}))
            return true;
        at = stop;
    }
    return false;
}

bool page_start(struct call *call, uint32_t listener)
{
    const struct page_file *file = page_find(call->path, listener);
    if (!file)
        return false;
    if (call->method != METHOD_GET && call->method != METHOD_HEAD) {
        call_error(call, 405, -1000, "This method is not supported here.");
        return true;
    }
    bool gzip = file->gzip.data && takes_gzip(call->accept_encoding);
    call->page = file;
    call->page_form = gzip ? &file->gzip : &file->plain;
    call->content_type = file->type;
    call_respond(call, client_has(call, call->page_form) ? 304 : 200, call->page_form->data,
                 call->page_form->length);
    return true;
}
