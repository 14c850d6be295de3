/* The HTTP API as OpenAPI 3.1: src/core/openapi.json, which src/core/openapi.cmake makes a text of. A test holds it to
 * http_path.def, and what the paths answer to it. */
#ifndef BC_CORE_OPENAPI_H
#define BC_CORE_OPENAPI_H

#include <stddef.h>

extern const size_t core_openapi_bytes;
extern const char core_openapi[];

#endif
