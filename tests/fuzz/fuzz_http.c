/* Any bytes as the head of a request. What is a request stays one whatever follows it, and no part
 * of it is anything but the beginning of one: so it is all the same how the bytes came in pieces.
 */
#include "http/http.h"

#include "tenor/base.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct http_request request, again;
    enum http_read answer = http_read_request(&request, bytes, size);
    TN_ASSERT(memchr(request.path, '\0', sizeof request.path) != NULL);
    if (answer == HTTP_MORE) TN_ASSERT(size < HTTP_HEAD_MAX);
    if (answer != HTTP_REQUEST) return 0;
    TN_ASSERT(request.size <= size && request.size <= HTTP_HEAD_MAX && request.path[0] == '/');
    for (size_t part = 0; part < request.size; part++)
        TN_ASSERT(http_read_request(&again, bytes, part) == HTTP_MORE);
    TN_ASSERT(http_read_request(&again, bytes, request.size) == HTTP_REQUEST);
    TN_ASSERT(again.size == request.size && strcmp(again.path, request.path) == 0);
    TN_ASSERT(again.keep_alive == request.keep_alive && again.is_head == request.is_head);
    return 0;
}
