/* h2o_quiet.h - h2o's headers on its own event loop, without the warnings that they give. */
#ifndef H2O_QUIET_H
#define H2O_QUIET_H

#define H2O_USE_LIBUV 0

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <h2o.h>
#include <h2o/http1.h>
#include <h2o/http2.h>
#pragma GCC diagnostic pop

#endif
