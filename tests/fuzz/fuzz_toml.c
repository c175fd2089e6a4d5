/* Any bytes as a TOML document: taken or refused, with every text and every place within bounds. */
#include "settings/toml.h"

#include "tenor/base.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t check(const struct toml_document *document, const struct toml_value *value,
                      uint32_t depth)
{
    uint32_t line, column, count = 1;
    TN_ASSERT(depth <= TOML_DEPTH_MAX * TOML_DEPTH_MAX);
    toml_place(document, &line, &column, value->at);
    TN_ASSERT(line >= 1 && column >= 1);
    TN_ASSERT(value->key.bytes == NULL || value->key.bytes[value->key.size] == '\0');
    if (value->kind == TOML_STRING) {
        TN_ASSERT(value->as.text.bytes >= document->texts);
        TN_ASSERT(value->as.text.bytes + value->as.text.size <
                  document->texts + document->texts_size);
        TN_ASSERT(value->as.text.bytes[value->as.text.size] == '\0');
    }
    if (value->kind != TOML_TABLE && value->kind != TOML_ARRAY) return count;
    const struct toml_value *child = toml_first(document, value);
    for (; child != NULL; child = toml_next(document, child)) {
        TN_ASSERT((child->key.bytes != NULL) == (value->kind == TOML_TABLE));
        count += check(document, child, depth + 1);
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct toml_document document;
    struct toml_fault fault;
    if (toml_read(&document, &fault, (const char *)data, size)) {
        /* Every value stands in the tree once. */
        TN_ASSERT(check(&document, &document.values[0], 0) == document.values_count);
        toml_free(&document);
    } else {
        TN_ASSERT(fault.line >= 1 && fault.column >= 1 && fault.text[0] != '\0');
        TN_ASSERT(strlen(fault.text) < sizeof fault.text);
    }
    return 0;
}
