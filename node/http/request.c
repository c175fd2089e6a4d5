/* The head of an HTTP/1.1 request: pure, total, strict where strictness keeps two readers of one
 * stream from disagreeing (RFC 9112): only CRLF or LF ends a line, no space before a colon, no
 * folded lines, one Host, and no body at all. */
#include "http/http.h"

#include <string.h>

struct line {
    const char *bytes;
    size_t size; /* without its end */
};

/* The next line at *at; false: it has not ended. */
static bool next_line(struct line *line, size_t *at, const char *bytes, size_t size)
{
    const char *end = memchr(bytes + *at, '\n', size - *at);
    if (end == NULL) return false;
    line->bytes = bytes + *at;
    line->size = (size_t)(end - line->bytes);
    *at += line->size + 1;
    if (line->size > 0 && line->bytes[line->size - 1] == '\r') line->size--;
    return true;
}

static bool is_token_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool starts(const struct line *line, const char *text)
{
    size_t length = strlen(text);
    return line->size >= length && memcmp(line->bytes, text, length) == 0;
}

/* The path of a target in origin form, up to its query; characters beyond ASCII letters and a few
 * signs belong to no page that there is. */
static bool take_path(struct http_request *request, const char *target, size_t size)
{
    size_t length = 0;
    if (size == 0 || target[0] != '/') return false;
    while (length < size && target[length] != '?')
        length++;
    for (size_t i = 0; i < size; i++) {
        if (target[i] <= 0x20 || target[i] == 0x7f) return false;
    }
    if (length >= sizeof request->path)
        length = sizeof request->path - 1; /* there is no such page */
    memcpy(request->path, target, length);
    request->path[length] = '\0';
    return true;
}

static enum http_read take_start(struct http_request *request, const struct line *line)
{
    const char *space = memchr(line->bytes, ' ', line->size);
    if (space == NULL || space == line->bytes) return HTTP_BAD;
    const char *target = space + 1;
    const char *version = memchr(target, ' ', line->size - (size_t)(target - line->bytes));
    if (version == NULL) return HTTP_BAD;
    for (const char *at = line->bytes; at < space; at++) {
        if (!is_token_byte(*at)) return HTTP_BAD;
    }
    struct line rest = {.bytes = version + 1,
                        .size = line->size - (size_t)(version + 1 - line->bytes)};
    if (rest.size != 8 || !starts(&rest, "HTTP/") || rest.bytes[6] != '.') return HTTP_BAD;
    if (!starts(&rest, "HTTP/1.")) return HTTP_VERSION;
    if (rest.bytes[7] != '0' && rest.bytes[7] != '1') return HTTP_VERSION;
    request->keep_alive = rest.bytes[7] == '1';
    request->is_head = starts(line, "HEAD ");
    if (!request->is_head && !starts(line, "GET ")) return HTTP_METHOD;
    return take_path(request, target, (size_t)(version - target)) ? HTTP_REQUEST : HTTP_BAD;
}

static char small(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_word(const char *bytes, size_t size, const char *word)
{
    if (strlen(word) != size) return false;
    for (size_t i = 0; i < size; i++) {
        if (small(bytes[i]) != word[i]) return false;
    }
    return true;
}

/* One of the words of a list that commas separate. */
static bool has_word(const char *value, size_t size, const char *word)
{
    for (size_t at = 0; at <= size;) {
        const char *comma = at < size ? memchr(value + at, ',', size - at) : NULL;
        size_t end = comma == NULL ? size : (size_t)(comma - value);
        size_t first = at, last = end;
        while (first < last && (value[first] == ' ' || value[first] == '\t'))
            first++;
        while (last > first && (value[last - 1] == ' ' || value[last - 1] == '\t'))
            last--;
        if (same_word(value + first, last - first, word)) return true;
        at = end + 1;
    }
    return false;
}

static bool is_zero(const char *value, size_t size)
{
    while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t'))
        size--;
    while (size > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        size--;
    }
    return size == 1 && *value == '0';
}

static enum http_read take_field(struct http_request *request, uint32_t *hosts,
                                 const struct line *line)
{
    const char *colon = memchr(line->bytes, ':', line->size);
    if (colon == NULL || colon == line->bytes) return HTTP_BAD;
    size_t name = (size_t)(colon - line->bytes), size = line->size - name - 1;
    const char *value = colon + 1;
    for (size_t i = 0; i < name; i++) {
        if (!is_token_byte(line->bytes[i])) return HTTP_BAD;
    }
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)value[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return HTTP_BAD;
    }
    if (same_word(line->bytes, name, "host")) ++*hosts;
    if (same_word(line->bytes, name, "transfer-encoding")) return HTTP_BODY;
    if (same_word(line->bytes, name, "content-length") && !is_zero(value, size)) return HTTP_BODY;
    if (same_word(line->bytes, name, "connection")) {
        if (has_word(value, size, "close")) request->keep_alive = false;
    }
    return HTTP_REQUEST;
}

enum http_read http_read_request(struct http_request *request, const char *bytes, size_t size)
{
    struct line line;
    size_t at = 0;
    uint32_t hosts = 0;
    bool is_whole = false;
    size_t seen = size < HTTP_HEAD_MAX ? size : HTTP_HEAD_MAX;
    *request = (struct http_request){.keep_alive = false};
    if (!next_line(&line, &at, bytes, seen))
        return size >= HTTP_HEAD_MAX ? HTTP_TOO_LARGE : HTTP_MORE;
    enum http_read answer = take_start(request, &line);
    bool is_new = answer == HTTP_REQUEST && line.bytes[line.size - 1] == '1'; /* HTTP/1.1 */
    while (answer == HTTP_REQUEST && next_line(&line, &at, bytes, seen)) {
        is_whole = line.size == 0;
        if (is_whole) break;
        answer = take_field(request, &hosts, &line);
    }
    if (answer != HTTP_REQUEST) return answer;
    if (!is_whole) return size >= HTTP_HEAD_MAX ? HTTP_TOO_LARGE : HTTP_MORE;
    if (hosts > 1 || (hosts == 0 && is_new)) return HTTP_BAD;
    request->size = at;
    return HTTP_REQUEST;
}
