/* openapi.h - docs/openapi.yaml as JSON, made by the build. */
#ifndef OPENAPI_H
#define OPENAPI_H

#include <stddef.h>

extern const char openapi_json[];
extern const size_t openapi_length;

#endif
