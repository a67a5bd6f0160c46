/* page.h - the web pages: a fixed table of files that are part of the program, made by the build
 * out of http/web/ (http/web/embed.py).
 *
 * Thread:  the ingress core's; the table is constant.
 * Paths:   "/" and "/web/..." as they are in the table, byte for byte; nothing is read from a disk.
 */
#ifndef PAGE_H
#define PAGE_H

#include <string.h>

#include "http/ingress.h"

/* Whose page: a trader's on the public listener, an operator's on the admin one. Bits: a file may
 * be of both. */
enum { PAGE_PUBLIC = 1, PAGE_ADMIN = 2 };

struct page_form {
    const char *data, *etag; /* etag: with its quotes */
    size_t length;
};

struct page_file {
    uint8_t listeners;
    const char *path, *type;
    struct page_form plain, gzip; /* gzip.data NULL: it is no smaller */
};

extern const struct page_file page_files[];
extern const size_t page_files_count;
extern const char page_policy[]; /* the Content-Security-Policy of all of them */

/* Whether a path can be a file's; none of the API's can. Thread: any. */
static inline bool page_may_be(struct slice path)
{
    return path.length == 1 || (path.length > 5 && memcmp(path.data, "/web/", 5) == 0);
}

/* The file at a path of one of these listeners; NULL: there is none. Thread: any. */
const struct page_file *page_find(struct slice path, uint32_t listeners);

/* Answers a call for a file of the page: GET and HEAD with it, gzipped where the client takes that,
 * or with 304 when it has it; other methods with 405. False: its path is none of the page's,
 * nothing was answered. */
bool page_start(struct call *call, uint32_t listener);

#endif
